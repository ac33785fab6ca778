//! A checkpoint's format: what it says of itself, its weights, and everything that is checked
//! before either is believed.
//!
//! ```text
//! checkpoints/<id>/
//! ├── manifest.json            what it is ([`Manifest`])
//! ├── weights.bpk              the parameters (burnpack)
//! ├── metrics.jsonl            one line for each epoch of the run that made it
//! ├── drawings.jsonl           the drawings that its run was given, if any
//! ├── comparison.json          its comparison with its parent, if it was fine-tuned
//! ├── report.html, report.json its report; measuring it again replaces them
//! └── …                        the run's event files
//! ```

mod error;
mod manifest;
mod weights;

pub use error::CheckpointError;
pub use manifest::{
    DatasetRecord, EpochMetrics, FileRecord, Manifest, Metrics, SCHEMA, Score, WeightsRecord,
};
pub use weights::{network_from_bytes, network_to_bytes, sha256, weights_to_bytes};

use burn::tensor::Device;

use crate::{classifier::Classifier, network::Network};

/// Name of the weights' file in a checkpoint.
pub const WEIGHTS_FILE: &str = "weights.bpk";
/// Name of the manifest's file in a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the run's metrics in a checkpoint.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// Name of the drawings that the run was given, in a checkpoint.
pub const DRAWINGS_FILE: &str = "drawings.jsonl";
/// Name of the report's page in a checkpoint.
pub const REPORT_FILE: &str = "report.html";
/// Name of the report's figures in a checkpoint.
pub const CARD_FILE: &str = "report.json";

/// A checkpoint in memory: what it is, and its network, ready to train on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What the checkpoint says of itself.
    pub manifest: Manifest,
    /// The network with the checkpoint's weights.
    pub network: Network,
}

impl Checkpoint {
    /// The checkpoint of a manifest and its weights' file, on `device`, with everything
    /// verified: checksum, architecture, shapes, and that all are numbers.
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

    /// The checkpoint as a classifier on the device its network is on.
    pub fn into_classifier(self, device: &Device) -> Classifier {
        let Manifest { labels, temperature, thresholds, .. } = self.manifest;
        Classifier::new(self.network, labels, device)
            .with_temperature(temperature)
            .with_thresholds(thresholds)
    }
}
