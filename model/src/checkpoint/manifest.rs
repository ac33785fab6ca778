//! The manifest: a checkpoint's description of itself, as JSON.

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::{
    error::CheckpointError,
    format::{SCHEMA, sha256},
};
use crate::{
    glyph::PREPROCESSING_VERSION,
    labels::{self, is_invisible},
    network::NetworkConfig,
    preprocess::Pictures,
    verdict::Thresholds,
};

/// The temperatures that are possible. Calibration finds 0.1 to 10; far beyond that all answers
/// would be certain, or none.
const TEMPERATURES: RangeInclusive<f32> = 0.05..=20.0;
/// Most bytes of a manifest: one with the checksums of 60,000 files.
pub const MAX_BYTES: usize = 8 << 20;
/// Most bytes of a text that is neither a label nor a list: an id, a time, a revision.
const MAX_TEXT: usize = 100;

/// Most bytes of the name of a file or a folder.
const MAX_NAME: usize = 255;
/// Most datasets.
const MAX_DATASETS: usize = 1000;
/// Most examples of a dataset, epochs and seconds of a run, and the largest loss: far beyond what a
/// run can have, and such that they can be added up and shown.
const MAX_EXAMPLES: usize = 1_000_000_000;
const MAX_EPOCHS: usize = 1_000_000;
const MAX_SECONDS: f64 = 1e9;
const MAX_LOSS: f64 = 1e6;
/// The years in which a checkpoint can have been made.
const YEARS: RangeInclusive<u32> = 2020..=2199;

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
    /// What its pictures are: ink, unless it says otherwise.
    #[serde(default, skip_serializing_if = "Pictures::is_ink")]
    pub pictures: Pictures,
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

    /// Checks that its values are possible and fit together, no matter who wrote them. Every way of
    /// a checkpoint into a registry, and out of it, leads through here.
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
        let Metrics { epochs, seconds, validation, test } = &self.metrics;
        if *epochs > MAX_EPOCHS {
            return Some(format!("its training had {epochs} epochs"));
        }
        if !(0.0..=MAX_SECONDS).contains(seconds) {
            return Some(format!("its training took {seconds} seconds"));
        }
        let wrong = [Some(validation), test.as_ref()].into_iter().flatten();
        let wrong = wrong.into_iter().find(|score| !score.is_possible());
        wrong.map(|Score { accuracy, loss, examples }| {
            format!(
                "no checkpoint has an accuracy of {accuracy} and a loss of {loss} on {examples} \
                 examples"
            )
        })
    }

    /// These are shown, checkpoints are sorted by their time, and a parent is looked for by its name.
    fn wrong_texts(&self) -> Option<String> {
        if !is_time(&self.created) {
            return Some("the time when it was made is not like 2026-01-31T12:00:00Z".to_owned());
        }
        let wrong = |what: &str| Some(format!("its {what} is too long or has odd characters"));
        if self.parent.as_deref().is_some_and(|id| !is_short(id) || !is_name(id)) {
            return wrong("parent");
        }
        if self.git_revision.as_deref().is_some_and(|text| !is_short(text)) {
            return wrong("git_revision");
        }
        if self.datasets.len() > MAX_DATASETS {
            return Some(format!("it has more than {MAX_DATASETS} datasets"));
        }
        self.datasets.iter().find_map(DatasetRecord::problem)
    }
}

impl DatasetRecord {
    fn problem(&self) -> Option<String> {
        let Self { name, training, validation, test, files } = self;
        if !is_name(name) {
            return Some("the name of one of its datasets is not one of a folder".to_owned());
        }
        if [training, validation, test].into_iter().any(|count| *count > MAX_EXAMPLES) {
            return Some(format!("its dataset '{name}' has more than {MAX_EXAMPLES} examples"));
        }
        let odd = files.iter().find(|file| !file.is_possible())?;
        let file: String = odd.name.chars().take(MAX_TEXT).collect();
        Some(format!("its dataset '{name}' has no file {file:?} with such a checksum"))
    }
}

impl FileRecord {
    /// The file may be in a folder within that of the dataset.
    fn is_possible(&self) -> bool {
        let is_hash = self.sha256.len() == 64 && self.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash && self.name.split('/').all(is_name)
    }
}

/// Whether all of a text can be seen, and it is short.
fn is_short(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(is_invisible)
}

/// Whether a text can be the name of a file or a folder. It must not lead out of its folder or change
/// the direction of the text around it. Otherwise more is allowed than in a label.
fn is_name(text: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let odd = |c: char| c.is_control() || turns(c) || c == '/';
    text.len() <= MAX_NAME && !matches!(text, "." | "..") && !text.chars().any(odd)
}

/// Whether a text is a time in UTC, such as 2026-01-31T12:00:00Z, in a year in which a checkpoint can
/// have been made.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (begin, rest) = match text.as_bytes().split_at_checked(FORM.len()) {
        Some(parts) if text.len() <= MAX_TEXT => parts,
        _ => return false,
    };
    let has_form = begin.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        sign => byte == sign,
    });
    let number =
        |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u32>().ok());
    let within =
        |range, values: RangeInclusive<u32>| number(range).is_some_and(|n| values.contains(&n));
    has_form
        && within(0..4, YEARS)
        && within(5..7, 1..=12)
        && within(8..10, 1..=31)
        && within(11..13, 0..=23)
        && within(14..16, 0..=59)
        && within(17..19, 0..=60)
        && rest.iter().all(|byte| byte.is_ascii_digit() || b".+-:Z".contains(byte))
}

impl Score {
    /// Whether examples can have this accuracy and this loss.
    fn is_possible(&self) -> bool {
        // Of an imported checkpoint that was measured on none, nothing is known.
        let counts = match self.examples {
            0 => self.accuracy == 0.0,
            examples => examples <= MAX_EXAMPLES,
        };
        counts && (0.0..=1.0).contains(&self.accuracy) && (0.0..=MAX_LOSS).contains(&self.loss)
    }
}
