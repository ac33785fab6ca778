//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use glyphic_model::device::DeviceChoice;

use crate::config::{Augmentation, TrainConfig};

/// Trains Glyphic's network and records checkpoints.
///
/// Without a command it trains from scratch on MNIST, which is in the
/// repository, on the GPU if there is one, else on the CPU.
#[derive(Parser)]
#[command(name = "train", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a command: train from scratch.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub start: StartArgs,
}

/// What `train` can do besides training from scratch.
#[derive(Subcommand)]
pub enum Command {
    /// Go on with a run that was stopped or killed.
    Resume(ResumeArgs),
    /// Measure a checkpoint on labelled data.
    Eval(EvalArgs),
    /// List the checkpoints and the unfinished runs.
    List(ListArgs),
    /// List the graphics adapters and test the chosen device against the CPU.
    Devices(DevicesArgs),
}

/// Where things are and what computes.
#[derive(Args)]
pub struct Common {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    pub artifacts: PathBuf,
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `train devices`), or cpu.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

/// Arguments of training from scratch.
#[derive(Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub common: Common,
    /// An IDX directory in MNIST's naming, or a folder of pictures with one
    /// sub-folder a label [default: <artifacts>/datasets/mnist].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Promote the checkpoint when it is finished: servers take it over.
    #[arg(long)]
    pub promote: bool,
    #[command(flatten)]
    pub settings: Settings,
}

/// Settings that replace those of the default config.
#[derive(Args)]
pub struct Settings {
    /// Passes over the training examples [default: 20].
    #[arg(long)]
    epochs: Option<usize>,
    /// Examples a step.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Highest learning rate of the schedule.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Share of the run in which the learning rate rises.
    #[arg(long)]
    warmup: Option<f64>,
    /// Decoupled weight decay.
    #[arg(long)]
    weight_decay: Option<f32>,
    /// Probability mass spread over all labels.
    #[arg(long)]
    label_smoothing: Option<f32>,
    /// Share of the training examples held back for validation.
    #[arg(long)]
    validation: Option<f64>,
    /// Seed of weights, order and augmentation.
    #[arg(long)]
    seed: Option<u64>,
    /// Rotation, degrees either way.
    #[arg(long)]
    rotation: Option<f32>,
    /// Change of size, as a share either way.
    #[arg(long)]
    scale: Option<f32>,
    /// Slant, as the tangent of the angle.
    #[arg(long)]
    shear: Option<f32>,
    /// Shift, pixels either way.
    #[arg(long)]
    shift: Option<f32>,
    /// Elastic displacement, pixels.
    #[arg(long)]
    elastic: Option<f32>,
}

/// Arguments of `train resume`.
#[derive(Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub common: Common,
    /// The run; without it, the one that was saved last.
    pub run: Option<String>,
}

/// Arguments of `train eval`.
#[derive(Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub common: Common,
    /// The checkpoint; without it, the promoted one.
    pub id: Option<String>,
    /// An IDX directory (its test set), a folder of pictures with one
    /// sub-folder a label, or a file of labelled strokes (.jsonl)
    /// [default: <artifacts>/datasets/mnist].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Also write a report with the mistakes as pictures to this HTML file.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Arguments of `train list`.
#[derive(Args)]
pub struct ListArgs {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    pub artifacts: PathBuf,
}

/// Arguments of `train devices`.
#[derive(Args)]
pub struct DevicesArgs {
    #[command(flatten)]
    pub common: Common,
}

impl Settings {
    /// The default config with these settings put in its place.
    pub fn config(&self) -> TrainConfig {
        let default = TrainConfig::default();
        let augmentation = default.augmentation;
        TrainConfig {
            epochs: self.epochs.unwrap_or(default.epochs),
            batch_size: self.batch_size.unwrap_or(default.batch_size),
            learning_rate: self.learning_rate.unwrap_or(default.learning_rate),
            warmup: self.warmup.unwrap_or(default.warmup),
            weight_decay: self.weight_decay.unwrap_or(default.weight_decay),
            label_smoothing: self.label_smoothing.unwrap_or(default.label_smoothing),
            validation: self.validation.unwrap_or(default.validation),
            seed: self.seed.unwrap_or(default.seed),
            augmentation: Augmentation {
                rotation: self.rotation.unwrap_or(augmentation.rotation),
                scale: self.scale.unwrap_or(augmentation.scale),
                shear: self.shear.unwrap_or(augmentation.shear),
                shift: self.shift.unwrap_or(augmentation.shift),
                elastic: self.elastic.unwrap_or(augmentation.elastic),
            },
        }
    }
}
