//! A layer with its parameters at one training step.

use super::{norm::Norm, parameters::Parameters};
use crate::{
    layout::LayerLayout,
    packed::{PackedWeights, Registers},
};

/// A layer with its parameters at this step.
#[derive(Debug)]
pub(crate) struct TrainingLayer {
    pub(crate) layout: LayerLayout,
    /// The index in the next layer's input at which each place's channels begin.
    pub(crate) outputs: Vec<usize>,
    /// The index in the layer's own sums, `[places, padded]`, at which they begin.
    pub(crate) sum_offsets: Vec<usize>,
    /// The number of channels rounded up to whole vectors.
    pub(crate) padded: usize,
    pub(crate) weights: Vec<PackedWeights>,
    /// The weights of each row of a window, transposed: `[channels, values of the row]`.
    pub(crate) transposed: Vec<Vec<PackedWeights>>,
    pub(crate) norm: Option<Norm>,
    /// Whether the gradient of its input is needed: only the first layer has no layer before it
    /// to train.
    pub(crate) needs_input_gradient: bool,
}

impl TrainingLayer {
    /// Takes the parameters of this step and packs the weights, also transposed if the gradient
    /// of the input is needed.
    pub(crate) fn set_parameters(&mut self, registers: Registers, parameters: &Parameters) {
        let Parameters { weights, bias, gamma, beta } = parameters;
        if let Some(norm) = &mut self.norm {
            norm.gamma = zero_padded(gamma, self.padded);
            norm.beta = zero_padded(beta, self.padded);
        }
        let LayerLayout { to, windows, .. } = &self.layout;
        let weights = self.layout.by_window(weights);
        self.weights = registers.pack(&weights, bias, to.channels);
        if self.needs_input_gradient {
            let rows = weights.chunks_exact(windows.row * to.channels);
            let transposed = rows.map(|row| {
                let by_channel = (0..to.channels)
                    .flat_map(|channel| row.iter().skip(channel).step_by(to.channels).copied());
                registers.pack(&by_channel.collect::<Vec<f32>>(), &[], windows.row)
            });
            self.transposed = transposed.collect();
        }
    }

    /// The sum of several sets of panels, unpacked: `[values of a window, channels]`.
    pub(crate) fn unpacked_sum<'a>(
        &self,
        parts: impl Iterator<Item = &'a Vec<PackedWeights>>,
    ) -> Vec<f32> {
        let channels = self.layout.to.channels;
        let mut total = vec![0.0; self.layout.order.len()];
        for panel in parts.flatten() {
            let width = panel.weights.len() / (total.len() / channels);
            let own = panel.first..(panel.first + width).min(channels);
            let rows = panel.weights.chunks_exact(width);
            for (sums, row) in total.chunks_exact_mut(channels).zip(rows) {
                for (sum, value) in sums[own.clone()].iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        total
    }

    /// Its batch norm as `sum · scale + shift`, one value of each per channel; 1 and 0 without a
    /// norm.
    pub(crate) fn scale_and_shift(&self) -> [Vec<f32>; 2] {
        let Some(norm) = &self.norm else {
            return [vec![1.0; self.padded], vec![0.0; self.padded]];
        };
        let scale: Vec<f32> =
            norm.gamma.iter().zip(&norm.inverse_std).map(|(g, i)| g * i).collect();
        let shifts = norm.beta.iter().zip(&norm.mean).zip(&scale);
        let shift = shifts.map(|((beta, mean), scale)| beta - mean * scale).collect();
        [scale, shift]
    }

    /// The mean that its norm subtracts, one value per channel; 0 without a norm.
    pub(crate) fn mean(&self) -> Vec<f32> {
        self.norm.as_ref().map_or_else(|| vec![0.0; self.padded], |norm| norm.mean.clone())
    }
}

/// The values followed by zeros, `length` in all.
fn zero_padded(values: &[f32], length: usize) -> Vec<f32> {
    let mut values = values.to_vec();
    values.resize(length, 0.0);
    values
}
