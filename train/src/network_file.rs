//! The network of a name or a JSON file.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use glyphic_model::network::NetworkConfig;

/// Reads the network of a name, or of a JSON file. Its number of classes is the data's,
/// whatever the file says.
pub(crate) fn read(file: &Path, classes: usize) -> Result<NetworkConfig> {
    if let Some(network) = file.to_str().and_then(|name| NetworkConfig::named(name, classes)) {
        return Ok(network);
    }
    let text = fs::read(file).with_context(|| {
        format!("cannot read {}: give small, large, mlp, or a JSON file", file.display())
    })?;
    let mut network: NetworkConfig = serde_json::from_slice(&text)
        .with_context(|| format!("{} does not describe a network", file.display()))?;
    network.classes = classes;
    network.check().with_context(|| file.display().to_string())?;
    Ok(network)
}
