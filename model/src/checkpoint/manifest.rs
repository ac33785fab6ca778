//! The manifest: a checkpoint's description of itself, as JSON.

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::{error::CheckpointError, format::SCHEMA, weights::sha256};
use crate::{
    glyph::PREPROCESSING_VERSION,
    labels::{self, is_invisible},
    network::NetworkConfig,
    verdict::Thresholds,
};

/// The temperatures that are possible. Calibration finds 0.1 to 10; far beyond that all answers
/// would be certain, or none.
const TEMPERATURES: RangeInclusive<f32> = 0.05..=20.0;
/// Most bytes of a manifest: one with the checksums of 60,000 files.
pub const MAX_BYTES: usize = 8 << 20;
/// Most bytes of a text that is neither a label nor a list: an id, a time, a revision.
const MAX_TEXT: usize = 100;

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
    /// Logits are divided by this (0.05–20) before softmax, so that confidence is calibrated.
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
    /// It is damaged, of another version or another checkpoint, or [`check`](Self::check) fails.
    pub fn parse(id: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        /// Parsed first, because a manifest with another schema may have other fields.
        #[derive(serde::Deserialize)]
        struct SchemaOnly {
            schema: u32,
        }
        let bad_manifest = |reason| CheckpointError::BadManifest { id: id.to_owned(), reason };
        let bad = |error: serde_json::Error| bad_manifest(error.to_string());
        if bytes.len() > MAX_BYTES {
            let most = MAX_BYTES >> 20;
            return Err(bad_manifest(format!("it has more than {most} MiB, the limit for it")));
        }
        let found = serde_json::from_slice::<SchemaOnly>(bytes).map_err(bad)?.schema;
        if found != SCHEMA {
            return Err(CheckpointError::WrongSchema { id: id.to_owned(), found });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(bad)?;
        if manifest.id != id {
            let found = manifest.id.chars().take(MAX_TEXT).collect();
            return Err(CheckpointError::WrongId { id: id.to_owned(), found });
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks that its values are possible and fit together, whoever wrote them. Every way of a
    /// checkpoint into a registry, and out of it, leads through here.
    ///
    /// # Errors
    /// It is inconsistent, of another preprocessing, or has an impossible value.
    pub fn check(&self) -> Result<(), CheckpointError> {
        let id = || self.id.clone();
        if self.preprocessing != PREPROCESSING_VERSION {
            let found = self.preprocessing;
            return Err(CheckpointError::WrongPreprocessing { id: id(), found });
        }
        if let Err(reason) = self.network.check() {
            return Err(CheckpointError::Impossible { id: id(), reason });
        }
        let (labels, classes) = (self.labels.len(), self.network.classes);
        if labels != classes {
            return Err(CheckpointError::WrongLabels { id: id(), labels, classes });
        }
        let problems: [fn(&Self) -> Option<String>; 5] = [
            Self::wrong_sizes,
            Self::wrong_calibration,
            Self::wrong_labels,
            Self::wrong_metrics,
            Self::wrong_texts,
        ];
        match problems.into_iter().find_map(|problem| problem(self)) {
            Some(reason) => Err(CheckpointError::BadManifest { id: id(), reason }),
            None => Ok(()),
        }
    }

    /// The server trusts the sizes when it decides which thread computes.
    fn wrong_sizes(&self) -> Option<String> {
        let stated = (self.parameters, self.macs);
        let actual = (self.network.parameters(), self.network.macs());
        (stated != actual)
            .then(|| format!("its parameters and multiply-adds are {actual:?}, not {stated:?}"))
    }

    fn wrong_calibration(&self) -> Option<String> {
        let Self { temperature, thresholds, .. } = self;
        if !TEMPERATURES.contains(temperature) {
            return Some(format!(
                "its temperature is {temperature:?}, not {} to {}",
                TEMPERATURES.start(),
                TEMPERATURES.end()
            ));
        }
        (!thresholds.are_valid())
            .then(|| format!("its thresholds are not between 0 and 1: {thresholds:?}"))
    }

    fn wrong_labels(&self) -> Option<String> {
        if let Some(error) = self.labels.iter().find_map(|label| labels::check(label).err()) {
            return Some(format!("one of its labels {error}"));
        }
        let mut seen = BTreeSet::new();
        let twice = self.labels.iter().find(|label| !seen.insert(*label));
        twice.map(|label| format!("it has the label {label:?} twice"))
    }

    fn wrong_metrics(&self) -> Option<String> {
        let Metrics { seconds, validation, test, .. } = &self.metrics;
        if !(seconds.is_finite() && *seconds >= 0.0) {
            return Some(format!("its training took {seconds} seconds"));
        }
        let wrong = [Some(validation), test.as_ref()].into_iter().flatten();
        let wrong = wrong.into_iter().find(|score| !score.is_possible());
        wrong.map(|Score { accuracy, loss, .. }| {
            format!("no checkpoint has an accuracy of {accuracy} and a loss of {loss}")
        })
    }

    /// These are shown, and checkpoints are sorted by their time.
    fn wrong_texts(&self) -> Option<String> {
        let of_time = |byte: u8| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte);
        let is_short = |text: &str| text.len() <= MAX_TEXT && !text.chars().any(is_invisible);
        if !is_short(&self.created) || !self.created.bytes().all(of_time) {
            return Some("the time when it was made is not like 2026-01-31T12:00:00Z".to_owned());
        }
        [("parent", &self.parent), ("git_revision", &self.git_revision)]
            .into_iter()
            .find(|(_, text)| text.as_deref().is_some_and(|text| !is_short(text)))
            .map(|(name, _)| format!("its {name} is too long or has invisible characters"))
    }
}

impl Score {
    /// Whether examples can have this accuracy and this loss.
    fn is_possible(&self) -> bool {
        (0.0..=1.0).contains(&self.accuracy) && self.loss.is_finite() && self.loss >= 0.0
    }
}
