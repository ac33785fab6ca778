//! Random changes to training pictures: one affine map and one smooth elastic displacement
//! a picture, in a single resampling; then strokes grow or thin, blur, or lose a piece, and
//! grain falls on all.
//!
//! [`random_maps`] decides what happens, for a whole batch. An [`Augmenter`] does it on any
//! device, a [`HostAugmenter`] on the CPU; both make the same pictures.

mod device;
mod host;

use std::{array::from_fn, ops::Range};

pub use device::Augmenter;
use glyphic_model::glyph::{PIXELS, SIDE};
pub use host::HostAugmenter;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::config::Augmentation;

/// Control points of the elastic displacement, a side.
const CONTROL: usize = 5;
/// Reach of a control point (standard deviation of its Gaussian), in pixels.
const REACH: f32 = 5.0;
/// Terms of a warp: x, y, the constant, and the control points.
const TERMS: usize = 3 + CONTROL * CONTROL;
/// Numbers of a warp.
const WARP: usize = 2 * TERMS;

/// How far at most a pixel's ink moves to the most, or the least, of its four neighbours'.
const THICKER: f32 = 0.7;
/// Sides of the erased rectangle, in pixels.
const ERASED: Range<usize> = 2..8;
/// Pixels at the edges where nothing is erased: there is no ink.
const MARGIN: usize = 2;
/// The coarsest grain, as the standard deviation of its ink (of 255).
const COARSEST: f32 = 32.0;
/// Pictures of grain to choose from.
const GRAINS: usize = 256;
/// Numbers that say what happens to the ink.
const INK: usize = 8;

/// Numbers that describe how one picture is changed.
pub const MAP: usize = WARP + INK;

/// Random changes within these ranges, [`MAP`] numbers a picture. They are drawn for a
/// whole batch, so that they do not depend on how many devices share it.
pub fn random_maps(ranges: &Augmentation, batch: usize, rng: &mut StdRng) -> Vec<f32> {
    (0..batch).flat_map(|_| random_map(ranges, rng)).collect()
}

/// How one picture is changed. First the coefficients of its warp, `[28, 2]` in row order:
/// the affine part, then the displacement of each control point. Then what happens to the
/// ink: change of thickness, blur, the erased rectangle's left, top, right and bottom, how
/// coarse the grain is and which.
fn random_map(ranges: &Augmentation, rng: &mut StdRng) -> Vec<f32> {
    let Augmentation { rotation, scale, shear, shift, elastic, .. } = *ranges;
    let mut within = |range: f32| range * (2.0 * rng.random::<f32>() - 1.0);
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
    map.extend(random_ink(ranges, rng));
    map
}

/// What happens to the ink. Nothing is drawn for what never happens, so that the other
/// random numbers are the same without it.
fn random_ink(ranges: &Augmentation, rng: &mut StdRng) -> [f32; INK] {
    let mut happens = |share: f32| share > 0.0 && rng.random::<f32>() < share;
    let [thickness, blur, erase] = [ranges.thickness, ranges.blur, ranges.erase].map(&mut happens);
    let thickness = if thickness { THICKER * (2.0 * rng.random::<f32>() - 1.0) } else { 0.0 };
    let blur = if blur { rng.random::<f32>() } else { 0.0 };
    let [left, top, right, bottom] = if erase { rectangle(rng) } else { [0.0; 4] };
    let (coarse, which) = match ranges.noise > 0.0 && rng.random::<f32>() < ranges.noise {
        true => (COARSEST * rng.random::<f32>(), rng.random_range(0..GRAINS)),
        false => (0.0, 0),
    };
    [thickness, blur, left, top, right, bottom, coarse, which as f32]
}

/// [`GRAINS`] pictures of standard normal numbers, the same in every run: what a device and
/// a CPU add is alike, and nothing but its number and strength travels.
fn grains() -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(0);
    (0..GRAINS * PIXELS).map(|_| normal(&mut rng)).collect()
}

/// A rectangle within the field.
fn rectangle(rng: &mut StdRng) -> [f32; 4] {
    let [[left, right], [top, bottom]] = from_fn(|_| {
        let side = rng.random_range(ERASED);
        let first = rng.random_range(MARGIN..=SIDE - MARGIN - side);
        [first as f32, (first + side) as f32]
    });
    [left, top, right, bottom]
}

/// A pixel's middle in grid coordinates.
fn grid(pixel: usize) -> f32 {
    (2.0 * pixel as f32 + 1.0) / SIDE as f32 - 1.0
}

/// Where a control point is, in pixels.
fn centre(control: usize) -> f32 {
    let spacing = SIDE as f32 / CONTROL as f32;
    (control as f32 + 0.5) * spacing - 0.5
}

/// How much a control point moves what is so many pixels away.
fn gaussian(distance: f32) -> f32 {
    (-distance * distance / (2.0 * REACH * REACH)).exp()
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::{Purpose, rng};

    #[test]
    fn ink_changes_as_often_as_asked() {
        let ink = Augmentation { thickness: 0.5, blur: 0.25, erase: 0.1, ..Augmentation::NONE };
        let ink = Augmentation { noise: 0.4, ..ink };
        let maps = random_maps(&ink, 2000, &mut rng(1, Purpose::Augmentation, 0));
        let (maps, _) = maps.as_chunks::<MAP>();
        let share =
            |at: usize| maps.iter().filter(|map| map[WARP + at] != 0.0).count() as f32 / 2000.0;
        for (at, asked) in [(0, 0.5), (1, 0.25), (2, 0.1), (6, 0.4)] {
            assert!((share(at) - asked).abs() < 0.04, "{at}: {} of {asked}", share(at));
        }
        let edges =
            |at: usize| maps.iter().map(move |map| map[WARP + at]).filter(|&edge| edge != 0.0);
        assert_eq!(edges(2).fold(f32::MAX, f32::min), MARGIN as f32);
        assert_eq!(edges(4).fold(0.0, f32::max), (SIDE - MARGIN) as f32);
        assert!(
            maps.iter()
                .all(|map| map[WARP].abs() <= THICKER && (0.0..=1.0).contains(&map[WARP + 1]))
        );
    }
}
