//! One file a command.

pub mod audit;
pub mod devices;
pub mod draw;
pub mod eval;
pub mod export;
pub mod finetune;
pub mod lend;
pub mod list;
pub mod resume;
pub mod start;
pub mod sweep;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
};

use anyhow::{Context, Result};
use glyphic_model::network::NetworkConfig;
use glyphic_runtime::registry::Registry;

use crate::run::STOP;

/// How much a child process steps back behind the one that started it, which
/// answers people meanwhile (a Unix niceness).
const NICENESS: i32 = 15;

/// The dataset that is in the repository.
pub fn default_data(artifacts: &Path) -> PathBuf {
    artifacts.join("datasets").join("mnist")
}

/// The checkpoint of this id or label; without one, the promoted one.
pub(crate) fn chosen(registry: &Registry, name: Option<&str>) -> Result<String> {
    Ok(match name {
        Some(name) => registry.resolve(name)?,
        None => registry.current()?,
    })
}

/// The network of a name, or in a JSON file; its number of classes is the data's.
pub(crate) fn read_network(file: &Path, classes: usize) -> Result<NetworkConfig> {
    if let Some(network) = file.to_str().and_then(|name| NetworkConfig::named(name, classes)) {
        return Ok(network);
    }
    let text = fs::read(file).with_context(|| {
        format!("cannot read {}: give small, large, mlp, or a JSON file", file.display())
    })?;
    let mut network: NetworkConfig = serde_json::from_slice(&text)
        .with_context(|| format!("{} describes no network", file.display()))?;
    network.classes = classes;
    network.check().with_context(|| file.display().to_string())?;
    Ok(network)
}

/// Steps back behind the parent process and stops when it has gone.
pub(crate) fn become_a_child() {
    #[cfg(unix)]
    // Without it the work is the same, only less polite.
    let _ = rustix::process::nice(NICENESS);
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        STOP.store(true, Ordering::Relaxed);
    });
}
