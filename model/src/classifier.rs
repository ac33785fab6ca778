//! Glyphs to predictions, in batches, on any device.

use std::sync::Arc;

#[cfg(feature = "burn")]
use burn::{module::Module, tensor::Device};
use glyphic_kernels::LayerWeights;

use crate::{
    backend::{Backend, DeviceFailed},
    cpu::{CpuNetwork, OneThread},
    glyph::Glyph,
    memory::{Key, Memory},
    prediction::Prediction,
    verdict::Thresholds,
};
#[cfg(feature = "burn")]
use crate::{burn_network::BurnNetwork, network::Network};

/// A trained network with its batch norms folded, and the labels of its outputs.
#[derive(Clone, Debug)]
pub struct Classifier {
    backend: Arc<dyn Backend>,
    /// Whether the backend is the CPU's kernels.
    by_kernels: bool,
    labels: Vec<String>,
    temperature: f32,
    thresholds: Thresholds,
    /// What was taught beside the network's training.
    memory: Option<Arc<Memory>>,
}

#[cfg(feature = "burn")]
impl Classifier {
    /// Prepares a trained network for inference on `device`: by the kernels on the CPU, unless
    /// their results differ from burn's; otherwise by burn.
    pub fn new(network: Network, labels: Vec<String>, device: &Device) -> Self {
        let network = network.valid().to_device(device).fold();
        let on_cpu = *device == Device::flex();
        match on_cpu.then(|| CpuNetwork::checked(&network)).flatten() {
            Some(cpu) => Self::by(Arc::new(cpu), true, labels),
            None => Self::by(Arc::new(BurnNetwork::new(network, device)), false, labels),
        }
    }

    /// The same, computed by burn on the CPU too, to compare burn with the kernels.
    pub fn through_burn(network: Network, labels: Vec<String>, device: &Device) -> Self {
        let network = network.valid().to_device(device).fold();
        Self::by(Arc::new(BurnNetwork::new(network, device)), false, labels)
    }
}

impl Classifier {
    /// Prepares layers for inference by the kernels on the calling thread, for programs without
    /// burn. `None` without layers; they must fit as for [`CpuNetwork::new`].
    pub fn of_layers(layers: &[LayerWeights], labels: Vec<String>) -> Option<Self> {
        Some(Self::by(Arc::new(OneThread(CpuNetwork::new(layers)?)), true, labels))
    }

    /// The same with large batches split between threads.
    pub fn of_layers_in_parallel(layers: &[LayerWeights], labels: Vec<String>) -> Option<Self> {
        Some(Self::by(Arc::new(CpuNetwork::new(layers)?), true, labels))
    }

    fn by(backend: Arc<dyn Backend>, by_kernels: bool, labels: Vec<String>) -> Self {
        let thresholds = Thresholds::default();
        Self { backend, by_kernels, labels, temperature: 1.0, thresholds, memory: None }
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

    /// The same with a memory that was made of this network's [`keys`](Self::keys), or without one.
    pub fn with_memory(self, memory: Option<Arc<Memory>>) -> Self {
        Self { memory, ..self }
    }

    /// The thresholds for verdicts.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The labels, in the order of a prediction's probabilities: those of the network's outputs, then
    /// those that the memory alone knows.
    pub fn labels(&self) -> &[String] {
        self.memory.as_ref().map_or(&self.labels, |memory| memory.labels())
    }

    /// The labels of the network's outputs.
    pub fn network_labels(&self) -> &[String] {
        &self.labels
    }

    /// The network.
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The same with the layers of another network, computed by the kernels on the calling thread.
    /// `None` as in [`of_layers`](Self::of_layers).
    pub(crate) fn with_layers(&self, layers: &[LayerWeights]) -> Option<Self> {
        let backend = Arc::new(OneThread(CpuNetwork::new(layers)?));
        Some(Self { backend, by_kernels: true, ..self.clone() })
    }

    /// Whether the CPU's kernels compute, and not burn.
    pub fn uses_kernels(&self) -> bool {
        self.by_kernels
    }

    /// Reads a batch of glyphs. The predictions are in the order of the glyphs.
    ///
    /// # Errors
    /// The device fails.
    pub fn classify(&self, glyphs: &[Glyph]) -> Result<Vec<Prediction>, DeviceFailed> {
        let calibrated = |mut logits: Vec<f32>| {
            logits.iter_mut().for_each(|logit| *logit /= self.temperature);
            logits
        };
        let Some(memory) = self.memory.as_ref().filter(|_| !glyphs.is_empty()) else {
            let logits = self.logits(glyphs)?.into_iter();
            return Ok(logits.map(|logits| Prediction::of(&calibrated(logits))).collect());
        };
        let both = self.backend.logits_and_features(glyphs)?.into_iter();
        let recalled = both.map(|(logits, features)| {
            memory.recall(calibrated(logits), &features, self.thresholds)
        });
        Ok(recalled.collect())
    }

    /// The key of each glyph for a [`Memory`] beside this network.
    ///
    /// # Errors
    /// The device fails.
    pub fn keys(&self, glyphs: &[Glyph]) -> Result<Vec<Key>, DeviceFailed> {
        Ok(self.features(glyphs)?.iter().map(|features| Key::of(features)).collect())
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
        self.backend.logits(glyphs)
    }

    /// The input of the last layer for each glyph: a feature vector, in which glyphs that look
    /// similar to the network are close to each other. One row per glyph; no number is below 0
    /// unless the network has only one layer. The order of the features is unspecified, but the
    /// same for all glyphs.
    ///
    /// # Errors
    /// The device fails.
    pub fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        if glyphs.is_empty() {
            return Ok(Vec::new());
        }
        self.backend.features(glyphs)
    }
}
