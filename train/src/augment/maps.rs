//! The random changes of a batch, as numbers.

use glyphic_model::glyph::SIDE;
use rand::{RngExt, rngs::StdRng};

use crate::{config::Augmentation, random::signed};

/// Control points of the elastic displacement, a side.
pub(super) const CONTROL: usize = 5;
/// Reach of a control point (standard deviation of its Gaussian), in pixels.
const REACH: f32 = 5.0;
/// Terms of a map: x, y, the constant, and the control points.
pub(super) const TERMS: usize = 3 + CONTROL * CONTROL;

/// Numbers that describe how one picture is changed.
pub const MAP: usize = 2 * TERMS;

/// Random changes within these ranges, [`MAP`] numbers a picture. They are drawn for a
/// whole batch, so that they do not depend on how many devices share it.
pub fn random_maps(ranges: &Augmentation, batch: usize, rng: &mut StdRng) -> Vec<f32> {
    (0..batch).flat_map(|_| random_map(ranges, rng)).collect()
}

/// How one picture is changed: coefficients `[28, 2]` in row order, first the affine part,
/// then the displacement of each control point.
fn random_map(ranges: &Augmentation, rng: &mut StdRng) -> Vec<f32> {
    let Augmentation { rotation, scale, shear, shift, elastic, unchanged } = *ranges;
    if unchanged > 0.0 && rng.random::<f32>() < unchanged {
        let mut map = vec![0.0; MAP];
        (map[0], map[3]) = (1.0, 1.0);
        return map;
    }
    let mut within = |range: f32| range * signed(rng);
    let (sin, cos) = within(rotation).to_radians().sin_cos();
    let (wide, high) = (1.0 + within(scale), 1.0 + within(scale));
    let slant = within(shear);
    let pixel = 2.0 / SIDE as f32;
    // Rotation × slant × size, transposed: rows are x, y and the constant.
    let mut map = vec![
        cos * wide,
        sin * wide,
        (cos * slant - sin) * high,
        (sin * slant + cos) * high,
        within(shift) * pixel,
        within(shift) * pixel,
    ];
    map.extend((0..2 * CONTROL * CONTROL).map(|_| elastic * pixel * normal(rng)));
    map
}

/// A pixel's middle in grid coordinates, −1 to 1.
pub(super) fn grid(pixel: usize) -> f32 {
    (2.0 * pixel as f32 + 1.0) / SIDE as f32 - 1.0
}

/// The position of a control point, in pixels.
pub(super) fn centre(control: usize) -> f32 {
    let spacing = SIDE as f32 / CONTROL as f32;
    (control as f32 + 0.5) * spacing - 0.5
}

/// The share of a control point's displacement that a pixel at this distance follows.
pub(super) fn gaussian(distance: f32) -> f32 {
    (-distance * distance / (2.0 * REACH * REACH)).exp()
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut StdRng) -> f32 {
    // 1 − random, because the logarithm of 0 is infinite and `random` may be 0.
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}
