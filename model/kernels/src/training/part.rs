//! The forward and backward pass of some pictures of a batch.

use pulp::Arch;

use super::{layer::TrainingLayer, norm::Norm};
use crate::{
    elementwise::{ChannelTotals, NormBackward, ReluBackward, ScaleShiftRelu, SquaredDeviations},
    packed::PackedWeights,
    products::{InputGradient, LayerOutput, WeightGradient},
};

/// Some pictures of a batch: the results of their forward pass and their share of the gradients.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) pictures: usize,
    pub(crate) layers: Vec<LayerBuffers>,
    /// Scratch space for the gradient of one picture's layer input, large enough for any layer.
    pub(crate) gradient: Vec<f32>,
}

/// One layer's results and gradients for the pictures of a part.
#[derive(Debug)]
pub(crate) struct LayerBuffers {
    /// Its input, `[pictures, map]`, padding included.
    pub(crate) input: Vec<f32>,
    /// Its output before norm and ReLU, `[pictures, places, padded]`.
    pub(crate) output: Vec<f32>,
    /// The gradient of `output`, in the same shape. Until the backward pass reaches this layer, it
    /// holds the gradient of the norm's output instead.
    pub(crate) gradient: Vec<f32>,
    /// The gradient of the weights.
    pub(crate) weights: Vec<PackedWeights>,
    /// Two totals over all places, one value per channel. After the forward pass: the outputs, and
    /// their squared deviations from this part's mean. After the backward pass: the gradients, and
    /// the gradients times the outputs' deviations from the batch's mean.
    pub(crate) totals: [Vec<f32>; 2],
}

impl LayerBuffers {
    /// Empty buffers for a layer and this many pictures.
    pub(crate) fn of(layer: &TrainingLayer, pictures: usize) -> Self {
        let places = pictures * layer.sum_offsets.len() * layer.padded;
        let empty = |panel: &PackedWeights| PackedWeights {
            weights: vec![0.0; panel.weights.len()],
            bias: Vec::new(),
            ..*panel
        };
        Self {
            input: vec![0.0; pictures * layer.layout.from.size()],
            output: vec![0.0; places],
            gradient: vec![0.0; places],
            weights: layer.weights.iter().map(empty).collect(),
            totals: [vec![0.0; layer.padded], vec![0.0; layer.padded]],
        }
    }
}

impl Part {
    /// Copies its pictures into the first layer's input.
    pub(crate) fn load_pictures(&mut self, layers: &[TrainingLayer], pixels: &[f32]) {
        let (Some(layer), Some(buffers)) = (layers.first(), self.layers.first_mut()) else {
            return;
        };
        let map = layer.layout.from;
        let inputs = buffers.input.chunks_exact_mut(map.size());
        for (input, pixels) in inputs.zip(pixels.chunks_exact(map.side * map.side)) {
            for (y, row) in pixels.chunks_exact(map.side).enumerate() {
                let at = map.at(0, y);
                input[at..at + map.side].copy_from_slice(row);
            }
        }
    }

