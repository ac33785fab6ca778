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
#[command(name = "server", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Something other than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub config: Config,
}

/// The commands beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trains networks: the same program as `train`, so that a server needs only one file.
    #[command(disable_help_flag = true)]
    Train(TrainArgs),
    /// Reads numbers and tables in picture files, without a running server. Exits with 1 if one of them
    /// cannot be read or is blank.
    Read(ReadArgs),
    /// Writes the page and the promoted checkpoint into a folder for any host of static files.
    Page(PageArgs),
    /// Sends checkpoints to a registry that servers share. If none is promoted there yet, the first
    /// one is.
    Push(PushArgs),
    /// Asks a server whether it is ready; exits with 0 if it is.
    Probe(ProbeArgs),
}

/// The arguments of `train`, which parses them itself, `--help` included.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The arguments of `train`; see `server train --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}
