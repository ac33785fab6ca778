//! Random changes to training pictures, computed on the device: one affine map
//! and one smooth elastic displacement a picture, in a single resampling.

use burn::tensor::{
    Device, Tensor, TensorData,
    ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode},
};
use glyphic_model::glyph::{PIXELS, SIDE};
use rand::{RngExt, rngs::StdRng};

use crate::config::Augmentation;

/// Control points of the elastic displacement, a side.
const CONTROL: usize = 5;
/// Reach of a control point (standard deviation of its Gaussian), in pixels.
const REACH: f32 = 5.0;

/// Terms of a map: x, y, the constant, and the control points.
const TERMS: usize = 3 + CONTROL * CONTROL;
/// Numbers that describe how one picture is changed.
pub const MAP: usize = 2 * TERMS;

/// Applies an [`Augmentation`] to batches. Holds what is the same for every
/// batch, on the device.
pub struct Augmenter {
    ranges: Augmentation,
    /// `[1, 784, 3 + 25]`: for each pixel x, y, 1 and the weight of each
    /// control point, in grid coordinates −1…1.
    basis: Tensor<3>,
}

impl Augmenter {
    /// An augmenter for batches on `device`.
    pub fn new(ranges: Augmentation, device: &Device) -> Self {
        let basis: Vec<f32> = (0..PIXELS).flat_map(|i| basis_of(i % SIDE, i / SIDE)).collect();
        let basis = Tensor::from_data(TensorData::new(basis, [1, PIXELS, TERMS]), device);
        Self { ranges, basis }
    }

    /// Changes every picture of a batch by its own map, [`MAP`] numbers each.
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → the same
    pub fn apply(&self, pixels: Tensor<4>, maps: &[f32]) -> Tensor<4> {
        if self.ranges == Augmentation::NONE {
            return pixels;
        }
        let [batch, ..] = pixels.dims();
        let device = pixels.device();
        let maps =
            Tensor::<3>::from_data(TensorData::new(maps.to_vec(), [batch, TERMS, 2]), &device);
        // [1, 784, 28] × [batch, 28, 2] → [batch, 784, 2]: where to sample.
        let grid = self.basis.clone().expand([batch, PIXELS, TERMS]).matmul(maps);
        let options = GridSampleOptions::new(InterpolateMode::Bilinear)
            .with_padding_mode(GridSamplePaddingMode::Zeros)
            .with_align_corners(false);
        pixels.grid_sample_2d(grid.reshape([batch, SIDE, SIDE, 2]), options)
    }
}

/// Random changes within these ranges, [`MAP`] numbers a picture. They are drawn for a
/// whole batch, so that they do not depend on how many devices share it.
pub fn random_maps(ranges: &Augmentation, batch: usize, rng: &mut StdRng) -> Vec<f32> {
    (0..batch).flat_map(|_| random_map(ranges, rng)).collect()
}

/// The coefficients of one picture's map, `[28, 2]` in row order: the affine part,
/// then the displacement of each control point.
fn random_map(ranges: &Augmentation, rng: &mut StdRng) -> Vec<f32> {
    let Augmentation { rotation, scale, shear, shift, elastic } = *ranges;
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
    map
}

fn basis_of(x: usize, y: usize) -> Vec<f32> {
    let grid = |i: usize| (2.0 * i as f32 + 1.0) / SIDE as f32 - 1.0;
    let spacing = SIDE as f32 / CONTROL as f32;
    let centre = |i: usize| (i as f32 + 0.5) * spacing - 0.5;
    let mut terms = vec![grid(x), grid(y), 1.0];
    for (row, column) in (0..CONTROL).flat_map(|row| (0..CONTROL).map(move |column| (row, column)))
    {
        let (dx, dy) = (x as f32 - centre(column), y as f32 - centre(row));
        terms.push((-(dx * dx + dy * dy) / (2.0 * REACH * REACH)).exp());
    }
    terms
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}
