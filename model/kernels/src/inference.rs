//! A network for inference on the CPU.

use std::sync::{Mutex, PoisonError};

use pulp::Arch;

use crate::{
    layers::{LayerMaps, LayerWeights},
    layout::{LayerLayout, Map, Windows},
    packed::{PackedWeights, Registers, unpacked},
    products::LayerOutput,
};

/// A network for inference on the CPU, on the calling thread.
#[derive(Debug)]
pub struct Inference {
    arch: Arch,
    /// The layout of the first layer's input: a square map with one channel.
    input: Map,
    layers: Vec<PackedLayer>,
    /// The layers' shapes: they hold no values.
    shapes: Vec<LayerWeights>,
    /// Buffers to reuse. Several threads may call at once and each computes on its own thread, so
    /// the list is behind a lock, which is held only for a push or a pop.
    spare: Mutex<Vec<Maps>>,
}

/// The picture's pixels, then the output of each layer. The zeros of the padding are written when
/// the buffers are allocated; no layer overwrites them.
type Maps = Vec<Vec<f32>>;

/// One layer: its windows, its weights, and where its results go.
#[derive(Clone, Debug)]
struct PackedLayer {
    windows: Windows,
    packed: Vec<PackedWeights>,
    /// The index in the output at which each window's results begin.
    outputs: Vec<usize>,
    /// The layout of the output.
    to: Map,
    /// Lower bound of the results: 0 for ReLU, −∞ for none.
    floor: f32,
}

impl Inference {
    /// Prepares a network for pictures of `side` × `side` pixels. `None` if it has no layers.
    ///
    /// The layers must fit each other and the pictures: each one's inputs are the outputs of the
    /// one before, and a kernel is not larger than its padded input.
    pub fn new(side: usize, layers: &[LayerWeights]) -> Option<Self> {
        let arch = Arch::new();
        let registers = Registers::of(arch);
        let last = layers.len().checked_sub(1)?;
        let layer = |(i, (layout, layer)): (usize, (LayerLayout, &LayerWeights))| {
            let (weights, bias) = layer.values();
            PackedLayer {
                packed: registers.pack(&layout.by_window(weights), bias, layout.to.channels),
                outputs: layout.outputs(),
                to: layout.to,
                // Every layer but the last is followed by ReLU.
                floor: if i < last { 0.0 } else { f32::NEG_INFINITY },
                windows: layout.windows,
            }
        };
        let layouts = LayerLayout::all(side, layers);
        let input = layouts.first()?.from;
        let shapes = layers.iter().map(|layer| layer.with(Vec::new(), Vec::new())).collect();
        let layers = layouts.into_iter().zip(layers).enumerate().map(layer).collect();
        Some(Self { arch, input, layers, shapes, spare: Mutex::default() })
    }

    /// The layers that it was made of.
    pub fn layer_weights(&self) -> Vec<LayerWeights> {
        let layouts = LayerLayout::all(self.input.side, &self.shapes);
        let layers = layouts.iter().zip(&self.shapes).zip(&self.layers);
        let unpacked = |((layout, shape), layer): ((&LayerLayout, &LayerWeights), &PackedLayer)| {
            let (by_window, bias) = unpacked(&layer.packed, layer.to.channels);
            shape.with(layout.by_shape(&by_window), bias)
        };
        layers.map(unpacked).collect()
    }

    /// The logits of each picture, in the order of the pictures. `pixel` returns the network's
    /// input for pixel `i` of a picture, counted row by row.
    pub fn logits<P>(
        &self,
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<Vec<f32>> {
        self.run(&self.layers, pictures, pixel)
    }

    /// The input of the last layer for each picture: `[side, side, channels]`, flattened.
    pub fn features<P>(
        &self,
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<Vec<f32>> {
        self.run(&self.layers[..self.layers.len().saturating_sub(1)], pictures, pixel)
    }

    /// The logits and the input of the last layer for each picture: what [`logits`](Self::logits) and
    /// [`features`](Self::features) give, computed once.
    pub fn logits_and_features<P>(
        &self,
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<(Vec<f32>, Vec<f32>)> {
        self.with_maps(|maps| {
            let both = |picture: &P| {
                let logits = self.forward(&self.layers, |i| pixel(picture, i), maps).to_vec();
                (logits, maps.iter().rev().nth(1).cloned().unwrap_or_default())
            };
            pictures.iter().map(both).collect()
        })
    }

    /// The output of each layer for a picture, first to last.
    pub fn maps<P>(&self, picture: &P, pixel: impl Fn(&P, usize) -> f32 + Copy) -> Vec<LayerMaps> {
        self.with_maps(|maps| {
            self.forward(&self.layers, |i| pixel(picture, i), maps);
            self.layers.iter().zip(&maps[1..]).map(|(layer, map)| layer.to.maps(map)).collect()
        })
    }

    /// The output of the last of these layers for each picture.
    fn run<P>(
        &self,
        layers: &[PackedLayer],
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<Vec<f32>> {
        self.with_maps(|maps| {
            pictures.iter().map(|p| self.forward(layers, |i| pixel(p, i), maps).to_vec()).collect()
        })
    }

    /// Lends buffers that no other thread uses.
    fn with_maps<R>(&self, compute: impl FnOnce(&mut [Vec<f32>]) -> R) -> R {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let sizes = [self.input.size()].into_iter().chain(self.layers.iter().map(|l| l.to.size()));
        let mut maps = kept.unwrap_or_else(|| sizes.map(|size| vec![0.0; size]).collect());
        let result = compute(&mut maps);
        spare().push(maps);
        result
    }

    /// The output of the last of these layers for one picture.
    fn forward<'a>(
        &self,
        layers: &[PackedLayer],
        pixel: impl Fn(usize) -> f32,
        maps: &'a mut [Vec<f32>],
    ) -> &'a [f32] {
        let Some((mut input, outputs)) = maps.split_first_mut() else { return &[] };
        let side = self.input.side;
        for y in 0..side {
            let at = self.input.at(0, y);
            for (x, value) in input[at..at + side].iter_mut().enumerate() {
                *value = pixel(y * side + x);
            }
        }
        for (layer, output) in layers.iter().zip(outputs) {
            layer.forward(self.arch, input, output);
            input = output;
        }
        input
    }
}

impl PackedLayer {
    /// Neither generic nor inlined, so that it is compiled as this crate is: for speed, even into
    /// a program that is compiled for size.
    #[inline(never)]
    fn forward(&self, arch: Arch, input: &[f32], output: &mut [f32]) {
        arch.dispatch(LayerOutput {
            windows: &self.windows,
            panels: &self.packed,
            outputs: &self.outputs,
            channels: self.to.channels,
            floor: self.floor,
            input,
            output,
        });
    }
}
