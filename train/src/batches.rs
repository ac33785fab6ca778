//! A dataset that lives on the device, and the order in which it is read.

use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_model::glyph::{PIXELS, SIDE};
use rand::seq::SliceRandom;

use crate::{
    example::Example,
    random::{Purpose, rng},
};

/// All glyphs and labels of a set, copied to the device once: a batch is picked there and
/// only its indices are sent.
pub struct DeviceSet {
    /// `[examples, 784]`, on the scale 0–255.
    pixels: Tensor<2>,
    /// `[examples]`
    labels: Tensor<1, Int>,
}

/// Some of a set's examples.
pub struct Batch {
    /// `[batch, 1, 28, 28]`, on the scale 0–255 or normalised.
    pub pixels: Tensor<4>,
    /// `[batch]`
    pub labels: Tensor<1, Int>,
}

impl DeviceSet {
    /// Copies the examples to the device.
    pub fn new(examples: &[Example], device: &Device) -> Self {
        let len = examples.len();
        let pixels: Vec<f32> =
            examples.iter().flat_map(|example| example.glyph.pixels().map(f32::from)).collect();
        let labels: Vec<i32> = examples.iter().map(|example| example.label as i32).collect();
        Self {
            pixels: Tensor::from_data(TensorData::new(pixels, [len, PIXELS]), device),
            labels: Tensor::from_data(TensorData::new(labels, [len]), device),
        }
    }

    /// The examples at these indices.
    pub fn pick(&self, indices: &[u32]) -> Batch {
        let batch = indices.len();
        let indices: Vec<i32> = indices.iter().map(|&index| index as i32).collect();
        let indices =
            Tensor::<1, Int>::from_data(TensorData::new(indices, [batch]), &self.pixels.device());
        Batch {
            pixels: self.pixels.clone().select(0, indices.clone()).reshape([batch, 1, SIDE, SIDE]),
            labels: self.labels.clone().select(0, indices),
        }
    }
}

/// The order of the examples in an epoch: a shuffle that follows from the seed and the epoch
/// alone, so that a resumed run finds its place. An epoch visits all of the `real` examples of
/// the data, which come first, and `turn` of the `pool` of synthetic ones behind them.
pub fn epoch_order(seed: u64, epoch: usize, real: usize, pool: usize, turn: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..real as u32).collect();
    if turn > 0 && pool > 0 {
        // One shuffle for the whole run, read in a circle: every synthetic example is used
        // equally often, and none comes again before all of them were used.
        let mut queue: Vec<u32> = (real as u32..(real + pool) as u32).collect();
        queue.shuffle(&mut rng(seed, Purpose::Order, u64::MAX));
        order.extend(queue.iter().cycle().skip(epoch * turn % pool).take(turn));
    }
    order.shuffle(&mut rng(seed, Purpose::Order, epoch as u64));
    order
}
