//! Checkpoints: a trained network on disk, verified when it is read.
//!
//! ```text
//! artifacts/
//! ├── CURRENT                      the promoted checkpoint's id; below it, one a
//! │                                line, those promoted before, newest first
//! └── checkpoints/<id>/
//!     ├── manifest.json            what it is ([`Manifest`])
//!     ├── weights.bpk              the parameters (burnpack)
//!     ├── metrics.jsonl            one line an epoch of the run that made it
//!     ├── comparison.json          beside its parent, if it was taught ([`Comparison`])
//!     └── …                        the run's report and event files
//! ```
//!
//! A checkpoint is written under a temporary name, synced, and renamed: whoever
//! sees its name sees all of it, and nobody changes it after that.

mod comparison;
mod error;
mod manifest;
mod registry;
mod weights;
mod write;

pub use comparison::{COMPARISON_FILE, Changed, Comparison, Gate, Objection, SampleReading, Tally};
pub use error::CheckpointError;
pub use manifest::{
    DatasetRecord, EpochMetrics, FileRecord, Manifest, Metrics, SCHEMA, Score, WeightsRecord,
};
pub use registry::{Draft, Registry};
pub use weights::{network_from_bytes, network_to_bytes};
pub use write::{sha256, write_atomically};

use crate::{classifier::Classifier, network::Network};

/// Name of the weights' file in a checkpoint.
pub const WEIGHTS_FILE: &str = "weights.bpk";
/// Name of the manifest's file in a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the run's metrics in a checkpoint.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// A checkpoint in memory: what it is, and its network, ready to train on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What the checkpoint says of itself.
    pub manifest: Manifest,
    /// The network with the checkpoint's weights.
    pub network: Network,
}

impl Checkpoint {
    /// The checkpoint as a classifier on the device its network is on.
    pub fn into_classifier(self, device: &burn::tensor::Device) -> Classifier {
        let Manifest { labels, temperature, .. } = self.manifest;
        Classifier::new(self.network, labels, device).with_temperature(temperature)
    }
}
