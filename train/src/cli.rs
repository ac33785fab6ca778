//! The command line.

use std::{ffi::OsString, net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind,
    parser::ValueSource, value_parser,
};
use glyphic_model::preprocess::Pictures;
use glyphic_runtime::{
    device::{ComputeDevice, DeviceChoice, DeviceError},
    listen::address,
};

use crate::config::{TrainConfig, pictures};

/// Trains Glyphic's network and publishes checkpoints.
///
/// Without a command, it trains from scratch on MNIST, which is in the repository, on the GPU if
/// there is one, otherwise on the CPU.
#[derive(Parser)]
#[command(name = "train", bin_name = "train", version, max_term_width = 80, after_help = EXAMPLES)]
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

/// One of every command. They are tested as they stand here.
const EXAMPLES: &str = "\
Examples:
  train --epochs 3 --promote        # train for minutes, then serve the result
  train --data photos               # your symbols: photos/<label>/*.png
  train resume                      # go on with the run that was stopped
  train finetune --samples samples.jsonl --promote
  train eval --quick                # measure the promoted checkpoint
  train audit                       # which labels of the data are wrong?
  train sweep rates.toml            # compare settings in a table
  train list                        # checkpoints and unfinished runs
  train promote ID                  # serve this checkpoint
  train prune --keep 5              # remove old ones, after asking
  train restore ID                  # have one back, within 24 hours
  train export stable net.onnx      # for other programs
  train import net.onnx --id ours   # and back
  train draw                        # look at the synthetic handwriting
  train pairs pairs --numbers 9000   # data of touching digits
  train devices                     # which devices are there?
  train lend --listen :8090         # lend them to another machine";

/// What `train` can do besides training from scratch.
#[derive(Subcommand)]
pub enum TrainCommand {
    /// Continue a run that was stopped or killed.
    #[command(after_help = "\
Examples:
  train resume                    # the run that was saved last
  train resume RUN --data ~/mnist # its data has been moved")]
    Resume(ResumeArgs),
    /// Fine-tune a checkpoint on new samples, while replaying examples that it was trained on.
    #[command(after_help = "\
Examples:
  train finetune --samples samples.jsonl   # as the page Samples exports them
  train finetune --samples samples.jsonl --from ID --epochs 1")]
    Finetune(FinetuneArgs),
    /// Measure a checkpoint on labelled data.
    #[command(after_help = "\
Examples:
  train eval                      # the promoted one, with robustness and speed
  train eval ID stable --quick    # is it better than the promoted one?
  train eval --data photos        # on other pictures: photos/<label>/*.png")]
    Eval(EvalArgs),
    /// Look for wrong labels in the training data.
    #[command(after_help = "\
Examples:
  train audit
  train audit stable --data photos --most 20")]
    Audit(AuditArgs),
    /// Train with many combinations of settings and compare them in a table.
    #[command(after_help = "\
Examples:
  train sweep rates.toml
  train sweep rates.toml --parallel 2")]
    Sweep(SweepArgs),
    /// Lend this machine's devices to runs on other machines.
    #[command(after_help = "\
Examples:
  train lend                      # to this machine alone
  train lend --listen 0.0.0.0:8090 --device gpu:0")]
    Lend(LendArgs),
    /// List the checkpoints and the unfinished runs.
    #[command(after_help = "\
Examples:
  train list
  train list --artifacts ~/glyphic")]
    List,
    /// Promote a checkpoint: servers load it. One that is less accurate than the promoted one, or has
    /// other labels, is refused.
    #[command(after_help = "\
Examples:
  train promote ID
  train promote ID --force        # whatever speaks against it")]
    Promote(PromoteArgs),
    /// Remove old checkpoints, after showing which. Those that are promoted, were promoted before, are
    /// pinned, as the released ones are, or have an alias stay.
    #[command(after_help = "\
Examples:
  train prune                     # all but the newest five
  train prune --keep 1 --yes      # without being asked")]
    Prune(PruneArgs),
    /// Restore a checkpoint that was removed in the last 24 hours.
    #[command(after_help = "\
Examples:
  train list        # its last line names those that can be restored
  train restore ID")]
    Restore(RestoreArgs),
    /// Write a checkpoint to a single file: a zip archive, ONNX, or safetensors.
    #[command(after_help = "\
Examples:
  train export stable net.zip     # the whole promoted checkpoint
  train export stable net.onnx    # the network, for other programs
  train export stable net.safetensors")]
    Export(ExportArgs),
    /// Publish a checkpoint from such a file.
    #[command(after_help = "\
Examples:
  train import net.zip --artifacts ~/other   # it keeps its id
  train import net.onnx --id theirs")]
    Import(ImportArgs),
    /// Draw contact sheets of synthetic handwriting.
    #[command(after_help = "\
Examples:
  train draw
  train draw symbols.jsonl --out symbols.png --columns 20")]
    Draw(DrawArgs),
    /// Draw touching digits: the data of the network that reads pairs of them.
    #[command(after_help = "\
Examples:
  train pairs pairs --numbers 9000    # by default 150,000
  train --data pairs --network pairs/network.json --pictures whole --epochs 3")]
    Pairs(PairsArgs),
    /// List the graphics adapters and test the chosen device against the CPU.
    #[command(after_help = "\
Examples:
  train devices
  train devices --device gpu:0")]
    Devices,
}

