//! On any device, a batch at a time.

use burn::tensor::{
    Device, Tensor, TensorData,
    ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode},
};
use glyphic_model::glyph::{PIXELS, SIDE};

use super::maps::{CONTROL, TERMS, centre, gaussian, grid};
use crate::config::Augmentation;

/// Applies an [`Augmentation`] to batches. It holds on the device all that is the same for
/// every batch.
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

    /// Changes every picture of a batch by its own map, [`MAP`](super::MAP) numbers each.
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → the same
    pub fn apply(&self, pixels: Tensor<4>, maps: &[f32]) -> Tensor<4> {
        if self.ranges == Augmentation::NONE {
            return pixels;
        }
        let [batch, ..] = pixels.dims();
        let maps = TensorData::new(maps.to_vec(), [batch, TERMS, 2]);
        let maps = Tensor::<3>::from_data(maps, &pixels.device());
        // [1, 784, 28] × [batch, 28, 2] → [batch, 784, 2]: where to sample.
        let grid = self.basis.clone().expand([batch, PIXELS, TERMS]).matmul(maps);
        let options = GridSampleOptions::new(InterpolateMode::Bilinear)
            .with_padding_mode(GridSamplePaddingMode::Zeros)
            .with_align_corners(false);
        pixels.grid_sample_2d(grid.reshape([batch, SIDE, SIDE, 2]), options)
    }
}

fn basis_of(x: usize, y: usize) -> Vec<f32> {
    let mut terms = vec![grid(x), grid(y), 1.0];
    for (row, column) in (0..CONTROL).flat_map(|row| (0..CONTROL).map(move |column| (row, column)))
    {
        terms.push(gaussian(x as f32 - centre(column)) * gaussian(y as f32 - centre(row)));
    }
    terms
}