    /// The forward pass of layer `i`. The statistics of the layer before must be known, because its
    /// norm and ReLU are applied here.
    pub(crate) fn forward(&mut self, arch: Arch, layers: &[TrainingLayer], i: usize) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, buffers) = (&layers[i], &mut rest[0]);
        if let (Some(buffers_before), Some(before)) = (before.last(), i.checked_sub(1)) {
            let before = &layers[before];
            let [scale, shift] = before.scale_and_shift();
            let sums = buffers_before.output.chunks_exact(before.outputs.len() * before.padded);
            let inputs = buffers.input.chunks_exact_mut(layer.layout.from.size());
            for (sums, input) in sums.zip(inputs).take(self.pictures) {
                let (channels, outputs) = (before.layout.to.channels, &before.outputs);
                let (scale, shift) = (&scale, &shift);
                arch.dispatch(ScaleShiftRelu { sums, scale, shift, channels, outputs, input });
            }
        }
        let inputs = buffers.input.chunks_exact(layer.layout.from.size());
        let outputs = buffers.output.chunks_exact_mut(layer.sum_offsets.len() * layer.padded);
        buffers.totals.iter_mut().for_each(|sums| sums.fill(0.0));
        for (input, output) in inputs.zip(outputs).take(self.pictures) {
            arch.dispatch(LayerOutput {
                windows: &layer.layout.windows,
                panels: &layer.weights,
                outputs: &layer.sum_offsets,
                channels: layer.padded,
                floor: f32::NEG_INFINITY,
                input,
                output,
            });
        }
        if layer.norm.is_some() {
            let places = self.pictures * layer.sum_offsets.len();
            let sums = &buffers.output[..places * layer.padded];
            let [total, squares] = &mut buffers.totals;
            arch.dispatch(ChannelTotals { sums, total });
            let mean: Vec<f32> = total.iter().map(|total| total / places as f32).collect();
            arch.dispatch(SquaredDeviations { sums, mean: &mean, total: squares });
        }
    }

    /// The number of values per channel of layer `i` in this part, given the places per picture,
    /// and the two totals that its norm needs.
    pub(crate) fn statistics(&self, i: usize, places: usize) -> Option<(usize, &[Vec<f32>; 2])> {
        Some((self.pictures * places, &self.layers.get(i)?.totals))
    }

    /// Copies the gradient of the logits, `[pictures, classes]`, into the last layer's buffers.
    pub(crate) fn load_gradient(
        &mut self,
        layers: &[TrainingLayer],
        logits: &[f32],
        classes: usize,
    ) {
        let (Some(layer), Some(buffers)) = (layers.last(), self.layers.last_mut()) else { return };
        buffers.totals.iter_mut().for_each(|sums| sums.fill(0.0));
        let gradients = buffers.gradient.chunks_exact_mut(layer.padded);
        for (gradient, logits) in gradients.zip(logits.chunks_exact(classes)) {
            gradient[..classes].copy_from_slice(logits);
            for (sum, value) in buffers.totals[0].iter_mut().zip(logits) {
                *sum += value;
            }
        }
    }

    /// The backward pass of layer `i`: its weights' gradient, and the gradient of the output of the
    /// layer before. `batch` is the number of pictures in all parts.
    pub(crate) fn backward(
        &mut self,
        arch: Arch,
        layers: &[TrainingLayer],
        i: usize,
        batch: usize,
    ) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, buffers) = (&layers[i], &mut rest[0]);
        let mut before = i.checked_sub(1).map(|i| &layers[i]).zip(before.last_mut());
        let [scale, shift] = before.as_ref().map(|(l, _)| l.scale_and_shift()).unwrap_or_default();
        let coefficients =
            layer.norm.as_ref().map(|norm| norm.backward(batch * layer.sum_offsets.len()));
        let mean = before.as_ref().map(|(layer, _)| layer.mean()).unwrap_or_default();
        buffers.weights.iter_mut().for_each(|panel| panel.weights.fill(0.0));
        if let Some((_, buffers)) = &mut before {
            buffers.totals.iter_mut().for_each(|sums| sums.fill(0.0));
        }
        let windows = &layer.layout.windows;
        let (places, size) = (layer.sum_offsets.len() * layer.padded, layer.layout.from.size());
        for picture in 0..self.pictures {
            let gradient = &mut buffers.gradient[picture * places..][..places];
            if let (Some(Norm { mean, .. }), Some(coefficients)) = (&layer.norm, &coefficients) {
                let sums = &buffers.output[picture * places..][..places];
                let [scale, deviation_scale, shift] = coefficients;
                arch.dispatch(NormBackward { sums, mean, scale, deviation_scale, shift, gradient });
            }
            arch.dispatch(WeightGradient {
                windows,
                input: &buffers.input[picture * size..][..size],
                output: gradient,
                padded: layer.padded,
                panels: &mut buffers.weights,
            });
            let Some((before, buffers)) = &mut before else { continue };
            let input = &mut self.gradient[..size];
            input.fill(0.0);
            let (rows, padded) = (&layer.transposed, layer.padded);
            arch.dispatch(InputGradient { windows, rows, output: gradient, padded, input });
            let places = before.sum_offsets.len() * before.padded;
            arch.dispatch(ReluBackward {
                sums: &buffers.output[picture * places..][..places],
                mean: &mean,
                scale: &scale,
                shift: &shift,
                channels: before.layout.to.channels,
                outputs: &before.outputs,
                input,
                gradient: &mut buffers.gradient[picture * places..][..places],
                totals: &mut buffers.totals,
            });
        }
    }
}
