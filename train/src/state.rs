//! A run's state: all that a later process needs to go on as if nothing had
//! happened, in one file that is replaced in one step.
//!
//! Random numbers and the order of the examples follow from the seed and the
//! step ([`crate::batches::rng`]), so the step is all there is to save of them.

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
    data::Example,
    drawn::{Shapes, generator},
    environment,
};

/// Epochs until a synthetic example comes again.
pub const POOL_EPOCHS: usize = 3;
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
    /// What the data was, so that a resumed run meets the same.
    pub dataset: DatasetRecord,
    /// A file of drawings of further symbols.
    #[serde(default)]
    pub drawings: Option<PathBuf>,
    /// The labels.
    pub labels: Vec<String>,
    /// Synthetic examples of the labels, and of what is none of them, that one epoch
    /// takes from the pool; the pool is [`POOL_EPOCHS`] times as large.
    #[serde(default)]
    pub synthetic: [usize; 2],
    /// What draws them ([`generator`]); empty if nothing does.
    #[serde(default)]
    pub generator: String,
    /// Optimiser steps taken.
    pub step: usize,
    /// Sums over the steps of the unfinished epoch.
    pub sums: Sums,
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// Seconds spent so far.
    pub seconds: f64,
    /// Whether the finished checkpoint is to be promoted.
    pub promote: bool,
    /// The repository's commit when the run began.
    pub git_revision: Option<String>,
    /// Devices that share each batch: another number gives other weights.
    #[serde(default = "one")]
    pub devices: usize,
    /// What is taught, if the run began from a checkpoint.
    #[serde(default)]
    pub lesson: Option<LessonSource>,
}

fn one() -> usize {
    1
}

/// Where a lesson's parts are, and how they are mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonSource {
    /// The checkpoint that training starts from.
    pub parent: String,
    /// The file of taught samples.
    pub samples: PathBuf,
    /// Examples an epoch, taught and replayed together.
    pub examples: usize,
    /// Share (0–1) of them that is taught.
    pub taught: f64,
    /// Whether the finished checkpoint is to be promoted if it is better.
    pub promote: bool,
}

/// Running totals of an unfinished epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Sum of the steps' mean losses.
    pub loss: f32,
    /// Augmented examples read right.
    pub correct: f32,
    /// Seconds spent in the epoch's steps.
    pub seconds: f64,
}

/// A run's position and parameters.
pub struct State {
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
            step: 0,
            sums: Sums::default(),
            epochs: Vec::new(),
            seconds: 0.0,
            promote,
            git_revision: environment::git_revision(),
            devices: 1,
            lesson: None,
        }
    }

    /// Examples a step: the config's, or all of a smaller set.
    pub fn batch_size(&self) -> usize {
        self.config.batch_size.min(self.dataset.training)
    }

    /// Has the run train on what `shapes` draws too, by the config's shares.
    pub fn with_synthetic(self, shapes: &Shapes) -> Self {
        let TrainConfig { drawn, others, .. } = self.config;
        let known = self.dataset.training as f32 / (1.0 - drawn - others);
        let shares = if shapes.is_empty() { [0.0, 0.0] } else { [drawn, others] };
        let synthetic = shares.map(|share| (share * known) as usize);
        let generator = if synthetic == [0, 0] { String::new() } else { generator() };
        Self { synthetic, generator, ..self }
    }

    /// The synthetic examples of the whole run, as `shapes` draws them.
    pub fn draw(&self, shapes: &Shapes) -> Vec<Example> {
        let [drawn, others] = self.synthetic.map(|count| count * POOL_EPOCHS);
        let mut pool = shapes.to_train_on(drawn);
        pool.extend(shapes.others_to_train_on(others));
        pool
    }

    /// Synthetic examples that one epoch takes from the pool.
    pub fn turn(&self) -> usize {
        self.synthetic.iter().sum()
    }

    /// Whole batches an epoch; the examples left over differ by epoch.
    pub fn steps_per_epoch(&self) -> usize {
        (self.dataset.training + self.turn()) / self.batch_size()
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> usize {
        self.steps_per_epoch() * self.config.epochs
    }
}

impl State {
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
        let damaged =
            || format!("the run's state {} is damaged; start the run anew", path.display());
        let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes)).with_context(damaged)?;
        let position = reader.metadata().get("position").cloned().unwrap_or_default();
        let position: Position = serde_json::from_str(&position).with_context(damaged)?;
        if position.version != VERSION {
            bail!(
                "the run's state {} is of version {}, this program reads {VERSION}",
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
