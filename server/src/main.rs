//! `server`: parses the command line and runs the command. Without one it serves.

use std::{ffi::OsString, io, iter, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use glyphic_runtime::{device::with_session_folder, text::whole};
use glyphic_server::{
    cli::{Cli, Command},
    commands::{push, write_page},
    memory,
    probe::probe,
    read::read,
    start::serve_until_stopped,
};

fn main() -> ExitCode {
    with_session_folder();
    // The TLS provider, for object stores and collectors of traces. It fails if one is installed
    // already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Cli { command, config } = Cli::parse();
    match command {
        None => {
            memory::set_up();
            exit_code(serve_until_stopped(config))
        }
        Some(Command::Train(train)) => {
            let name = iter::once(OsString::from("train"));
            glyphic_train::program::main(name.chain(train.arguments))
        }
        Some(Command::Read(arguments)) => read(arguments).unwrap_or_else(failure),
        Some(Command::Page(arguments)) => exit_code(write_page(arguments)),
        Some(Command::Push(arguments)) => exit_code(push(arguments)),
        Some(Command::Probe(arguments)) => exit_code(probe(arguments)),
    }
}

fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

fn failure(error: anyhow::Error) -> ExitCode {
    // The reader of the output has closed it.
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", whole(&*error));
    ExitCode::FAILURE
}
