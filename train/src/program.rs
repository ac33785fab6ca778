//! The program `train`: parses the command line and runs the command.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Context, Result};
use clap::Parser;

use crate::{
    cli::{Cli, Command},
    commands::{audit, devices, eval, finetune, list, resume, start},
    run::{Ending, STOP},
};

/// Runs `train` with these arguments, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(Cli::parse_from(arguments)) {
        Ok(code) => code,
        // Whoever read our output has read enough (`train list | head`).
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> Result<ExitCode> {
    let ending = match cli.command {
        None => stoppable(|| start::run(cli.start))?,
        Some(Command::Resume(arguments)) => stoppable(|| resume::run(arguments))?,
        Some(Command::Finetune(arguments)) => stoppable(|| finetune::run(arguments))?,
        Some(Command::Eval(arguments)) => return eval::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Audit(arguments)) => {
            return audit::run(arguments).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::List(arguments)) => return list::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Devices(arguments)) => {
            return devices::run(arguments).map(|()| ExitCode::SUCCESS);
        }
    };
    Ok(match ending {
        Ending::Finished(_) => ExitCode::SUCCESS,
        // As a shell reports a process that Ctrl-C ended.
        Ending::Stopped => ExitCode::from(130),
    })
}

/// Runs a training run so that the first Ctrl-C asks it for an orderly stop; the
/// second is not waited for.
fn stoppable(run: impl FnOnce() -> Result<Ending>) -> Result<Ending> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    run()
}
