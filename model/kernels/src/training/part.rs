//! Some pictures of a batch on their way through the layers and back.

use pulp::Arch;

use super::{layer::Layer, norm::Norm};
use crate::{
    elementwise::{Activate, Spread, ThroughNorm, ThroughRelu, Total},
    packed::PackedWeights,
    products::{InputGradient, Output, WeightGradient},
};

/// Some pictures of a batch: what their forward pass left, and their share of the gradients.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) pictures: usize,
    pub(crate) layers: Vec<Traces>,
    /// The gradient of a layer's input, for one picture: a map, room for the largest.
    pub(crate) gradient: Vec<f32>,
}

/// What is kept of a layer.
#[derive(Debug)]
pub(crate) struct Traces {
    /// Its input, `[pictures, map]`, padding included.
    pub(crate) input: Vec<f32>,
    /// Windows times weights, before norm and ReLU, `[pictures, places, wide]`.
    pub(crate) output: Vec<f32>,
    /// The gradient of the same; before the layer's turn that of the norm's output.
    pub(crate) gradient: Vec<f32>,
    /// The gradient of the weights.
    pub(crate) weights: Vec<PackedWeights>,
    /// Two sums over all places, one a channel: forward of the outputs and of the squares of
    /// their distances from the mean; backward of the gradients and of the gradients times
    /// the outputs' distances from the mean.
    pub(crate) sums: [Vec<f32>; 2],
}

impl Traces {
    /// Room for what is kept of a layer, of so many pictures.
    pub(crate) fn of(layer: &Layer, pictures: usize) -> Self {
        let places = pictures * layer.sums.len() * layer.wide;
        let empty = |panel: &PackedWeights| PackedWeights {
            weights: vec![0.0; panel.weights.len()],
            bias: Vec::new(),
            ..*panel
        };
        Self {
            input: vec![0.0; pictures * layer.placed.from.size()],
            output: vec![0.0; places],
            gradient: vec![0.0; places],
            weights: layer.weights.iter().map(empty).collect(),
            sums: [vec![0.0; layer.wide], vec![0.0; layer.wide]],
        }
    }
}

impl Part {
    /// Its pictures, as the first layer's input.
    pub(crate) fn take(&mut self, layers: &[Layer], pixels: &[f32]) {
        let (Some(layer), Some(traces)) = (layers.first(), self.layers.first_mut()) else { return };
        let map = layer.placed.from;
        let inputs = traces.input.chunks_exact_mut(map.size());
        for (input, pixels) in inputs.zip(pixels.chunks_exact(map.side * map.side)) {
            for (y, row) in pixels.chunks_exact(map.side).enumerate() {
                let at = map.at(0, y);
                input[at..at + map.side].copy_from_slice(row);
            }
        }
    }

    /// Layer `i`, once the statistics of the one before it are known.
    pub(crate) fn forward(&mut self, arch: Arch, layers: &[Layer], i: usize) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, traces) = (&layers[i], &mut rest[0]);
        if let (Some(traces_before), Some(before)) = (before.last(), i.checked_sub(1)) {
            let before = &layers[before];
            let [scale, shift] = before.scale_and_shift();
            let sums = traces_before.output.chunks_exact(before.outputs.len() * before.wide);
            let inputs = traces.input.chunks_exact_mut(layer.placed.from.size());
            for (sums, input) in sums.zip(inputs).take(self.pictures) {
                let (channels, outputs) = (before.placed.to.channels, &before.outputs);
                let (scale, shift) = (&scale, &shift);
                arch.dispatch(Activate { sums, scale, shift, channels, outputs, input });
            }
        }
        let inputs = traces.input.chunks_exact(layer.placed.from.size());
        let outputs = traces.output.chunks_exact_mut(layer.sums.len() * layer.wide);
        traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        for (input, output) in inputs.zip(outputs).take(self.pictures) {
            arch.dispatch(Output {
                windows: &layer.placed.windows,
                panels: &layer.weights,
                outputs: &layer.sums,
                channels: layer.wide,
                floor: f32::NEG_INFINITY,
                input,
                output,
            });
        }
        if layer.norm.is_some() {
            let places = self.pictures * layer.sums.len();
            let sums = &traces.output[..places * layer.wide];
            let [total, spread] = &mut traces.sums;
            arch.dispatch(Total { sums, total });
            let mean: Vec<f32> = total.iter().map(|total| total / places as f32).collect();
            arch.dispatch(Spread { sums, mean: &mean, total: spread });
        }
    }

    /// How many values a channel layer `i` has here, at so many places a picture, and what a
    /// norm asks of them.
    pub(crate) fn statistics(&self, i: usize, places: usize) -> Option<(usize, &[Vec<f32>; 2])> {
        Some((self.pictures * places, &self.layers.get(i)?.sums))
    }

    /// The last layer's gradient.
    pub(crate) fn take_gradient(&mut self, layers: &[Layer], logits: &[f32], classes: usize) {
        let (Some(layer), Some(traces)) = (layers.last(), self.layers.last_mut()) else { return };
        traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        let gradients = traces.gradient.chunks_exact_mut(layer.wide);
        for (gradient, logits) in gradients.zip(logits.chunks_exact(classes)) {
            gradient[..classes].copy_from_slice(logits);
            for (sum, value) in traces.sums[0].iter_mut().zip(logits) {
                *sum += value;
            }
        }
    }

    /// Layer `i`'s share of the gradients, and that of the output of the one before it.
    pub(crate) fn backward(&mut self, arch: Arch, layers: &[Layer], i: usize, batch: usize) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, traces) = (&layers[i], &mut rest[0]);
        let mut before = i.checked_sub(1).map(|i| &layers[i]).zip(before.last_mut());
        let [scale, shift] = before.as_ref().map(|(l, _)| l.scale_and_shift()).unwrap_or_default();
        let factors = layer.norm.as_ref().map(|norm| norm.backward(batch * layer.sums.len()));
        let mean = before.as_ref().map(|(layer, _)| layer.mean()).unwrap_or_default();
        traces.weights.iter_mut().for_each(|panel| panel.weights.fill(0.0));
        if let Some((_, traces)) = &mut before {
            traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        }
        let windows = &layer.placed.windows;
        let (places, size) = (layer.sums.len() * layer.wide, layer.placed.from.size());
        for picture in 0..self.pictures {
            let gradient = &mut traces.gradient[picture * places..][..places];
            if let (Some(Norm { mean, .. }), Some([by, by_sum, plus])) = (&layer.norm, &factors) {
                let sums = &traces.output[picture * places..][..places];
                arch.dispatch(ThroughNorm { sums, mean, by, by_sum, plus, gradient });
            }
            arch.dispatch(WeightGradient {
                windows,
                input: &traces.input[picture * size..][..size],
                output: gradient,
                wide: layer.wide,
                panels: &mut traces.weights,
            });
            let Some((before, traces)) = &mut before else { continue };
            let input = &mut self.gradient[..size];
            input.fill(0.0);
            let (rows, wide) = (&layer.transposed, layer.wide);
            arch.dispatch(InputGradient { windows, rows, output: gradient, wide, input });
            let places = before.sums.len() * before.wide;
            arch.dispatch(ThroughRelu {
                sums: &traces.output[picture * places..][..places],
                mean: &mean,
                scale: &scale,
                shift: &shift,
                channels: before.placed.to.channels,
                outputs: &before.outputs,
                input,
                gradient: &mut traces.gradient[picture * places..][..places],
                totals: &mut traces.sums,
            });
        }
    }
}
