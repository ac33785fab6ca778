//! The command line.

use std::{ffi::OsString, net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind,
    parser::ValueSource, value_parser,
};
use glyphic_runtime::device::{ComputeDevice, DeviceChoice, DeviceError};

use crate::config::TrainConfig;

/// Trains Glyphic's network and publishes checkpoints.
///
/// Without a command it trains from scratch on MNIST, which is in the
/// repository, on the GPU if there is one, else on the CPU.
#[derive(Parser)]
#[command(name = "train", version)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do; without a command: train from scratch.
    #[command(subcommand)]
    pub command: Option<TrainCommand>,
    /// How to train from scratch.
    #[command(flatten)]
    pub start: StartArgs,
}

/// What `train` can do besides training from scratch.
#[derive(Subcommand)]
pub enum TrainCommand {
    /// Continue a run that was stopped or killed.
    Resume(ResumeArgs),
    /// Continue from a checkpoint with new samples, and replay examples of its own data beside
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
    List,
    /// Write a checkpoint into one file: a zip with all of it, ONNX, or safetensors.
    Export(ExportArgs),
    /// Publish a checkpoint from such a file.
    Import(ImportArgs),
    /// Draw contact sheets of synthetic handwriting.
    Draw(DrawArgs),
    /// List the graphics adapters and test the chosen device against the CPU.
    Devices,
}

/// The options of every command, before its name or after it.
#[derive(Args)]
pub struct Globals {
    /// Folder of checkpoints, runs and datasets.
    #[arg(
        long, global = true, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts",
        value_parser = folder
    )]
    pub artifacts: PathBuf,
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `train devices`), cpu, or
    /// remote:ws://HOST:PORT for one that another machine lends. Several, separated by commas,
    /// share every batch of a run, or the runs of a sweep.
    #[arg(
        long,
        global = true,
        env = "GLYPHIC_DEVICE",
        default_value = "auto",
        value_delimiter = ','
    )]
    device: Vec<DeviceChoice>,
}

/// Arguments of training from scratch.
#[derive(Args)]
pub struct StartArgs {
    /// An IDX directory in MNIST's naming, or a folder of pictures with one
    /// sub-folder per label [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// small, large (more accurate, slower), mlp (no convolutions, to see what they add), or a
    /// JSON file with `convolutions` and `hidden` layers, as in a checkpoint's manifest.
    #[arg(long, default_value = "small")]
    pub network: PathBuf,
    /// A file of drawings of further symbols (.jsonl: a label and strokes per line), varied
    /// as the built-in shapes are. Ten drawings of a symbol are enough.
    #[arg(long)]
    pub drawings: Option<PathBuf>,
    /// Promote the finished checkpoint, unless it is less accurate than the promoted one or has
    /// other labels: servers load it.
    #[arg(long)]
    pub promote: bool,
    /// Promote it even then.
    #[arg(long, requires = "promote")]
    pub force: bool,
    /// For a program that started this one: progress as JSON lines on standard
    /// output, lower priority, and a stop when standard input ends.
    #[arg(long)]
    pub as_child: bool,
    /// The run's settings.
    #[command(flatten)]
    pub config: TrainConfig,
}

