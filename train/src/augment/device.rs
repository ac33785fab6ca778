//! On any device, a batch at a time.

use burn::tensor::{
    Device, Tensor, TensorData,
    ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode},
};
use glyphic_model::glyph::{PIXELS, SIDE};

use super::{CONTROL, GRAINS, INK, MAP, TERMS, WARP, centre, gaussian, grains, grid};
use crate::config::Augmentation;

/// Applies an [`Augmentation`] to batches. Holds what is the same for every
/// batch, on the device.
pub struct Augmenter {
    ranges: Augmentation,
    /// `[1, 784, 3 + 25]`: for each pixel x, y, 1 and the weight of each
    /// control point, in grid coordinates −1…1.
    basis: Tensor<3>,
    /// `[256, 1, 28, 28]`: pictures of grain, if any is asked for.
    grains: Option<Tensor<4>>,
}

impl Augmenter {
    /// An augmenter for batches on `device`.
    pub fn new(ranges: Augmentation, device: &Device) -> Self {
        let basis: Vec<f32> = (0..PIXELS).flat_map(|i| basis_of(i % SIDE, i / SIDE)).collect();
        let basis = Tensor::from_data(TensorData::new(basis, [1, PIXELS, TERMS]), device);
        let grains = (ranges.noise > 0.0)
            .then(|| Tensor::from_data(TensorData::new(grains(), [GRAINS, 1, SIDE, SIDE]), device));
        Self { ranges, basis, grains }
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
        let (maps, _) = maps.as_chunks::<MAP>();
        let warps: Vec<f32> = maps.iter().flat_map(|map| map[..WARP].to_vec()).collect();
        let warps = Tensor::<3>::from_data(TensorData::new(warps, [batch, TERMS, 2]), &device);
        // [1, 784, 28] × [batch, 28, 2] → [batch, 784, 2]: where to sample.
        let grid = self.basis.clone().expand([batch, PIXELS, TERMS]).matmul(warps);
        let options = GridSampleOptions::new(InterpolateMode::Bilinear)
            .with_padding_mode(GridSamplePaddingMode::Zeros)
            .with_align_corners(false);
        let pixels = pixels.grid_sample_2d(grid.reshape([batch, SIDE, SIDE, 2]), options);
        self.ink(pixels, maps)
    }

    /// Changes the ink: thicker or thinner, blurred, a rectangle erased, grain on all.
    fn ink(&self, pixels: Tensor<4>, maps: &[[f32; MAP]]) -> Tensor<4> {
        let Augmentation { thickness, blur, erase, noise, .. } = self.ranges;
        if [thickness, blur, erase, noise] == [0.0; 4] {
            return pixels;
        }
        let device = pixels.device();
        let inks: Vec<f32> = maps.iter().flat_map(|map| map[WARP..].to_vec()).collect();
        let inks = Tensor::<4>::from_data(TensorData::new(inks, [maps.len(), INK, 1, 1]), &device);
        let one = |i: usize| inks.clone().narrow(1, i, 1);
        let mut pixels = pixels;
        if thickness > 0.0 {
            let [left, right, above, below] = neighbours(&pixels);
            let most = left.clone().max_pair(right.clone());
            let most = most.max_pair(above.clone()).max_pair(below.clone());
            let least = left.min_pair(right).min_pair(above).min_pair(below);
            let grown = most.max_pair(pixels.clone()) - pixels.clone();
            let thinned = pixels.clone() - least.min_pair(pixels.clone());
            pixels = pixels + grown * one(0).clamp_min(0.0) + thinned * one(0).clamp_max(0.0);
        }
        if blur > 0.0 {
            // 1 2 1 along the rows, then along the columns.
            let [left, right, ..] = neighbours(&pixels);
            let rows = (left + right + pixels.clone() * 2.0) / 4.0;
            let [_, _, above, below] = neighbours(&rows);
            let blurred = (above + below + rows * 2.0) / 4.0;
            pixels = pixels.clone() + (blurred - pixels) * one(1);
        }
        if erase > 0.0 {
            let line: Vec<f32> = (0..SIDE).map(|at| at as f32).collect();
            let line = Tensor::<1>::from_data(TensorData::new(line, [SIDE]), &device);
            let shape = [maps.len(), 1, SIDE, SIDE];
            let across = line.clone().reshape([1, 1, 1, SIDE]).expand(shape);
            let down = line.reshape([1, 1, SIDE, 1]).expand(shape);
            let within = |at: Tensor<4>, first: usize| {
                let from = one(first).expand(shape);
                at.clone().greater_equal(from).bool_and(at.lower(one(first + 2).expand(shape)))
            };
            pixels = pixels.mask_fill(within(across, 2).bool_and(within(down, 3)), 0.0);
        }
        if let Some(grains) = &self.grains {
            let which = one(7).reshape([maps.len()]).int();
            pixels = (pixels + grains.clone().select(0, which) * one(6)).clamp(0.0, 255.0);
        }
        pixels
    }
}

/// The pixels left of each, right of it, above and below; 0 outside.
fn neighbours(pixels: &Tensor<4>) -> [Tensor<4>; 4] {
    let padded = pixels.clone().pad([(1, 1), (1, 1)], 0.0);
    let at = |x: usize, y: usize| padded.clone().narrow(2, y, SIDE).narrow(3, x, SIDE);
    [at(0, 1), at(2, 1), at(1, 0), at(1, 2)]
}

fn basis_of(x: usize, y: usize) -> Vec<f32> {
    let mut terms = vec![grid(x), grid(y), 1.0];
    for (row, column) in (0..CONTROL).flat_map(|row| (0..CONTROL).map(move |column| (row, column)))
    {
        terms.push(gaussian(x as f32 - centre(column)) * gaussian(y as f32 - centre(row)));
    }
    terms
}
