//! The format of checkpoints: the manifest, the weights, and the checks before either is trusted.
//!
//! ```text
//! checkpoints/<id>/
//! ├── manifest.json            its description ([`Manifest`])
//! ├── weights.bpk              the parameters (burnpack)
//! ├── metrics.jsonl            one line per epoch of its training run
//! ├── drawings.jsonl           the drawings it was trained on, if any
//! ├── comparison.json          its comparison with its parent, if it was fine-tuned
//! ├── report.html, report.json its report; replaced when it is measured again
//! └── …                        the event files of its run
//! ```

mod error;
mod format;
mod manifest;
mod parameters;
#[cfg(feature = "burn")]
mod weights;

pub use error::CheckpointError;
pub use format::{
    CARD_FILE, DRAWINGS_FILE, MANIFEST_FILE, METRICS_FILE, REPORT_FILE, SCHEMA, WEIGHTS_FILE,
    sha256,
};
pub use manifest::{
    DatasetRecord, EpochMetrics, FileRecord, MAX_BYTES, Manifest, Metrics, Score, WeightsRecord,
};
pub use parameters::layers_from_bytes;
#[cfg(feature = "burn")]
pub use weights::{network_from_bytes, network_to_bytes, weights_to_bytes};

#[cfg(feature = "burn")]
use burn::tensor::Device;
use glyphic_kernels::LayerWeights;
use parameters::Parameters;

use crate::classifier::Classifier;
#[cfg(feature = "burn")]
use crate::network::Network;

/// A checkpoint in memory. Its network has its norms and can be trained further.
#[cfg(feature = "burn")]
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The checkpoint's description of itself.
    pub manifest: Manifest,
    /// The network with the checkpoint's weights.
    pub network: Network,
}

#[cfg(feature = "burn")]
impl Checkpoint {
    /// Makes a checkpoint of a parsed manifest and the content of its weights' file, on `device`.
    ///
    /// # Errors
    /// The weights' checksum or shapes do not fit the manifest, or a weight is not finite.
    pub fn verify(
        manifest: Manifest,
        weights: Vec<u8>,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        manifest.layers(&weights)?;
        let network = network_from_bytes(&manifest.network, weights, device)
            .map_err(|reason| manifest.wrong_weights(reason))?;
        Ok(Self { manifest, network })
    }

    /// Turns the checkpoint into a classifier on `device`.
    pub fn into_classifier(self, device: &Device) -> Classifier {
        let Manifest { labels, temperature, thresholds, .. } = self.manifest;
        Classifier::new(self.network, labels, device)
            .with_temperature(temperature)
            .with_thresholds(thresholds)
    }
}

impl Manifest {
    /// Verifies the content of the weights' file and turns the checkpoint into a classifier that the CPU's kernels compute, without burn.
    ///
    /// # Errors
    /// The weights' checksum or shapes do not fit the manifest, or a weight is not finite.
    pub fn into_classifier(self, weights: &[u8]) -> Result<Classifier, CheckpointError> {
        self.into_classifier_by(Classifier::of_layers, weights)
    }

    /// The same, with large batches split between threads: for programs that have some.
    ///
    /// # Errors
    /// As [`into_classifier`](Self::into_classifier).
    pub fn into_parallel_classifier(self, weights: &[u8]) -> Result<Classifier, CheckpointError> {
        self.into_classifier_by(Classifier::of_layers_in_parallel, weights)
    }

    fn into_classifier_by(
        self,
        make: impl FnOnce(&[LayerWeights], Vec<String>) -> Option<Classifier>,
        weights: &[u8],
    ) -> Result<Classifier, CheckpointError> {
        let layers = self.layers(weights)?;
        let without_layers = self.wrong_weights("it has no layers".to_owned());
        let Self { labels, temperature, thresholds, .. } = self;
        let classifier = make(&layers, labels).ok_or(without_layers)?;
        Ok(classifier.with_temperature(temperature).with_thresholds(thresholds))
    }

    /// The layers in the weights' file, the norms folded, after all checks.
    fn layers(&self, weights: &[u8]) -> Result<Vec<LayerWeights>, CheckpointError> {
        self.check_weights(weights)?;
        let wrong = |reason| self.wrong_weights(reason);
        let parameters = Parameters::read(weights).map_err(wrong)?;
        let are_finite = parameters.are_finite();
        let layers = parameters.into_layers(&self.network).map_err(wrong)?;
        match are_finite {
            true => Ok(layers),
            false => Err(CheckpointError::NotFinite(self.id.clone())),
        }
    }

    fn wrong_weights(&self, reason: String) -> CheckpointError {
        CheckpointError::WrongWeights { id: self.id.clone(), reason }
    }
}
