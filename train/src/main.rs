//! `train`: see [`glyphic_train::program`].

use std::process::ExitCode;

fn main() -> ExitCode {
    glyphic_runtime::device::with_session_folder();
    glyphic_train::program::main(std::env::args_os())
}
