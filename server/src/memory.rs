//! Freed memory goes back to the system.
//!
//! glibc keeps much of what is freed. After its first large block it takes blocks of up to 32 MiB
//! from its heaps instead of from the system, and a heap shrinks only from its end: after a storm of
//! uploads and photographs, hundreds of MiB stay. With fixed bounds they go back at once. glibc reads
//! them when a program starts, and changing them later takes unsafe code, so the program starts itself
//! once more: the same process, some milliseconds later.

/// glibc's settings: blocks from this size on are the system's own, and a heap whose free end is this
/// long shrinks (bytes). The networks' buffers are kept, so they are not affected.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "4194304"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];
/// Says which of them this program has set, so that it starts itself once and its children do not
/// inherit them.
const SET_HERE: &str = "GLYPHIC_MALLOC_SET";

/// Starts this program once more with the settings that are not given. Returns if they are set, if the
/// memory is not glibc's, or if it does not work.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn set_up() {
    use std::{env, os::unix::process::CommandExt, process::Command};

    let missing = SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none());
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() || env::var_os(SET_HERE).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    command.args(arguments).envs(missing).env(SET_HERE, names.join(","));
    let error = command.exec();
    eprintln!("freed memory may stay with the server: it cannot start itself once more: {error}");
}

/// The same where there is nothing to set.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn set_up() {}

/// Whether this program has set this variable for itself. A process that trains allocates large
/// blocks all the time, and would be slower with it.
pub fn is_set_here(name: &str) -> bool {
    std::env::var(SET_HERE).is_ok_and(|names| names.split(',').any(|one| one == name))
}
