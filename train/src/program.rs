//! The program `train`: parses the command line and runs the command.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Context, Result};
use glyphic_runtime::text::whole;

use crate::{
    cli::{Cli, TrainCommand},
    commands::{
        audit, devices, draw, eval, export, finetune, lend, list, pairs, promote, prune, resume,
        start, sweep,
    },
    run::{BEGUN, RunEnding, STOP},
};

/// Runs `train` with these arguments, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(Cli::read(arguments).unwrap_or_else(|error| error.exit())) {
        Ok(code) => code,
        // The reader of the output has closed it (`train list | head`).
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", whole(&*error));
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run(Cli { globals, command, start }: Cli) -> Result<ExitCode> {
    let globals = &globals;
    let finished = |ending: RunEnding| ending.is_finished();
    let done = |()| true;
    let finished = match command {
        None => stoppable(|| start::run(globals, start).map(finished)),
        Some(TrainCommand::Resume(arguments)) => {
            stoppable(|| resume::run(globals, arguments).map(finished))
        }
        Some(TrainCommand::Finetune(arguments)) => {
            stoppable(|| finetune::run(globals, arguments).map(finished))
        }
        Some(TrainCommand::Sweep(arguments)) => stoppable(|| sweep::run(globals, arguments)),
        Some(TrainCommand::Lend(arguments)) => lend::run(globals, arguments).map(done),
        Some(TrainCommand::Eval(arguments)) => eval::run(globals, arguments).map(done),
        Some(TrainCommand::Audit(arguments)) => audit::run(globals, arguments).map(done),
        Some(TrainCommand::Draw(arguments)) => draw::run(arguments).map(done),
        Some(TrainCommand::Pairs(arguments)) => pairs::run(globals, arguments).map(done),
        Some(TrainCommand::Export(arguments)) => export::export(globals, arguments).map(done),
        Some(TrainCommand::Import(arguments)) => export::import(globals, arguments).map(done),
        Some(TrainCommand::List) => list::run(globals).map(done),
        Some(TrainCommand::Promote(arguments)) => promote::run(globals, arguments).map(done),
        Some(TrainCommand::Prune(arguments)) => prune::prune(globals, arguments).map(done),
        Some(TrainCommand::Restore(arguments)) => prune::restore(globals, arguments).map(done),
        Some(TrainCommand::Devices) => devices::run(globals).map(done),
    }?;
    // The exit code that a shell reports for a process that Ctrl-C ended.
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::from(130) })
}

/// Trains so that the first Ctrl-C asks for an orderly stop; the second, and one before the first step,
/// ends the process at once.
fn stoppable(run: impl FnOnce() -> Result<bool>) -> Result<bool> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) || !BEGUN.load(Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    run()
}