/// The options of every command, before its name or after it.
#[derive(Args)]
pub struct Globals {
    /// Folder with the checkpoints, runs and datasets.
    #[arg(
        long, global = true, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts",
        value_parser = folder
    )]
    pub artifacts: PathBuf,
    /// Device to compute on: auto (a real GPU if there is one, otherwise the CPU), gpu, gpu:N (see
    /// `train devices`), cpu, or remote:ws://HOST:PORT for one that another machine lends. Several
    /// devices, separated by commas, share every batch of a run, or the runs of a sweep.
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
    /// Data to train on: an IDX folder with MNIST's file names, or a folder with one subfolder of
    /// pictures per label [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Network to train: small, large (more accurate, but slower), mlp (without convolutions, to
    /// see what they contribute), or a JSON file with `convolutions` and `hidden` layers, as in a
    /// checkpoint's manifest.
    #[arg(long, default_value = "small")]
    pub network: PathBuf,
    /// File with drawings of more symbols to learn (.jsonl, with a label and strokes on each
    /// line). They are varied like the built-in shapes; ten drawings of a symbol are enough.
    #[arg(long)]
    pub drawings: Option<PathBuf>,
    /// Promote the finished checkpoint, so that servers load it, unless it is less accurate than
    /// the promoted one or has different labels.
    #[arg(long)]
    pub promote: bool,
    /// With --promote: promote it even then.
    #[arg(long, requires = "promote")]
    pub force: bool,
    /// For use by another program: report progress as JSON lines on standard output, run at a lower
    /// priority, and stop when standard input ends.
    #[arg(long)]
    pub as_child: bool,
    /// The run's settings.
    #[command(flatten)]
    pub config: TrainConfig,
}

