//! A layer and its parameters of one step.

use super::{
    super::{
        layout::Placed,
        panels::{Panel, Registered},
    },
    norm::Norm,
};

/// A layer, with its parameters of this step.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) placed: Placed,
    /// Where each place's channels lie in the next layer's input.
    pub(super) outputs: Vec<usize>,
    /// Where they lie among the sums, `[places, wide]`.
    pub(super) sums: Vec<usize>,
    /// The channels, filled up with zeros to whole vectors.
    pub(super) wide: usize,
    pub(super) weights: Vec<Panel>,
    /// The same for each row of a window, the other way round: `[channels, values]`.
    pub(super) transposed: Vec<Vec<Panel>>,
    pub(super) norm: Option<Norm>,
    /// Whether a layer before it learns.
    pub(super) sends_back: bool,
}

impl Layer {
    /// Lays its weights out, both ways round.
    pub(super) fn read(&mut self, registered: Registered, weights: &[f32], bias: &[f32]) {
        let Placed { to, windows, .. } = &self.placed;
        let weights = self.placed.by_window(weights);
        self.weights = registered.panels(&weights, bias, to.channels);
        if self.sends_back {
            let rows = weights.chunks_exact(windows.row * to.channels);
            let transposed = rows.map(|row| {
                let by_channel = (0..to.channels)
                    .flat_map(|channel| row.iter().skip(channel).step_by(to.channels).copied());
                registered.panels(&by_channel.collect::<Vec<f32>>(), &[], windows.row)
            });
            self.transposed = transposed.collect();
        }
    }

    /// The sum of some panels, as one: `[values of a window, channels]`.
    pub(super) fn joined<'a>(&self, parts: impl Iterator<Item = &'a Vec<Panel>>) -> Vec<f32> {
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
    pub(super) fn scale_and_shift(&self) -> [Vec<f32>; 2] {
        let Some(norm) = &self.norm else { return [vec![1.0; self.wide], vec![0.0; self.wide]] };
        let scale: Vec<f32> = norm.gamma.iter().zip(&norm.inverse).map(|(g, i)| g * i).collect();
        let shifts = norm.beta.iter().zip(&norm.mean).zip(&scale);
        let shift = shifts.map(|((beta, mean), scale)| beta - mean * scale).collect();
        [scale, shift]
    }

    /// The mean that its norm takes off, one a channel; 0 without a norm.
    pub(super) fn mean(&self) -> Vec<f32> {
        self.norm.as_ref().map_or_else(|| vec![0.0; self.wide], |norm| norm.mean.clone())
    }
}
