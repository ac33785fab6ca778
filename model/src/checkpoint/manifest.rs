//! The manifest: a checkpoint's description of itself, as JSON.

use serde::{Deserialize, Serialize};

use super::{error::CheckpointError, format::SCHEMA, weights::sha256};
use crate::{glyph::PREPROCESSING_VERSION, network::NetworkConfig, verdict::Thresholds};

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format ([`SCHEMA`]).
    pub schema: u32,
    /// The checkpoint's id, which is also the name of its folder.
    pub id: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The network's architecture.
    pub network: NetworkConfig,
    /// The label of each output, in order.
    pub labels: Vec<String>,
    /// Logits are divided by this (above 0) before softmax, so that confidence is calibrated.
    /// Fitted on the validation examples.
    pub temperature: f32,
    /// Thresholds for verdicts, fitted on the same examples. A checkpoint without them reads
    /// everything.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// The number of the network's trainable parameters.
    pub parameters: usize,
    /// The number of multiply-adds to read one glyph.
    pub macs: usize,
    /// Version of the preprocessing it was trained with
    /// ([`PREPROCESSING_VERSION`](crate::glyph::PREPROCESSING_VERSION)).
    pub preprocessing: u32,
    /// All settings of the training run.
    pub training: serde_json::Value,
    /// The datasets that it was trained on.
    pub datasets: Vec<DatasetRecord>,
    /// The results of the training run.
    pub metrics: Metrics,
    /// The id of the checkpoint that training started from; `None` if it started from scratch.
    pub parent: Option<String>,
    /// The commit of the source code, with `-dirty` if there were uncommitted changes.
    pub git_revision: Option<String>,
    /// The weights' file.
    pub weights: WeightsRecord,
}

/// A dataset that was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// The name of its folder.
    pub name: String,
    /// Number of examples trained on.
    pub training: usize,
    /// Number of examples held back for validation.
    pub validation: usize,
    /// Number of examples in the test set; 0 if there is none.
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

/// The results of a training run after its last epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of epochs.
    pub epochs: usize,
    /// Wall-clock time of training in seconds, evaluation included.
    pub seconds: f64,
    /// Score on the examples held back from training.
    pub validation: Score,
    /// Score on the test set, measured once, after the last epoch.
    pub test: Option<Score>,
}

/// Loss and accuracy on a set of examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Share of examples read correctly, 0–1.
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
    /// Share of augmented training examples read correctly, 0–1.
    pub train_accuracy: f64,
    /// Score on the validation examples after the epoch.
    pub validation: Score,
    /// Training images per second.
    pub images_per_second: f64,
    /// Wall-clock seconds since the run began, including the time before it was resumed.
    pub seconds: f64,
}

impl Manifest {
    /// Checks that these are the bytes of the weights that were published.
    ///
    /// # Errors
    /// Their checksum differs from the manifest's.
    pub fn check_weights(&self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let (expected, found) = (self.weights.sha256.clone(), sha256(bytes));
        if found == expected {
            return Ok(());
        }
        Err(CheckpointError::WrongChecksum { id: self.id.clone(), expected, found })
    }

    /// Parses and checks the manifest of the checkpoint `id`.
    ///
    /// # Errors
    /// It is damaged, inconsistent, or of another version.
    pub fn parse(id: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        /// Parsed first, because a manifest with another schema may have other fields.
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
            let reason =
                format!("its temperature is {}, but must be above 0", manifest.temperature);
            return Err(CheckpointError::BadManifest { id, reason });
        }
        if !manifest.thresholds.are_valid() {
            let reason =
                format!("its thresholds are not between 0 and 1: {:?}", manifest.thresholds);
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
        // The server trusts these numbers when it decides which thread computes.
        let stated = (manifest.parameters, manifest.macs);
        let actual = (manifest.network.parameters(), manifest.network.macs());
        if stated != actual {
            let reason = format!("its parameters and multiply-adds are {actual:?}, not {stated:?}");
            return Err(CheckpointError::BadManifest { id, reason });
        }
        let (labels, classes) = (manifest.labels.len(), manifest.network.classes);
        if labels != classes {
            return Err(CheckpointError::WrongLabels { id, labels, classes });
        }
        Ok(manifest)
    }
}
