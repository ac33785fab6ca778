//! One file a command.

pub mod audit;
pub mod devices;
pub mod draw;
pub mod eval;
pub mod export;
pub mod finetune;
pub mod lend;
pub mod list;
pub mod pairs;
pub mod promote;
pub mod prune;
pub mod resume;
pub mod start;
pub mod sweep;

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
};

use anyhow::{Result, ensure};
use glyphic_model::preprocess::Pictures;
use glyphic_runtime::registry::Registry;

use crate::{
    cli::Globals,
    console::say,
    data::{self, Data},
    run::STOP,
};

/// The priority of a child process, as a Unix niceness: its parent is a server, which answers
/// requests meanwhile.
const NICENESS: i32 = 15;

/// The dataset that is in the repository.
pub fn default_data(artifacts: &Path) -> PathBuf {
    artifacts.join("datasets").join("mnist")
}

/// Data for training, see [`data::load`]. Says what is left out of it.
pub(crate) fn load(path: &Path, pictures: Pictures, validation_share: f64) -> Result<Data> {
    let data = data::load(path, pictures, validation_share)?;
    data.notes.iter().for_each(|note| say(note));
    Ok(data)
}

/// The registry of a command that works on what is there.
pub(crate) fn registry(globals: &Globals) -> Result<Registry> {
    let folder = &globals.artifacts;
    ensure!(
        folder.is_dir(),
        "there is no folder '{}': name the one with the checkpoints with --artifacts",
        folder.display()
    );
    Ok(Registry::new(folder))
}

/// The checkpoint of this id or alias; without one, the promoted one.
pub(crate) fn chosen(registry: &Registry, name: Option<&str>) -> Result<String> {
    Ok(match name {
        Some(name) => registry.resolve(name)?,
        None => registry.current()?,
    })
}

/// Lowers this process's priority, and stops it in order when its parent has ended.
pub(crate) fn become_a_child() {
    #[cfg(unix)]
    // If it fails, the results are the same, and the parent is slower meanwhile.
    let _ = rustix::process::nice(NICENESS);
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        STOP.store(true, Ordering::Relaxed);
    });
}