/// Arguments of `train resume`.
#[derive(Args)]
pub struct ResumeArgs {
    /// Run to continue [default: the one that was saved last].
    pub run: Option<String>,
    /// Where the data is now, if it has been moved.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Arguments of `train finetune`.
#[derive(Args)]
pub struct FinetuneArgs {
    /// File with the samples, as JSON lines: exported from the server's page Samples or by
    /// `/api/samples/export?format=jsonl`.
    #[arg(long)]
    pub samples: PathBuf,
    /// Checkpoint to start from [default: the promoted one].
    #[arg(long)]
    pub from: Option<String>,
    /// Data that the checkpoint was trained on, to be replayed [default: datasets/mnist in the
    /// artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Promote the new checkpoint if the comparison with its parent raises no objection.
    #[arg(long)]
    pub promote: bool,
    /// Passes over the samples and the replayed examples.
    #[arg(long, default_value_t = 3)]
    pub epochs: usize,
    /// Examples per epoch, samples and replayed ones together.
    #[arg(long, default_value_t = 14_000)]
    pub examples: usize,
    /// Share (0–1) of these examples that are samples and their variations.
    #[arg(long, alias = "taught", default_value_t = 0.15)]
    pub sample_share: f64,
    /// Highest learning rate of the schedule.
    #[arg(long, default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Seed for choosing, varying, ordering and augmenting the examples.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// For use by another program: report progress as JSON lines on standard output, run at a lower
    /// priority, and stop when standard input ends.
    #[arg(long)]
    pub as_child: bool,
}

/// Arguments of `train sweep`.
#[derive(Args)]
pub struct SweepArgs {
    /// TOML file with the settings to try: see docs/training.md.
    pub file: PathBuf,
    /// Data to train on, as for a single run [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// What the pictures are, in all runs: `ink` or `whole`, as for a single run.
    #[arg(long, value_name = "KIND", default_value = Pictures::NAMES[0], value_parser = pictures())]
    pub pictures: Pictures,
    /// How many runs to train at a time [default: one per core, or fewer if memory is short; one
    /// per GPU or lent device].
    #[arg(long)]
    pub parallel: Option<NonZeroUsize>,
}

/// Arguments of `train lend`. Borrowers number the devices of `--device` from 0.
#[derive(Args)]
pub struct LendArgs {
    /// Address and port to listen on. Borrowers need the token in GLYPHIC_REMOTE_TOKEN or, if
    /// that is not set, the one that is printed.
    #[arg(long, default_value = "127.0.0.1:8090", value_parser = address)]
    pub listen: SocketAddr,
}

/// Arguments of `train eval`.
#[derive(Args)]
pub struct EvalArgs {
    /// Checkpoint to measure [default: the promoted one].
    pub id: Option<String>,
    /// Second checkpoint, to compare the first one with on the same examples.
    pub other: Option<String>,
    /// Skip the robustness test and the measurement of speed, which take minutes.
    #[arg(long)]
    pub quick: bool,
    /// Data to measure on: an IDX folder (its test set), a folder with one subfolder of pictures
    /// per label, or a file of labelled strokes (.jsonl) [default: datasets/mnist in the artifacts
    /// folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// HTML file to write the report to [default: `report.html`, with `report.json`, in the
    /// checkpoint's folder; `report-NAME.…` if it was not trained on this data].
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Arguments of `train audit`.
#[derive(Args)]
pub struct AuditArgs {
    /// Checkpoint whose answers are compared with the labels [default: the promoted one].
    pub id: Option<String>,
    /// Data to check [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// How many labels to list at most; the most doubtful ones come first.
    #[arg(long, default_value_t = 200)]
    pub most: usize,
}

/// Arguments of `train draw`.
#[derive(Args)]
pub struct DrawArgs {
    /// File with drawings of your own symbols (.jsonl, with a label and strokes on each line)
    /// [default: the built-in digits].
    pub drawings: Option<PathBuf>,
    /// Show the file's drawings as they are, without variations.
    #[arg(long, requires = "drawings")]
    pub as_drawn: bool,
    /// Glyphs per row.
    #[arg(long, default_value = "30", value_parser = value_parser!(u16).range(1..=1000))]
    pub columns: u16,
    /// PNG file to write.
    #[arg(long, default_value = "sheet.png")]
    pub out: PathBuf,
}

/// Arguments of `train pairs`.
#[derive(Args)]
pub struct PairsArgs {
    /// Folder to write IDX files into, with `network.json` for --network.
    pub folder: PathBuf,
    /// Scanned digits to compose numbers of [default: datasets/mnist in the artifacts folder].
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// How many numbers to draw; each gives several pictures.
    #[arg(long, default_value_t = 150_000)]
    pub numbers: usize,
    /// Seed of everything that is drawn at random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `train promote`.
#[derive(Args)]
pub struct PromoteArgs {
    /// Id or alias of the checkpoint.
    pub id: String,
    /// Promote it even if it is less accurate than the promoted one or has other labels.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `train prune`.
#[derive(Args)]
pub struct PruneArgs {
    /// How many of the newest checkpoints stay.
    #[arg(long, default_value_t = 5)]
    pub keep: usize,
    /// Remove them without being asked.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `train restore`.
#[derive(Args)]
pub struct RestoreArgs {
    /// Id of the checkpoint.
    pub id: String,
}

/// Arguments of `train export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Id or alias of the checkpoint; `stable` is the promoted one.
    pub id: String,
    /// File to write: *.zip for the whole checkpoint; *.onnx or *.safetensors for the network and
    /// the manifest; *.i8 for the network that reads pairs, as it is built into the programs.
    pub file: PathBuf,
}

/// Arguments of `train import`.
#[derive(Args)]
pub struct ImportArgs {
    /// File to read, as `train export` writes it.
    pub file: PathBuf,
    /// Id of the new checkpoint. ONNX and safetensors files need one.
    #[arg(long)]
    pub id: Option<String>,
    /// Checkpoint with the same labels and layers, for a safetensors file without Glyphic's
    /// metadata.
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
                     '{name}' has this option too, give it after '{name}'"
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
