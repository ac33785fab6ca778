//! What a checkpoint says of itself, as JSON.

use serde::{Deserialize, Serialize};

use super::{CheckpointError, sha256};
use crate::{glyph::PREPROCESSING_VERSION, network::NetworkConfig, verdict::Thresholds};

/// Version of the manifest's format. A reader refuses any other.
pub const SCHEMA: u32 = 1;

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format ([`SCHEMA`]).
    pub schema: u32,
    /// The checkpoint's name; also its folder's.
    pub id: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The network's shape.
    pub network: NetworkConfig,
    /// The label of each output, in order.
    pub labels: Vec<String>,
    /// What logits are divided by to give honest probabilities, fitted on the
    /// validation examples.
    pub temperature: f32,
    /// Where readings become doubtful, fitted on the same examples. A checkpoint without
    /// them reads everything.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// Trainable numbers of the network.
    pub parameters: usize,
    /// Multiply-adds to read one glyph.
    pub macs: usize,
    /// Version of the preprocessing it was trained with
    /// ([`PREPROCESSING_VERSION`](crate::glyph::PREPROCESSING_VERSION)).
    pub preprocessing: u32,
    /// The full training config, as `train` read it.
    pub training: serde_json::Value,
    /// The data it was trained on.
    pub datasets: Vec<DatasetRecord>,
    /// How well it does.
    pub metrics: Metrics,
    /// The checkpoint that training started from, if it did.
    pub parent: Option<String>,
    /// The repository's commit, with `-dirty` if files differed from it.
    pub git_revision: Option<String>,
    /// The weights' file.
    pub weights: WeightsRecord,
}

/// A dataset that was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// Its folder's name.
    pub name: String,
    /// Examples trained on.
    pub training: usize,
    /// Examples held back for validation.
    pub validation: usize,
    /// Examples of the test set; 0 if there is none.
    pub test: usize,
    /// Its files.
    pub files: Vec<FileRecord>,
}

/// A file and its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Name within its folder.
    pub name: String,
    /// SHA-256 of its content, uncompressed, in hex.
    pub sha256: String,
}

/// The weights' file and its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The run's results, at its last epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Epochs trained.
    pub epochs: usize,
    /// Wall-clock time of training in seconds, evaluation included.
    pub seconds: f64,
    /// Score on the examples held back from training.
    pub validation: Score,
    /// Score on the test set, read once, after the last epoch.
    pub test: Option<Score>,
}

/// Loss and accuracy on a set of examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Share of examples read right, 0–1.
    pub accuracy: f64,
    /// Mean cross entropy in nats.
    pub loss: f64,
    /// Number of examples.
    pub examples: usize,
}

/// One epoch of a run: a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Optimiser steps taken so far.
    pub step: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean training loss over the epoch, on augmented examples.
    pub train_loss: f64,
    /// Share of augmented training examples read right, 0–1.
    pub train_accuracy: f64,
    /// Score on the validation examples after the epoch.
    pub validation: Score,
    /// Training images a second.
    pub images_per_second: f64,
    /// Wall-clock seconds since the run began, resumed time included.
    pub seconds: f64,
}

impl Manifest {
    /// Whether these are the bytes of the weights that were published.
    pub fn check_weights(&self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let (expected, found) = (self.weights.sha256.clone(), sha256(bytes));
        if found == expected {
            return Ok(());
        }
        Err(CheckpointError::WrongChecksum { id: self.id.clone(), expected, found })
    }

    /// Reads and checks the manifest of the checkpoint `id`.
    pub fn parse(id: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        /// Read first: a manifest of another schema need not parse as this one.
        #[derive(serde::Deserialize)]
        struct SchemaOnly {
            schema: u32,
        }
        let bad = |error: serde_json::Error| CheckpointError::BadManifest {
            id: id.to_owned(),
            reason: error.to_string(),
        };
        let found = serde_json::from_slice::<SchemaOnly>(bytes).map_err(bad)?.schema;
        if found != SCHEMA {
            return Err(CheckpointError::WrongSchema { id: id.to_owned(), found });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(bad)?;
        let id = id.to_owned();
        if !(manifest.temperature > 0.0 && manifest.temperature.is_finite()) {
            let reason = format!("its temperature is {}, not above 0", manifest.temperature);
            return Err(CheckpointError::BadManifest { id, reason });
        }
        if !manifest.thresholds.are_valid() {
            let reason = format!("its {:?} are not between 0 and 1", manifest.thresholds);
            return Err(CheckpointError::BadManifest { id, reason });
        }
        if manifest.id != id {
            return Err(CheckpointError::WrongId { id, found: manifest.id });
        }
        if manifest.preprocessing != PREPROCESSING_VERSION {
            return Err(CheckpointError::WrongPreprocessing { id, found: manifest.preprocessing });
        }
        if let Err(reason) = manifest.network.check() {
            return Err(CheckpointError::Impossible { id, reason });
        }
        // Which thread computes is decided by these.
        let said = (manifest.parameters, manifest.macs);
        let is = (manifest.network.parameters(), manifest.network.macs());
        if said != is {
            let reason = format!("its parameters and multiply-adds are {is:?}, not {said:?}");
            return Err(CheckpointError::BadManifest { id, reason });
        }
        let (labels, classes) = (manifest.labels.len(), manifest.network.classes);
        if labels != classes {
            return Err(CheckpointError::WrongLabels { id, labels, classes });
        }
        Ok(manifest)
    }
}
