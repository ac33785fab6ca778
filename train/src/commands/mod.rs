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
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use glyphic_model::network::NetworkConfig;

/// The dataset that is in the repository.
fn default_data(artifacts: &Path) -> PathBuf {
    artifacts.join("datasets").join("mnist")
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
