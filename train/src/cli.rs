//! The command line.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, value_parser};
use glyphic_runtime::device::{ComputeDevice, DeviceChoice, DeviceError};

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
    /// How to train from scratch.
    #[command(flatten)]
    pub start: StartArgs,
}

/// What `train` can do besides training from scratch.
#[derive(Subcommand)]
pub enum Command {
    /// Go on with a run that was stopped or killed.
    Resume(ResumeArgs),
    /// Go on from a checkpoint with taught samples, known examples replayed beside
    /// them.
    Finetune(FinetuneArgs),
    /// Measure a checkpoint on labelled data.
    Eval(EvalArgs),
    /// Look for wrong labels in the training data.
    Audit(AuditArgs),
    /// Train with many settings, to choose between them.
    Sweep(SweepArgs),
    /// Lend this machine's devices to runs on other machines.
    Lend(LendArgs),
    /// List the checkpoints and the unfinished runs.
    List(ListArgs),
    /// Write a checkpoint into one file: a zip to hand to someone, ONNX, or safetensors.
    Export(ExportArgs),
    /// Publish a checkpoint from such a file.
    Import(ImportArgs),
    /// Draw contact sheets of synthetic handwriting.
    Draw(DrawArgs),
    /// List the graphics adapters and test the chosen device against the CPU.
    Devices(DevicesArgs),
}

/// Where things are and what computes.
#[derive(Args)]
pub struct Common {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    pub artifacts: PathBuf,
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `train devices`), cpu, or
    /// remote:ws://HOST:PORT for one that another machine lends.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

/// Where things are and what trains.
#[derive(Args)]
pub struct Training {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    pub artifacts: PathBuf,
    /// What computes.
    #[command(flatten)]
    pub devices: Devices,
}

/// The devices of a training run.
#[derive(Args)]
pub struct Devices {
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `train devices`), cpu, or
    /// remote:ws://HOST:PORT for one that another machine lends. Several have commas
    /// between them: they share every batch of a run, or the runs of a sweep.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
}

impl Devices {
    /// Opens all of them. A device that is named twice is opened once and given
    /// twice.
    pub fn open(&self) -> Result<Vec<ComputeDevice>, DeviceError> {
        let mut opened: Vec<(&DeviceChoice, ComputeDevice)> = Vec::new();
        for choice in &self.device {
            // `gpu` is the first of them.
            let same = |other: &DeviceChoice| {
                let first = |choice: &DeviceChoice| match choice {
                    DeviceChoice::Gpu(number) => Some(number.unwrap_or(0)),
                    _ => None,
                };
                other == choice || first(other).is_some_and(|gpu| first(choice) == Some(gpu))
            };
            let known = opened.iter().find(|(other, _)| same(other));
            let device = match known {
                Some((_, device)) => device.clone(),
                None => choice.open()?,
            };
            opened.push((choice, device));
        }
        Ok(opened.into_iter().map(|(_, device)| device).collect())
    }
}

/// Arguments of training from scratch.
#[derive(Args)]
pub struct StartArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Training,
    /// An IDX directory in MNIST's naming, or a folder of pictures with one
    /// sub-folder a label [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// small, large (accuracy before speed), mlp (no convolutions: to see what they are worth), or a
    /// JSON file with `convolutions` and `hidden` layers, as in a checkpoint's manifest.
    #[arg(long, default_value = "small")]
    pub network: PathBuf,
    /// A file of drawings of further symbols (.jsonl: a label and strokes a line), varied
    /// as the built-in shapes are. Ten of a symbol will do.
    #[arg(long)]
    pub drawings: Option<PathBuf>,
    /// Promote the checkpoint when it is finished: servers take it over.
    #[arg(long)]
    pub promote: bool,
    /// For a program that started this one: progress as JSON lines on standard
    /// output, lower priority, and a stop when standard input ends.
    #[arg(long)]
    pub as_child: bool,
    /// What differs from the default config.
    #[command(flatten)]
    pub settings: Settings,
}