/// Arguments of `train resume`.
#[derive(Args)]
pub struct ResumeArgs {
    /// The run; without it, the one that was saved last.
    pub run: Option<String>,
    /// Where the data is now, if it was moved.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Arguments of `train finetune`.
#[derive(Args)]
pub struct FinetuneArgs {
    /// The samples: JSON lines, as the server's page and
    /// `/api/samples/export?format=jsonl` give them.
    #[arg(long)]
    pub samples: PathBuf,
    /// The checkpoint to continue from; without it, the promoted one.
    #[arg(long)]
    pub from: Option<String>,
    /// The data that the checkpoint was trained on, to be replayed
    /// [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Promote the new checkpoint if the comparison with its parent has no objection.
    #[arg(long)]
    pub promote: bool,
    /// Passes over the samples and the replayed examples.
    #[arg(long, default_value_t = 3)]
    pub epochs: usize,
    /// Examples per pass, samples and replayed ones together.
    #[arg(long, default_value_t = 14_000)]
    pub examples: usize,
    /// Share (0–1) of them that is samples and their variations.
    #[arg(long, alias = "taught", default_value_t = 0.15)]
    pub sample_share: f64,
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
    /// The settings to try, as TOML: see docs/training.md.
    pub file: PathBuf,
    /// The data, as for training [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Runs at a time [default: one for each core while memory lasts, or one for each
    /// GPU or lent device].
    #[arg(long)]
    pub parallel: Option<NonZeroUsize>,
}

/// Arguments of `train lend`. The borrowers count the devices of `--device` from 0.
#[derive(Args)]
pub struct LendArgs {
    /// Address and port to listen on. Borrowers need the token that is printed,
    /// or the one in GLYPHIC_REMOTE_TOKEN.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
}

/// Arguments of `train eval`.
#[derive(Args)]
pub struct EvalArgs {
    /// The checkpoint; without it, the promoted one.
    pub id: Option<String>,
    /// A second checkpoint, to compare it with on the same examples.
    pub other: Option<String>,
    /// Leave out the robustness test and the speed, which take minutes.
    #[arg(long)]
    pub quick: bool,
    /// An IDX directory (its test set), a folder of pictures with one
    /// sub-folder per label, or a file of labelled strokes (.jsonl)
    /// [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Write the report to this HTML file; without it, `report.html` and `report.json` in
    /// the checkpoint, or `report-NAME.…` for other data than it was trained on.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Arguments of `train audit`.
#[derive(Args)]
pub struct AuditArgs {
    /// The checkpoint whose answers are compared with the labels; without it, the promoted
    /// one.
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
    /// A file of drawings of your own symbols (.jsonl: a label and strokes per line);
    /// without it, the digits.
    pub drawings: Option<PathBuf>,
    /// Draw the file's drawings as they are, not varied.
    #[arg(long, requires = "drawings")]
    pub as_drawn: bool,
    /// Glyphs per row.
    #[arg(long, default_value = "30", value_parser = value_parser!(u16).range(1..=1000))]
    pub columns: u16,
    /// The picture to write.
    #[arg(long, default_value = "sheet.png")]
    pub out: PathBuf,
}

/// Arguments of `train export`.
#[derive(Args)]
pub struct ExportArgs {
    /// The checkpoint, by its id or an alias; `stable` is the promoted one.
    pub id: String,
    /// The file: *.zip with all of it; *.onnx or *.safetensors with the network and the
    /// manifest.
    pub file: PathBuf,
}

/// Arguments of `train import`.
#[derive(Args)]
pub struct ImportArgs {
    /// The file that `train export` wrote.
    pub file: PathBuf,
    /// The id to give to a network from ONNX or safetensors.
    #[arg(long)]
    pub id: Option<String>,
    /// The checkpoint whose labels and shape a safetensors file has, if the file does not say
    /// so itself.
    #[arg(long)]
    pub like: Option<String>,
}

impl Cli {
    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// They make no sense, or ask for help; the error prints itself.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        // clap could refuse all options before a command's name, but then also the global ones.
        if let Some(name) = matches.subcommand_name() {
            let start = StartArgs::augment_args(clap::Command::new("start"));
            let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
            let misplaced = start.get_arguments().find(|option| given(option.get_id().as_str()));
            if let Some(option) = misplaced.and_then(|option| option.get_long()) {
                let words = format!(
                    "--{option} before '{name}' is an option of training from scratch; if \
                     '{name}' has it too, write it after '{name}'"
                );
                return Err(command.error(ErrorKind::ArgumentConflict, words));
            }
        }
        Self::from_arg_matches(&matches)
    }
}

impl Globals {
    /// Opens all devices. One that is named twice is opened once and returned twice.
    pub fn open_devices(&self) -> Result<Vec<ComputeDevice>, DeviceError> {
        let mut opened: Vec<(&DeviceChoice, ComputeDevice)> = Vec::new();
        for choice in &self.device {
            // `gpu` is the same as `gpu:0`.
            let number = |choice: &DeviceChoice| match choice {
                DeviceChoice::Gpu(number) => Some(number.unwrap_or(0)),
                _ => None,
            };
            let same = |other: &DeviceChoice| {
                other == choice || number(other).is_some_and(|gpu| number(choice) == Some(gpu))
            };
            let device = match opened.iter().find(|(other, _)| same(other)) {
                Some((_, device)) => device.clone(),
                None => choice.open()?,
            };
            opened.push((choice, device));
        }
        Ok(opened.into_iter().map(|(_, device)| device).collect())
    }

    /// The device of a command that computes on a single one.
    pub fn device(&self) -> anyhow::Result<&DeviceChoice> {
        match self.device.as_slice() {
            [device] => Ok(device),
            devices => anyhow::bail!(
                "--device names {} devices, but only training and lending use several: name one",
                devices.len()
            ),
        }
    }
}

/// Parses a folder. A URL is refused: it would become a folder with a strange name.
fn folder(text: &str) -> Result<PathBuf, String> {
    match text.contains("://") {
        true => Err("it must be a folder; `server push` sends checkpoints to a URL".to_owned()),
        false => Ok(text.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Cli, clap::Error> {
        Cli::read(arguments.split(' ').map(OsString::from))
    }

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_the_command_or_after_it() {
        for arguments in
            ["train --artifacts x --device cpu list", "train list --device cpu --artifacts x"]
        {
            let Cli { globals, command, .. } = read(arguments).unwrap();
            assert!(matches!(command, Some(TrainCommand::List)), "{arguments}");
            assert_eq!(globals.artifacts, PathBuf::from("x"), "{arguments}");
            assert_eq!(*globals.device().unwrap(), DeviceChoice::Cpu, "{arguments}");
        }
    }

    #[test]
    fn rejects_options_of_training_before_a_command() {
        for arguments in ["train --epochs 3 list", "train --data x eval", "train --promote resume"]
        {
            let error = read(arguments).err().unwrap().to_string();
            assert!(error.contains("is an option of training from scratch"), "{error}");
        }
        assert!(read("train eval --data x").is_ok());
    }

    #[test]
    fn rejects_several_devices_where_one_computes() {
        let Cli { globals, .. } = read("train --device cpu,cpu eval").unwrap();
        let error = globals.device().unwrap_err().to_string();
        assert!(error.contains("names 2 devices"), "{error}");
        assert_eq!(globals.open_devices().unwrap().len(), 2);
    }
}
