//! A run's state: all that a later process needs to continue as if the run had never stopped,
//! in one file that is replaced in one step.
//!
//! Random numbers and the order of the examples follow from the seed and the step
//! ([`crate::random::rng`]), so only the step is saved of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use burn::tensor::{Bytes, DType};
use burn_pack::{Reader, Tensor, Writer};
use glyphic_model::{
    checkpoint::{DatasetRecord, EpochMetrics},
    network::NetworkConfig,
};
use glyphic_runtime::registry::write_atomically;
use serde::{Deserialize, Serialize};

use crate::{
    config::TrainConfig,
    environment,
    example::Example,
    synthetic::{Generator, generator_version},
};

/// Epochs until a synthetic example is used again.
pub const POOL_EPOCHS: usize = 3;
/// To be raised whenever the same settings and data give other weights: a run that another version began is
/// not continued, and a sweep does not take it for its own.
pub const TRAINER: u32 = 1;
/// How many means of losses are kept of a run's beginning, and of how many steps each is.
pub const OPENING: [usize; 2] = [5, 10];
/// Version of the state's format.
const VERSION: u32 = 1;
/// Name of the state's file in a run's folder.
pub(crate) const STATE_FILE: &str = "state.bpk";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Version of this format.
    pub version: u32,
    /// The run's settings.
    pub config: TrainConfig,
    /// The network's shape.
    pub network: NetworkConfig,
    /// Where the data is.
    pub data: PathBuf,
    /// The data when the run began: a resumed run must find the same.
    pub dataset: DatasetRecord,
    /// A file of drawings of further symbols.
    #[serde(default)]
    pub drawings: Option<PathBuf>,
    /// The labels.
    pub labels: Vec<String>,
    /// Synthetic examples of the labels, and negatives, that one epoch takes from the pool;
    /// the pool is [`POOL_EPOCHS`] times as large.
    #[serde(default)]
    pub synthetic: [usize; 2],
    /// The generator of synthetic examples ([`generator_version`]); empty if there are none.
    #[serde(default)]
    pub generator: String,
    /// The [`TRAINER`] that began the run; 0 in runs of versions that did not say.
    #[serde(default)]
    pub trainer: u32,
    /// Optimiser steps taken.
    pub step: usize,
    /// The mean loss of each ten of the first fifty steps, which a checkpoint keeps: another program, or
    /// other examples, would begin otherwise.
    #[serde(default)]
    pub opening: Vec<f32>,
    /// Sums over the steps of the unfinished epoch.
    pub sums: Sums,
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// Seconds spent so far.
    pub seconds: f64,
    /// Whether the finished checkpoint is to be promoted if the policy has no objection.
    pub promote: bool,
    /// Whether it is to be promoted even if the policy has one.
    #[serde(default)]
    pub force: bool,
    /// The repository's commit when the run began.
    pub git_revision: Option<String>,
    /// Devices that share each batch. With another number the weights differ.
    #[serde(default = "one")]
    pub devices: usize,
    /// The sources of fine-tuning, if the run began from a checkpoint.
    #[serde(default, alias = "lesson")]
    pub fine_tuning: Option<FineTuningSource>,
}

fn one() -> usize {
    1
}

/// Where the parts of a fine-tuning run are, and how they are mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FineTuningSource {
    /// The checkpoint that training starts from.
    pub parent: String,
    /// The file of samples.
    pub samples: PathBuf,
    /// Examples per epoch, samples and replayed ones together.
    pub examples: usize,
    /// Share (0–1) of them that is samples and their variations.
    #[serde(alias = "taught")]
    pub sample_share: f64,
    /// Whether the finished checkpoint is promoted if it is better.
    pub promote: bool,
}

/// Running totals of an unfinished epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Sum of the steps' mean losses.
    pub loss: f32,
    /// Augmented examples that were classified correctly.
    pub correct: f32,
    /// Seconds spent in the epoch's steps.
    pub seconds: f64,
}

/// A run's position and parameters.
pub struct RunState {
    /// Where the run stands.
    pub position: Position,
    /// The network's record, as burnpack bytes.
    pub network: Vec<u8>,
    /// The optimiser's record, as burnpack bytes.
    pub optimizer: Vec<u8>,
}

impl Position {
    /// The beginning of a run.
    pub fn start(
        config: TrainConfig,
        network: NetworkConfig,
        data: PathBuf,
        dataset: DatasetRecord,
        labels: Vec<String>,
        promote: bool,
    ) -> Self {
        Self {
            version: VERSION,
            config,
            network,
            data,
            dataset,
            drawings: None,
            labels,
            synthetic: [0, 0],
            generator: String::new(),
            trainer: TRAINER,
            step: 0,
            opening: Vec::new(),
            sums: Sums::default(),
            epochs: Vec::new(),
            seconds: 0.0,
            promote,
            force: false,
            git_revision: environment::git_revision(),
            devices: 1,
            fine_tuning: None,
        }
    }

