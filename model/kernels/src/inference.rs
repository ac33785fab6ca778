//! A network for inference on the CPU.

use std::sync::{Mutex, PoisonError};

use pulp::Arch;
use rayon::{iter::ParallelIterator, slice::ParallelSlice};

use crate::{
    layers::LayerWeights,
    layout::{Map, Placed, Windows},
    packed::{PackedWeights, Registers},
    products::Output,
};

/// Batches of at least this many pictures are shared between threads. Below it, waking a
/// thread costs as much as reading a few pictures, and a busy server's cores are busy already.
const SHARED: usize = 32;
/// Most pictures that one thread takes at a time.
const CHUNK: usize = 32;
/// A network for inference on the CPU.
#[derive(Debug)]
pub struct Inference {
    arch: Arch,
    /// The first layer's input: a square map of one channel.
    input: Map,
    layers: Vec<Layer>,
    /// Buffers not in use now. Behind a lock because the calling thread computes; it is held
    /// for a push or a pop.
    spare: Mutex<Vec<Maps>>,
}

/// Every layer's output, the picture's pixels first. The padding is written once: layers
/// leave it alone.
type Maps = Vec<Vec<f32>>;

/// One layer: windows, weights, and where the results go.
#[derive(Clone, Debug)]
struct Layer {
    windows: Windows,
    packed: Vec<PackedWeights>,
    /// Where each window's results begin in the output.
    outputs: Vec<usize>,
    /// The output.
    to: Map,
    /// Results below this become this: 0 is ReLU.
    floor: f32,
}

impl Inference {
    /// A network that reads square pictures of this side. `None` if it has no layers.
    pub fn new(side: usize, layers: &[LayerWeights]) -> Option<Self> {
        let arch = Arch::new();
        let registers = Registers::of(arch);
        let last = layers.len().checked_sub(1)?;
        let layer = |(i, (placed, layer)): (usize, (Placed, &LayerWeights))| {
            let (weights, bias) = layer.values();
            Layer {
                packed: registers.pack(&placed.by_window(weights), bias, placed.to.channels),
                outputs: placed.outputs(),
                to: placed.to,
                // Every layer but the last is followed by ReLU.
                floor: if i < last { 0.0 } else { f32::NEG_INFINITY },
                windows: placed.windows,
            }
        };
        let placed = Placed::all(side, layers);
        let input = placed.first()?.from;
        let layers = placed.into_iter().zip(layers).enumerate().map(layer).collect();
        Some(Self { arch, input, layers, spare: Mutex::default() })
    }

    /// The logits of each picture; `pixel` is the network's input for a picture's pixel,
    /// row by row.
    pub fn logits<P: Sync>(
        &self,
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy + Sync,
    ) -> Vec<Vec<f32>> {
        self.through(&self.layers, pictures, pixel)
    }

    /// What the last layer reads of each picture, channels last.
    pub fn features<P: Sync>(
        &self,
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy + Sync,
    ) -> Vec<Vec<f32>> {
        self.through(&self.layers[..self.layers.len().saturating_sub(1)], pictures, pixel)
    }

    /// The output of the last of these layers.
    fn through<P: Sync>(
        &self,
        layers: &[Layer],
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy + Sync,
    ) -> Vec<Vec<f32>> {
        if pictures.len() < SHARED {
            return self.in_turn(layers, pictures, pixel);
        }
        // Not larger than an equal share, so that no thread idles.
        let share = pictures.len().div_ceil(rayon::current_num_threads());
        let parts = pictures.par_chunks(share.min(CHUNK));
        parts.map(|part| self.in_turn(layers, part, pixel)).flatten_iter().collect()
    }

    fn in_turn<P>(
        &self,
        layers: &[Layer],
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<Vec<f32>> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let sizes = [self.input.size()].into_iter().chain(self.layers.iter().map(|l| l.to.size()));
        let mut maps = kept.unwrap_or_else(|| sizes.map(|size| vec![0.0; size]).collect());
        let rows = pictures.iter().map(|p| self.read(layers, |i| pixel(p, i), &mut maps)).collect();
        spare().push(maps);
        rows
    }

    fn read(
        &self,
        layers: &[Layer],
        pixel: impl Fn(usize) -> f32,
        maps: &mut [Vec<f32>],
    ) -> Vec<f32> {
        let Some((mut input, outputs)) = maps.split_first_mut() else { return Vec::new() };
        let side = self.input.side;
        for y in 0..side {
            let at = self.input.at(0, y);
            for (x, value) in input[at..at + side].iter_mut().enumerate() {
                *value = pixel(y * side + x);
            }
        }
        for (layer, output) in layers.iter().zip(outputs) {
            self.arch.dispatch(Output {
                windows: &layer.windows,
                panels: &layer.packed,
                outputs: &layer.outputs,
                channels: layer.to.channels,
                floor: layer.floor,
                input,
                output,
            });
            input = output;
        }
        input.clone()
    }
}
