//! Random changes to training pictures, computed on the device: one affine map
//! and one smooth elastic displacement a picture, in a single resampling.

use std::array::from_fn;

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

/// The same for one picture at a time on the CPU: an [`Augmenter`]'s product and its
/// resampling in one go. Gaussians of a grid are products of one of the row and one of the
/// column, which saves most of the work.
pub struct Resampler {
    /// For each pixel of a side the weight of each control point of a side.
    reach: [[f32; CONTROL]; SIDE],
}

impl Default for Resampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Resampler {
    /// It does not depend on how much pictures are to be varied: that is in the maps.
    pub fn new() -> Self {
        Self { reach: from_fn(|pixel| from_fn(|control| gaussian(pixel as f32 - centre(control)))) }
    }

    /// Changes a picture by its map, [`MAP`] numbers. What comes from outside is 0.
    pub fn apply(&self, ink: &[u8; PIXELS], map: &[f32], to: &mut [f32]) {
        let (points, _) = map.as_chunks::<2>();
        let Some((affine, elastic)) = points.split_at_checked(3) else { return };
        let (lines, _) = elastic.as_chunks::<CONTROL>();
        for (y, row) in to.chunks_exact_mut(SIDE).enumerate() {
            // The row's own displacements: what each column of control points does to it.
            let mut bent = [[0.0; 2]; CONTROL];
            for (line, weight) in lines.iter().zip(self.reach[y]) {
                for (bent, point) in bent.iter_mut().zip(line) {
                    bent[0] += weight * point[0];
                    bent[1] += weight * point[1];
                }
            }
            for (x, (to, reach)) in row.iter_mut().zip(&self.reach).enumerate() {
                let place: [f32; 2] = from_fn(|axis| {
                    let line = affine[0][axis] * grid(x) + affine[1][axis] * grid(y);
                    let elastic = bent.iter().zip(reach).map(|(bent, weight)| bent[axis] * weight);
                    line + affine[2][axis] + elastic.sum::<f32>()
                });
                *to = sample(ink, place.map(|at| ((at + 1.0) * SIDE as f32 - 1.0) / 2.0));
            }
        }
    }
}

/// The ink between four pixels, by their distances; 0 outside.
fn sample(ink: &[u8; PIXELS], [x, y]: [f32; 2]) -> f32 {
    let [left, top] = [x, y].map(|at| at as i32 - i32::from(at < 0.0));
    let (right, below) = (x - left as f32, y - top as f32);
    let at = |x: i32, y: i32| {
        let inside = |at: i32| (0..SIDE as i32).contains(&at);
        if inside(x) && inside(y) { f32::from(ink[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    let line = |y| at(left, y) * (1.0 - right) + at(left + 1, y) * right;
    line(top) * (1.0 - below) + line(top + 1) * below
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
    let mut terms = vec![grid(x), grid(y), 1.0];
    for (row, column) in (0..CONTROL).flat_map(|row| (0..CONTROL).map(move |column| (row, column)))
    {
        terms.push(gaussian(x as f32 - centre(column)) * gaussian(y as f32 - centre(row)));
    }
    terms
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
