//! Glyphs to predictions, batch first, on any device.

use std::sync::Arc;

use burn::{
    module::Module,
    tensor::{DataError, Device, Tensor, TensorData},
};
use thiserror::Error;

use crate::{
    cpu::CpuNetwork,
    glyph::{Glyph, PIXELS, SIDE},
    network::{Network, normalise},
    verdict::Thresholds,
};

/// A trained network, its batch norms folded, and the labels of its outputs.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    labels: Vec<String>,
    temperature: f32,
    thresholds: Thresholds,
    device: Device,
    padded: bool,
    /// The same network for the CPU, if that computes.
    cpu: Option<Arc<CpuNetwork>>,
}

/// What the network says of one glyph.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the most probable label.
    pub index: usize,
    /// Probability of each label, in label order; they sum to 1: what it is if it is
    /// one of them.
    pub probabilities: Vec<f32>,
    /// Probability (0–1) that it is one of the labels at all. It means something only
    /// if the network was trained to tell ([`Thresholds::rejects`]).
    pub in_distribution: f32,
}

/// The device failed while computing or its answer could not be read.
#[derive(Debug, Error)]
#[error("the compute device failed: {0}")]
pub struct DeviceFailed(String);

impl From<DataError> for DeviceFailed {
    fn from(error: DataError) -> Self {
        Self(error.to_string())
    }
}

impl Classifier {
    /// Prepares a trained network for inference on `device`.
    pub fn new(network: Network, labels: Vec<String>, device: &Device) -> Self {
        let network = network.valid().to_device(device).fold();
        // A GPU compiles kernels for each shape it meets; rounding batches up
        // to powers of two keeps the shapes few.
        let padded = *device != Device::flex();
        Self {
            cpu: (!padded).then(|| CpuNetwork::checked(&network)).flatten().map(Arc::new),
            network,
            labels,
            temperature: 1.0,
            thresholds: Thresholds::default(),
            device: device.clone(),
            padded,
        }
    }

    /// Divides logits by this before they become probabilities: the fit that
    /// makes confidence honest.
    pub fn with_temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Where its readings become doubtful.
    pub fn with_thresholds(self, thresholds: Thresholds) -> Self {
        Self { thresholds, ..self }
    }

    /// Where its readings become doubtful.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The labels, in the order of the outputs.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The network, its norms folded.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Whether the CPU's kernels compute ([`CpuNetwork`]), not burn.
    pub fn uses_kernels(&self) -> bool {
        self.cpu.is_some()
    }

    /// The same, computed by burn on the CPU too: to measure one beside the other.
    pub fn through_burn(self) -> Self {
        Self { cpu: None, ..self }
    }

    /// The device that computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads a batch of glyphs. The answers are in the order of the glyphs.
    pub fn classify(&self, glyphs: &[Glyph]) -> Result<Vec<Prediction>, DeviceFailed> {
        let mut logits = self.logits(glyphs)?;
        logits.iter_mut().flatten().for_each(|logit| *logit /= self.temperature);
        Ok(logits.iter().map(|logits| Prediction::of(logits)).collect())
    }

    /// The network's raw outputs for a batch of glyphs, whatever the temperature:
    /// one row a glyph, one number a label.
    pub fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        if glyphs.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(cpu) = &self.cpu {
            return Ok(cpu.logits(glyphs));
        }
        self.through(glyphs, |pixels| self.network.forward(pixels))
    }

    /// What the last layer reads of each glyph: the network's own description of it, in which
    /// glyphs that look alike to it lie close to each other. One row a glyph, no number below
    /// 0 unless there is only one layer; in an order of its own, the same for all glyphs.
    pub fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        if let Some(cpu) = &self.cpu {
            return Ok(cpu.features(glyphs));
        }
        self.through(glyphs, |pixels| self.network.features(pixels))
    }

    /// Has burn compute a row for each glyph.
    fn through(
        &self,
        glyphs: &[Glyph],
        compute: impl FnOnce(Tensor<4>) -> Tensor<2>,
    ) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        let batch = if self.padded { glyphs.len().next_power_of_two() } else { glyphs.len() };
        let mut pixels: Vec<f32> =
            glyphs.iter().flat_map(|glyph| glyph.pixels().map(f32::from)).collect();
        pixels.resize(batch * PIXELS, 0.0);
        let pixels =
            Tensor::<4>::from_data(TensorData::new(pixels, [batch, 1, SIDE, SIDE]), &self.device);
        let rows = compute(normalise(pixels));
        let [_, width] = rows.dims();
        let values: Vec<f32> = rows.into_data().try_into_vec()?;
        Ok(values.chunks(width).take(glyphs.len()).map(<[f32]>::to_vec).collect())
    }
}

impl Prediction {
    /// Softmax of the logits and the index of the largest. *None of the labels* has the
    /// logit 0.
    pub fn of(logits: &[f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f32 = exponentials.iter().sum();
        let probabilities: Vec<f32> = exponentials.iter().map(|e| e / sum).collect();
        let index = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0);
        // The sum of all e^logit beside e^0, without overflow.
        let in_distribution = 1.0 / (1.0 + (-largest - sum.ln()).exp());
        Self { index, probabilities, in_distribution }
    }

    /// The two most probable labels, the more probable one first.
    pub fn best_two(&self) -> impl Iterator<Item = usize> {
        let second = (0..self.probabilities.len()).filter(|&i| i != self.index);
        let second =
            second.max_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        [Some(self.index), second].into_iter().flatten()
    }

    /// Probability of the most probable label.
    pub fn confidence(&self) -> f32 {
        self.probabilities.get(self.index).copied().unwrap_or(0.0)
    }
}
