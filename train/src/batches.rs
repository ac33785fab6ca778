//! A dataset that lives on the device, and the order in which it is read.

use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_model::glyph::{PIXELS, SIDE};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::data::Example;

/// All pictures and labels of a set, on the device from the start: a batch is
/// picked there and nothing but its indices travels.
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

/// The order of the examples in an epoch: a shuffle that follows from the seed
/// and the epoch alone, so that a resumed run finds its place. All of the `known`
/// examples, and `turn` of the `pool` behind them, which take turns.
pub fn epoch_order(seed: u64, epoch: usize, known: usize, pool: usize, turn: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..known as u32).collect();
    if turn > 0 && pool > 0 {
        let mut queue: Vec<u32> = (known as u32..(known + pool) as u32).collect();
        queue.shuffle(&mut rng(seed, Purpose::Order, u64::MAX));
        order.extend(queue.iter().cycle().skip(epoch * turn % pool).take(turn));
    }
    order.shuffle(&mut rng(seed, Purpose::Order, epoch as u64));
    order
}

/// What random numbers are drawn for; each purpose has a stream of its own.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// The order of the examples, by epoch.
    Order = 1,
    /// The augmentation, by step.
    Augmentation = 2,
    /// The choice of examples that are replayed, once a run.
    Replay = 3,
    /// The variations of a taught sample, by sample.
    Variation = 4,
    /// The drawings of known symbols, by drawing.
    Drawn = 5,
    /// The settings of a random sweep, by combination.
    Sweep = 6,
    /// Pictures of what is no label, by picture.
    Others = 7,
    /// The changes of pictures that a network is tried on, by picture.
    Robustness = 8,
}

/// The random numbers for one purpose at one moment of a run. There is no
/// generator state to save: the moment is the state.
pub fn rng(seed: u64, purpose: Purpose, moment: u64) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    bytes[16..24].copy_from_slice(&moment.to_le_bytes());
    StdRng::from_seed(bytes)
}
