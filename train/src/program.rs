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
    commands::{audit, devices, draw, eval, export, finetune, lend, list, resume, start, sweep},
    run::STOP,
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
    let finished = match cli.command {
        None => stoppable(|| Ok(start::run(cli.start)?.is_finished()))?,
        Some(Command::Resume(arguments)) => {
            stoppable(|| Ok(resume::run(arguments)?.is_finished()))?
        }
        Some(Command::Finetune(arguments)) => {
            stoppable(|| Ok(finetune::run(arguments)?.is_finished()))?
        }
        Some(Command::Sweep(arguments)) => stoppable(|| sweep::run(arguments))?,
        Some(Command::Lend(arguments)) => return lend::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Eval(arguments)) => return eval::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Audit(arguments)) => {
            return audit::run(arguments).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Draw(arguments)) => return draw::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Export(arguments)) => {
            return export::export(arguments).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Import(arguments)) => {
            return export::import(arguments).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::List(arguments)) => return list::run(arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Devices(arguments)) => {
            return devices::run(arguments).map(|()| ExitCode::SUCCESS);
        }
    };
    // As a shell reports a process that Ctrl-C ended.
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::from(130) })
}

/// Trains so that the first Ctrl-C asks it for an orderly stop; the
/// second is not waited for.
fn stoppable(run: impl FnOnce() -> Result<bool>) -> Result<bool> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    run()
}