/// The training config; the defaults are what the released checkpoint was
/// trained with.
#[derive(Args)]
pub struct Settings {
    /// Passes over the training examples.
    #[arg(long, default_value_t = TrainConfig::default().epochs)]
    epochs: usize,
    /// Examples a step.
    #[arg(long, default_value_t = TrainConfig::default().batch_size)]
    batch_size: usize,
    /// Highest learning rate of the schedule.
    #[arg(long, default_value_t = TrainConfig::default().learning_rate)]
    learning_rate: f64,
    /// Share of the run in which the learning rate rises.
    #[arg(long, default_value_t = TrainConfig::default().warmup)]
    warmup: f64,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = TrainConfig::default().weight_decay)]
    weight_decay: f32,
    /// Probability mass spread over all labels.
    #[arg(long, default_value_t = TrainConfig::default().label_smoothing)]
    label_smoothing: f32,
    /// Share of the training examples held back for validation.
    #[arg(long, default_value_t = TrainConfig::default().validation)]
    validation: f64,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = TrainConfig::default().seed)]
    seed: u64,
    /// Share of what is trained on that is synthetic handwriting of the labels.
    #[arg(long, default_value_t = TrainConfig::default().drawn)]
    drawn: f32,
    /// Share of what is trained on that is none of the labels, to be told from them.
    #[arg(long, default_value_t = TrainConfig::default().others)]
    others: f32,
    /// Rotation, degrees either way.
    #[arg(long, default_value_t = Augmentation::default().rotation)]
    rotation: f32,
    /// Change of size, as a share either way.
    #[arg(long, default_value_t = Augmentation::default().scale)]
    scale: f32,
    /// Slant, as the tangent of the angle.
    #[arg(long, default_value_t = Augmentation::default().shear)]
    shear: f32,
    /// Shift, pixels either way.
    #[arg(long, default_value_t = Augmentation::default().shift)]
    shift: f32,
    /// Elastic displacement, pixels.
    #[arg(long, default_value_t = Augmentation::default().elastic)]
    elastic: f32,
    /// Share of the pictures whose strokes grow or thin.
    #[arg(long, default_value_t = Augmentation::default().thickness)]
    thickness: f32,
    /// Share of the pictures that are blurred.
    #[arg(long, default_value_t = Augmentation::default().blur)]
    blur: f32,
    /// Share of the pictures that lose a small rectangle.
    #[arg(long, default_value_t = Augmentation::default().erase)]
    erase: f32,
    /// A checkpoint whose answers are half of what is learned, beside the labels.
    #[arg(long, value_name = "ID")]
    teacher: Option<String>,
    /// Share of the pictures with grain on all pixels.
    #[arg(long, default_value_t = Augmentation::default().noise)]
    noise: f32,
}

/// Arguments of `train resume`.
#[derive(Args)]
pub struct ResumeArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Training,
    /// The run; without it, the one that was saved last.
    pub run: Option<String>,
    /// Where the data is now, if it was moved.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Arguments of `train finetune`.
#[derive(Args)]
pub struct FinetuneArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Training,
    /// The samples: JSON lines, as the server's page and
    /// `/api/samples/export?format=jsonl` give them.
    #[arg(long)]
    pub samples: PathBuf,
    /// The checkpoint to go on from; without it, the promoted one.
    #[arg(long)]
    pub from: Option<String>,
    /// The data that the checkpoint learned from, to be replayed
    /// [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Promote the new checkpoint if it is better: see what it prints.
    #[arg(long)]
    pub promote: bool,
    /// Passes over the lesson.
    #[arg(long, default_value_t = 3)]
    pub epochs: usize,
    /// Examples a pass, taught and replayed together.
    #[arg(long, default_value_t = 14_000)]
    pub examples: usize,
    /// Share of them that is taught.
    #[arg(long, default_value_t = 0.15)]
    pub taught: f64,
    /// Highest learning rate of the schedule.
    #[arg(long, default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Seed of the choice of examples, their variations, order and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// For a program that started this one: progress as JSON lines on standard
    /// output, lower priority, and a stop when standard input ends.
    #[arg(long)]
    pub as_child: bool,
}

/// Arguments of `train sweep`.
#[derive(Args)]
pub struct SweepArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Training,
    /// What is tried, as TOML: see the README.
    pub file: PathBuf,
    /// The data, as for training [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Runs at a time [default: one for each core while memory lasts, or one for each
    /// GPU or lent device].
    #[arg(long)]
    pub parallel: Option<NonZeroUsize>,
}

