//! A layer and its parameters of one step.

use super::{Parameters, norm::Norm};
use crate::{
    layout::Placed,
    packed::{PackedWeights, Registers},
};

/// A layer, with its parameters of this step.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) placed: Placed,
    /// Where each place's channels lie in the next layer's input.
    pub(crate) outputs: Vec<usize>,
    /// Where they lie among the sums, `[places, wide]`.
    pub(crate) sums: Vec<usize>,
    /// The channels, filled up with zeros to whole vectors.
    pub(crate) wide: usize,
    pub(crate) weights: Vec<PackedWeights>,
    /// The same for each row of a window, the other way round: `[channels, values]`.
    pub(crate) transposed: Vec<Vec<PackedWeights>>,
    pub(crate) norm: Option<Norm>,
    /// Whether a layer before it learns.
    pub(crate) sends_back: bool,
}

impl Layer {
    /// Packs its weights, also transposed where gradients pass through them.
    pub(crate) fn read(&mut self, registers: Registers, parameters: &Parameters) {
        let Parameters { weights, bias, gamma, beta } = parameters;
        if let Some(norm) = &mut self.norm {
            norm.gamma = padded(gamma, self.wide);
            norm.beta = padded(beta, self.wide);
        }
        let Placed { to, windows, .. } = &self.placed;
        let weights = self.placed.by_window(weights);
        self.weights = registers.pack(&weights, bias, to.channels);
        if self.sends_back {
            let rows = weights.chunks_exact(windows.row * to.channels);
            let transposed = rows.map(|row| {
                let by_channel = (0..to.channels)
                    .flat_map(|channel| row.iter().skip(channel).step_by(to.channels).copied());
                registers.pack(&by_channel.collect::<Vec<f32>>(), &[], windows.row)
            });
            self.transposed = transposed.collect();
        }
    }

    /// The sum of some panels, as one: `[values of a window, channels]`.
    pub(crate) fn joined<'a>(
        &self,
        parts: impl Iterator<Item = &'a Vec<PackedWeights>>,
    ) -> Vec<f32> {
        let channels = self.placed.to.channels;
        let mut joined = vec![0.0; self.placed.order.len()];
        for panel in parts.flatten() {
            let width = panel.weights.len() / (joined.len() / channels);
            let own = panel.first..(panel.first + width).min(channels);
            let rows = panel.weights.chunks_exact(width);
            for (sums, row) in joined.chunks_exact_mut(channels).zip(rows) {
                for (sum, value) in sums[own.clone()].iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        joined
    }

    /// What it does to its sums before ReLU: `sum · scale + shift`, one each a channel.
    pub(crate) fn scale_and_shift(&self) -> [Vec<f32>; 2] {
        let Some(norm) = &self.norm else { return [vec![1.0; self.wide], vec![0.0; self.wide]] };
        let scale: Vec<f32> = norm.gamma.iter().zip(&norm.inverse).map(|(g, i)| g * i).collect();
        let shifts = norm.beta.iter().zip(&norm.mean).zip(&scale);
        let shift = shifts.map(|((beta, mean), scale)| beta - mean * scale).collect();
        [scale, shift]
    }

    /// The mean that its norm takes off, one a channel; 0 without a norm.
    pub(crate) fn mean(&self) -> Vec<f32> {
        self.norm.as_ref().map_or_else(|| vec![0.0; self.wide], |norm| norm.mean.clone())
    }
}

/// The values, and zeros behind them.
fn padded(values: &[f32], wide: usize) -> Vec<f32> {
    let mut values = values.to_vec();
    values.resize(wide, 0.0);
    values
}
