//! Checkpoints: a trained network on disk, verified when it is read.
//!
//! ```text
//! artifacts/
//! ├── CURRENT                      the promoted checkpoint's id; below it, one a
//! │                                line, those promoted before, newest first
//! ├── MARKS                        labels and pins ([`Marks`])
//! └── checkpoints/<id>/
//!     ├── manifest.json            what it is ([`Manifest`])
//!     ├── weights.bpk              the parameters (burnpack)
//!     ├── metrics.jsonl            one line an epoch of the run that made it
//!     ├── drawings.jsonl          the drawings that its run was given, if any
//!     ├── comparison.json          beside its parent, if it was taught ([`Comparison`])
//!     ├── report.html, report.json its card; measuring it anew replaces them
//!     └── …                        the run's event files
//! ```
//!
//! A checkpoint is written under a temporary name, synced, and renamed: whoever
//! sees its name sees all of it, and nobody changes it after that; its reports alone
//! are replaced, each by a rename.

mod comparison;
#[cfg(feature = "native")]
mod copy;
#[cfg(feature = "native")]
mod curate;
mod error;
#[cfg(feature = "native")]
mod gate;
mod manifest;
#[cfg(feature = "native")]
mod marks;
#[cfg(feature = "native")]
mod registry;
mod weights;
#[cfg(feature = "native")]
mod write;

pub use comparison::{COMPARISON_FILE, Changed, Comparison, Gate, Objection, SampleReading, Tally};
#[cfg(feature = "native")]
pub use copy::Names;
pub use error::CheckpointError;
#[cfg(feature = "native")]
pub use gate::PromotionGate;
pub use manifest::{
    DatasetRecord, EpochMetrics, FileRecord, Manifest, Metrics, SCHEMA, Score, WeightsRecord,
};
#[cfg(feature = "native")]
pub use marks::{CANDIDATE, Marks, STABLE, is_label};
#[cfg(feature = "native")]
pub use registry::{Draft, Registry, is_id};
pub use weights::{network_from_bytes, network_to_bytes, sha256};
#[cfg(feature = "native")]
pub use write::write_atomically;

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
