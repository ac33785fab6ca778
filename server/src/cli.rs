//! The command line: serving, and the commands beside it.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{PageArgs, PushArgs},
    config::Config,
    probe::ProbeArgs,
    read::ReadArgs,
};

/// Serves Glyphic: the drawing page, and predictions over HTTP.
///
/// Without a command, it serves. `server train --help` shows the options of training.
#[derive(Debug, Parser)]
#[command(
    name = "server", version, args_conflicts_with_subcommands = true, max_term_width = 80,
    after_help = EXAMPLES
)]
pub struct Cli {
    /// Something other than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub config: Config,
}

/// One of every command, and of what people do first. They are tested as they stand here.
const EXAMPLES: &str = "\
Examples:
  server                              # then open http://127.0.0.1:8080
  server --addr :9000                 # on another port
  server --addr 0.0.0.0:8080          # for others: prints the token for changes
  server --artifacts ~/glyphic        # another folder of checkpoints
  server read photo.jpg               # what is written in this picture?
  server train --epochs 3 --promote   # see server train --help
  server page site                    # the page without a server
  server push --to s3://bucket/glyphic
  server probe                        # is it ready?";

/// The commands beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trains networks: the same program as `train`, so that a server needs only one file.
    #[command(disable_help_flag = true)]
    Train(TrainArgs),
    /// Reads numbers and tables in picture files, without a running server. Exits with 1 if one of them
    /// cannot be read or is blank.
    #[command(after_help = "\
Examples:
  server read photo.jpg
  server read scans/*.png --csv > numbers.csv
  server read form.jpg --json > form.json
  server read form.jpg --columns '[{\"digits\":4},{\"max\":20}]'
  server read photo.jpg --boxes found.png   # look at what was found
  cat photo.jpg | server read -")]
    Read(ReadArgs),
    /// Writes the page and the promoted checkpoint into a folder for any host of static files.
    #[command(after_help = "\
Examples:
  server page site    # then, for example: python3 -m http.server -d site")]
    Page(PageArgs),
    /// Sends checkpoints to a registry that servers share. If none is promoted there yet, the first
    /// one is.
    #[command(after_help = "\
Examples:
  server push --to s3://bucket/glyphic    # credentials: in the environment
  server push ID --to s3://bucket/glyphic --if-empty
  server --artifacts s3://bucket/glyphic    # serve from there")]
    Push(PushArgs),
    /// Asks a server whether it is ready; exits with 0 if it is.
    #[command(after_help = "\
Examples:
  server probe
  server probe --addr :9000")]
    Probe(ProbeArgs),
}

/// The arguments of `train`, which parses them itself, `--help` included.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The arguments of `train`; see `server train --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}