/// Arguments of `train lend`.
#[derive(Args)]
pub struct LendArgs {
    /// The devices to lend; borrowers count them from 0 in this order.
    #[command(flatten)]
    pub devices: Devices,
    /// Address and port to listen on. Who uses a device needs the token that is printed,
    /// or the one in GLYPHIC_REMOTE_TOKEN.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
}

/// Arguments of `train eval`.
#[derive(Args)]
pub struct EvalArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Common,
    /// The checkpoint; without it, the promoted one.
    pub id: Option<String>,
    /// A second checkpoint, to compare it with on the same examples.
    pub other: Option<String>,
    /// Leave out the changes and the speed, which take minutes.
    #[arg(long)]
    pub quick: bool,
    /// Checkpoints that vote with it, with commas between them: says what their mean is worth.
    #[arg(long, value_delimiter = ',')]
    pub vote: Vec<String>,
    /// An IDX directory (its test set), a folder of pictures with one
    /// sub-folder a label, or a file of labelled strokes (.jsonl)
    /// [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Write the report to this HTML file; without it, `report.html` and `report.json` in
    /// the checkpoint, or `report-NAME.…` for other data than it learned from.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Arguments of `train audit`.
#[derive(Args)]
pub struct AuditArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Common,
    /// The checkpoint that judges; without it, the promoted one.
    pub id: Option<String>,
    /// The data to look through [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// How many of the most doubtful labels to write down.
    #[arg(long, default_value_t = 200)]
    pub most: usize,
}

/// Arguments of `train draw`.
#[derive(Args)]
pub struct DrawArgs {
    /// A file of drawings of your own symbols (.jsonl: a label and strokes a line);
    /// without it, the digits.
    pub drawings: Option<PathBuf>,
    /// Draw the file's drawings as they are, not varied.
    #[arg(long, requires = "drawings")]
    pub as_drawn: bool,
    /// Glyphs a row.
    #[arg(long, default_value = "30", value_parser = value_parser!(u16).range(1..=1000))]
    pub columns: u16,
    /// The picture to write.
    #[arg(long, default_value = "sheet.png")]
    pub out: PathBuf,
}

/// Arguments of `train list`.
#[derive(Args)]
pub struct ListArgs {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    pub artifacts: PathBuf,
}

/// Arguments of `train devices`.
#[derive(Args)]
pub struct DevicesArgs {
    /// Where things are and what computes.
    #[command(flatten)]
    pub common: Common,
}

impl Settings {
    /// The settings as the config that the run will carry.
    pub fn config(&self) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            label_smoothing: self.label_smoothing,
            validation: self.validation,
            seed: self.seed,
            drawn: self.drawn,
            others: self.others,
            teacher: self.teacher.clone(),
            augmentation: Augmentation {
                rotation: self.rotation,
                scale: self.scale,
                shear: self.shear,
                shift: self.shift,
                elastic: self.elastic,
                thickness: self.thickness,
                blur: self.blur,
                erase: self.erase,
                noise: self.noise,
            },
        }
    }
}

/// A folder; a URL would be taken for one with a strange name.
fn folder(text: &str) -> Result<PathBuf, String> {
    match text.contains("://") {
        true => Err("it must be a folder; `server push` sends checkpoints to a URL".to_owned()),
        false => Ok(text.into()),
    }
}

/// Arguments of `train export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    pub artifacts: PathBuf,
    /// The checkpoint, by its id or a label; `stable` is the promoted one.
    pub id: String,
    /// The file: *.zip with all of it; *.onnx or *.safetensors with the network and the
    /// manifest.
    pub file: PathBuf,
}

/// Arguments of `train import`.
#[derive(Args)]
pub struct ImportArgs {
    /// Folder of checkpoints, runs and datasets.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    pub artifacts: PathBuf,
    /// The file that `train export` wrote.
    pub file: PathBuf,
    /// What a network from ONNX or safetensors is called here.
    #[arg(long)]
    pub id: Option<String>,
    /// The checkpoint that a safetensors file is like, if it does not say so itself.
    #[arg(long)]
    pub like: Option<String>,
}
