//! `train export` and `train import`: checkpoints as files for other programs and people.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result, bail};
use glyphic_model::{LayerWeights, checkpoint::Checkpoint, number::pairs::to_bytes};
use glyphic_runtime::{
    device::Device,
    registry::{Registry, write_atomically},
};

use super::registry;
use crate::{
    cli::{ExportArgs, Globals, ImportArgs},
    exchange::{archive, metadata, onnx, safetensors},
};

/// Writes a checkpoint into a file, in the format of its extension.
pub fn export(globals: &Globals, ExportArgs { id, file }: ExportArgs) -> Result<()> {
    let registry = registry(globals)?;
    let id = registry.resolve(&id)?;
    let bytes = match extension(&file) {
        "zip" => archive::pack(&registry, &id)?,
        "onnx" => onnx::export(&registry.load(&id, &Device::flex())?)?,
        "safetensors" => safetensors::export(&registry.load(&id, &Device::flex())?)?,
        "i8" => pairs(&registry.load(&id, &Device::flex())?)?,
        _ => bail!(
            "cannot write {}: name it *.zip (the whole checkpoint), *.onnx or *.safetensors",
            file.display()
        ),
    };
    write_atomically(&file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(std::io::stdout(), "Wrote {id} to {} ({} KB)", file.display(), bytes.len() / 1000)?;
    Ok(())
}

/// The network that reads pairs. Its last layer is divided by the temperature, which is not a part of the
/// file.
fn pairs(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    let mut layers = checkpoint.network.layer_weights()?;
    if let Some(LayerWeights::Linear { weights, bias, .. }) = layers.last_mut() {
        let values = weights.iter_mut().chain(bias);
        values.for_each(|value| *value /= checkpoint.manifest.temperature);
    }
    to_bytes(&layers).context("it does not have the architecture that `train pairs` writes")
}

/// Publishes a checkpoint from a file that `train export` wrote.
pub fn import(globals: &Globals, ImportArgs { file, id, like }: ImportArgs) -> Result<()> {
    let registry = Registry::new(&globals.artifacts);
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let like = like.map(|like| registry.manifest(&registry.resolve(&like)?)).transpose()?;
    let imported = match (extension(&file), id) {
        ("zip", None) => archive::unpack(&registry, &bytes),
        ("zip", Some(_)) => bail!("a whole checkpoint keeps its id: leave out --id"),
        ("onnx", Some(id)) => onnx::import(&registry, &bytes, id),
        ("safetensors", Some(id)) => safetensors::import(&registry, &bytes, id, like),
        ("onnx" | "safetensors", None) => {
            bail!(
                "the file has only a network, so it becomes a new checkpoint: give it an id \
                 with --id"
            )
        }
        _ => bail!("cannot read {}: it should be *.zip, *.onnx or *.safetensors", file.display()),
    };
    let manifest = imported.with_context(|| format!("cannot import {}", file.display()))?;
    let id = &manifest.id;
    let advice = match metadata::is_measured(&manifest) {
        true => "to serve it, promote it".to_owned(),
        false => format!(
            "its weights differ from those that were exported, so its accuracy is unknown, and \
             its temperature and thresholds are those of the exported checkpoint: measure it \
             with `train eval {id}`; its promotion must be forced"
        ),
    };
    writeln!(std::io::stdout(), "{id} is published; {advice}")?;
    Ok(())
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