    /// Examples per step: the config's, or all of a smaller set.
    pub fn batch_size(&self) -> usize {
        self.config.batch_size.min(self.dataset.training)
    }

    /// Adds synthetic examples to the run, in the shares that the config asks for.
    pub fn with_synthetic(self, generator: &Generator) -> Self {
        let TrainConfig { synthetic, negatives, .. } = self.config;
        // The data's own examples are what the two shares leave of an epoch.
        let epoch = self.dataset.training as f32 / (1.0 - synthetic - negatives);
        // Without a picture of any label, a network could tell negatives by their being drawn.
        let shares = if generator.is_empty() { [0.0, 0.0] } else { [synthetic, negatives] };
        let synthetic = shares.map(|share| (share * epoch) as usize);
        let generator = if synthetic == [0, 0] { String::new() } else { generator_version() };
        Self { synthetic, generator, ..self }
    }

    /// The pool of synthetic examples of the whole run.
    pub fn pool(&self, generator: &Generator) -> Vec<Example> {
        let [synthetic, negatives] = self.synthetic.map(|count| count * POOL_EPOCHS);
        let mut pool = generator.training(synthetic);
        pool.extend(generator.training_negatives(negatives));
        pool
    }

    /// Synthetic examples that one epoch takes from the pool.
    pub fn turn(&self) -> usize {
        self.synthetic.iter().sum()
    }

    /// Whole batches per epoch; the examples left over differ by epoch.
    pub fn steps_per_epoch(&self) -> usize {
        (self.dataset.training + self.turn()) / self.batch_size()
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> usize {
        self.steps_per_epoch() * self.config.epochs
    }
}

impl RunState {
    /// Writes the state into the run's folder: all of it or nothing.
    pub fn save(self, folder: &Path) -> Result<()> {
        let blob = |name: &str, bytes: Vec<u8>| {
            Tensor::new(
                name.to_owned(),
                DType::U8,
                vec![bytes.len()],
                None,
                Bytes::from_bytes_vec(bytes),
            )
        };
        let tensors = vec![blob("network", self.network), blob("optimizer", self.optimizer)];
        let position = serde_json::to_string(&self.position)?;
        let bytes = Writer::new(tensors).with_metadata("position", &position).into_bytes()?;
        let path = folder.join(STATE_FILE);
        write_atomically(&path, &bytes).with_context(|| {
            format!(
                "cannot write the run's state {} (is the disk full?); the last state is kept",
                path.display()
            )
        })
    }

    /// Reads the state from a run's folder.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(STATE_FILE);
        let bytes = fs::read(&path)
            .with_context(|| format!("cannot read the run's state {}", path.display()))?;
        let damaged = || format!("the run's state {} is damaged; start a new run", path.display());
        let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes)).with_context(damaged)?;
        let position = reader.metadata().get("position").cloned().unwrap_or_default();
        let position: Position = serde_json::from_str(&position).with_context(damaged)?;
        if position.version != VERSION {
            bail!(
                "the run's state {} has version {}, but this program reads version {VERSION}",
                path.display(),
                position.version
            );
        }
        Ok(Self {
            network: reader.tensor_data("network").with_context(damaged)?,
            optimizer: reader.tensor_data("optimizer").with_context(damaged)?,
            position,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_older_versions_are_read() {
        let record = DatasetRecord {
            name: "made".to_owned(),
            training: 12,
            validation: 0,
            test: 0,
            files: Vec::new(),
        };
        let (config, network) = (TrainConfig::default(), NetworkConfig::small(3));
        let mut position =
            Position::start(config, network, "made".into(), record, Vec::new(), false);
        position.fine_tuning = Some(FineTuningSource {
            parent: "one".to_owned(),
            samples: "samples.jsonl".into(),
            examples: 100,
            sample_share: 0.25,
            promote: true,
        });
        // The names of older versions, and settings that are gone.
        let mut old = serde_json::to_value(&position).unwrap();
        let rename = |value: &mut serde_json::Value, from: &str, to: &str| {
            let object = value.as_object_mut().unwrap();
            let moved = object.remove(from).unwrap();
            object.insert(to.to_owned(), moved);
        };
        rename(&mut old["fine_tuning"], "sample_share", "taught");
        rename(&mut old, "fine_tuning", "lesson");
        rename(&mut old["config"], "synthetic", "drawn");
        rename(&mut old["config"], "negatives", "others");
        old.as_object_mut().unwrap().remove("force").unwrap();
        for gone in ["thickness", "blur", "erase", "noise"] {
            old["config"]["augmentation"][gone] = 0.0.into();
        }
        let read: Position = serde_json::from_value(old).unwrap();
        assert_eq!(read, position);
    }
}
