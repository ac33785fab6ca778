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
mod weights;

pub use error::CheckpointError;
pub use format::{
    CARD_FILE, DRAWINGS_FILE, MANIFEST_FILE, METRICS_FILE, REPORT_FILE, SCHEMA, WEIGHTS_FILE,
};
pub use manifest::{
    DatasetRecord, EpochMetrics, FileRecord, Manifest, Metrics, Score, WeightsRecord,
};
pub use weights::{network_from_bytes, network_to_bytes, sha256, weights_to_bytes};

use burn::tensor::Device;

use crate::{classifier::Classifier, network::Network};

/// A checkpoint in memory. Its network has its norms and can be trained further.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The checkpoint's description of itself.
    pub manifest: Manifest,
    /// The network with the checkpoint's weights.
    pub network: Network,
}

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
        let id = || manifest.id.clone();
        manifest.check_weights(&weights)?;
        let network = network_from_bytes(&manifest.network, weights, device)
            .map_err(|reason| CheckpointError::WrongWeights { id: id(), reason })?;
        if !weights::is_finite(&network) {
            return Err(CheckpointError::NotFinite(id()));
        }
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
