//! Glyphs to predictions, in batches, on any device.

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

/// In a browser burn computes: the kernels would add 18 KB to what it loads, and were not
/// measured there yet.
const CPU_KERNELS: bool = cfg!(not(target_arch = "wasm32"));

/// A trained network with its batch norms folded, and the labels of its outputs.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    labels: Vec<String>,
    temperature: f32,
    thresholds: Thresholds,
    device: Device,
    /// Whether batches are padded to a power of two.
    padded: bool,
    /// The same network for the CPU kernels, if they compute it.
    cpu: Option<Arc<CpuNetwork>>,
}

/// The network's answer for one glyph.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the most probable label.
    pub index: usize,
    /// Probability (0–1) of each label, in the order of the labels, given that the glyph is one of
    /// them; the sum is 1.
    pub probabilities: Vec<f32>,
    /// In-distribution score: the probability (0–1) that the glyph is any of the labels. It is
    /// meaningful only if the network was trained with negatives ([`Thresholds::rejects`]).
    pub in_distribution: f32,
}

/// The device failed while computing, or its results could not be read.
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
        // A GPU compiles kernels for each shape that it encounters. Rounding batches up to powers
        // of two keeps the number of shapes small.
        let padded = *device != Device::flex();
        Self {
            cpu: (CPU_KERNELS && !padded)
                .then(|| CpuNetwork::checked(&network))
                .flatten()
                .map(Arc::new),
            network,
            labels,
            temperature: 1.0,
            thresholds: Thresholds::default(),
            device: device.clone(),
            padded,
        }
    }

    /// Sets the temperature (above 0): logits are divided by it before softmax, so that
    /// confidence is calibrated. The default is 1.
    pub fn with_temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Sets the thresholds for [`verdicts`](Thresholds::verdict). By default everything is read.
    pub fn with_thresholds(self, thresholds: Thresholds) -> Self {
        Self { thresholds, ..self }
    }

    /// The thresholds for verdicts.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The labels, in the order of the outputs.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The network with its norms folded.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Whether the CPU kernels ([`CpuNetwork`]) compute, and not burn.
    pub fn uses_kernels(&self) -> bool {
        self.cpu.is_some()
    }

    /// The same classifier, computed by burn on the CPU too, to compare burn with the kernels.
    pub fn through_burn(self) -> Self {
        Self { cpu: None, ..self }
    }

    /// The CPU's kernels, if they compute.
    fn cpu(&self) -> Option<&CpuNetwork> {
        self.cpu.as_deref().filter(|_| CPU_KERNELS)
    }

    /// The device that computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads a batch of glyphs. The predictions are in the order of the glyphs.
    ///
    /// # Errors
    /// The device fails.
    pub fn classify(&self, glyphs: &[Glyph]) -> Result<Vec<Prediction>, DeviceFailed> {
        let mut logits = self.logits(glyphs)?;
        logits.iter_mut().flatten().for_each(|logit| *logit /= self.temperature);
        Ok(logits.iter().map(|logits| Prediction::of(logits)).collect())
    }

    /// The network's raw outputs for a batch of glyphs, not divided by the temperature: one row
    /// per glyph, one number per label.
    ///
    /// # Errors
    /// The device fails.
    pub fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        if glyphs.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(cpu) = self.cpu() {
            return Ok(cpu.logits(glyphs));
        }
        self.run_burn(glyphs, |pixels| self.network.forward(pixels))
    }

    /// The input of the last layer for each glyph: a feature vector, in which glyphs that look
    /// similar to the network are close to each other. One row per glyph; no number is below 0
    /// unless the network has only one layer. The order of the features is unspecified, but the
    /// same for all glyphs.
    ///
    /// # Errors
    /// The device fails.
    pub fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        if let Some(cpu) = self.cpu() {
            return Ok(cpu.features(glyphs));
        }
        self.run_burn(glyphs, |pixels| self.network.features(pixels))
    }

    /// Has burn compute a row for each glyph.
    fn run_burn(
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
    /// Softmax of the logits and the index of the largest. For the in-distribution score, *none
    /// of the labels* counts as one more output with the logit 0.
    ///
    /// ```
    /// use glyphic_model::Prediction;
    ///
    /// let prediction = Prediction::of(&[0.0, 3.0, 1.0]);
    /// assert_eq!(prediction.index, 1);
    /// assert!((prediction.confidence() - 0.844).abs() < 0.001); // e³ / (e⁰ + e³ + e¹)
    /// assert!((prediction.in_distribution - 0.960).abs() < 0.001); // Σ / (Σ + e⁰), Σ as above
    /// ```
    pub fn of(logits: &[f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f32 = exponentials.iter().sum();
        let probabilities: Vec<f32> = exponentials.iter().map(|e| e / sum).collect();
        let index = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0);
        // Σ e^logit / (Σ e^logit + e^0), rearranged so that no exponential overflows.
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

    /// Probability (0–1) of the most probable label.
    pub fn confidence(&self) -> f32 {
        self.probabilities.get(self.index).copied().unwrap_or(0.0)
    }

    /// Whether all of it are numbers: weights that are too large give logits that are none.
    pub fn is_finite(&self) -> bool {
        self.in_distribution.is_finite() && self.probabilities.iter().all(|p| p.is_finite())
    }
}
