//! `cargo run --release --bin train`: builds the trainer with GPU support and becomes it.
//!
//! cargo resolves features once for all packages that a command selects. So one `cargo run` in
//! this workspace cannot build the server without GPU support and the trainer with it. This
//! program, which depends on nothing, has cargo build the trainer as the only package
//! (`-p glyphic-train`); GPU support is among its default features.

use std::{
    env,
    ffi::OsString,
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--manifest-path", workspace, "-p", "glyphic-train"]);
    for (feature, on) in [("spirv", cfg!(feature = "spirv")), ("remote", cfg!(feature = "remote"))]
    {
        if on {
            command.args(["--features", feature]);
        }
    }
    become_it(command.arg("--").args(env::args_os().skip(1)))
}

/// Replaces this process, so that signals reach the trainer; without Unix, waits for it.
fn become_it(command: &mut Command) -> ExitCode {
    #[cfg(unix)]
    let error = {
        use std::os::unix::process::CommandExt;
        command.exec()
    };
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => {
            return ExitCode::from(status.code().map_or(1, |code| code.clamp(0, 255) as u8));
        }
        Err(error) => error,
    };
    eprintln!("error: cargo cannot be started: {error}");
    ExitCode::FAILURE
}
