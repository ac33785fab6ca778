//! The network of a name or a JSON file.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use glyphic_model::network::NetworkConfig;
use glyphic_runtime::text;

/// Reads the network of a name, or of a JSON file. Its number of classes is the data's,
/// whatever the file says.
pub(crate) fn read(file: &Path, classes: usize) -> Result<NetworkConfig> {
    if let Some(network) = file.to_str().and_then(|name| NetworkConfig::named(name, classes)) {
        return Ok(network);
    }
    let bytes = fs::read(file).with_context(|| {
        format!("cannot read {}: give small, large, mlp, or a JSON file", file.display())
    })?;
    let mut network: NetworkConfig = text::json(&bytes)
        .with_context(|| format!("{} does not describe a network", file.display()))?;
    network.classes = classes;
    network.check().with_context(|| file.display().to_string())?;
    Ok(network)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_editors_save_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("network.json");
        let expected = read(Path::new("small"), 3).unwrap();
        let text = serde_json::to_string(&expected).unwrap();
        fs::write(&file, format!("\u{feff}{text}")).unwrap();
        assert!(read(&file, 3).unwrap() == expected);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&file, [&b"\xff\xfe"[..], &utf16].concat()).unwrap();
        let message = format!("{:#}", read(&file, 3).unwrap_err());
        assert!(message.contains("network.json") && message.contains("UTF-16"), "{message}");
    }
}
