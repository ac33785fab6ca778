//! `train export` and `train import`: checkpoints as files for others.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result, bail};
use glyphic_runtime::{
    device::Device,
    registry::{Registry, write_atomically},
};

use crate::{
    cli::{ExportArgs, ImportArgs},
    exchange::{archive, onnx, safetensors, stated},
};

/// Writes a checkpoint into a file of the kind that its name says.
pub fn export(ExportArgs { artifacts, id, file }: ExportArgs) -> Result<()> {
    let registry = Registry::new(artifacts);
    let id = registry.resolve(&id)?;
    let bytes = match extension(&file) {
        "zip" => archive::pack(&registry, &id)?,
        "onnx" => onnx::export(&registry.load(&id, &Device::flex())?)?,
        "safetensors" => safetensors::export(&registry.load(&id, &Device::flex())?)?,
        _ => bail!(
            "cannot write {}: name it *.zip (all of it), *.onnx or *.safetensors",
            file.display()
        ),
    };
    write_atomically(&file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(std::io::stdout(), "{id} is in {}: {} KB", file.display(), bytes.len() / 1000)?;
    Ok(())
}

/// Publishes a checkpoint from a file that `train export` wrote.
pub fn import(ImportArgs { artifacts, file, id, like }: ImportArgs) -> Result<()> {
    let registry = Registry::new(artifacts);
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let like = like.map(|like| registry.manifest(&registry.resolve(&like)?)).transpose()?;
    let imported = match (extension(&file), id) {
        ("zip", None) => archive::unpack(&registry, &bytes),
        ("zip", Some(_)) => bail!("a checkpoint keeps its id: leave --id out"),
        ("onnx", Some(id)) => onnx::import(&registry, &bytes, id),
        ("safetensors", Some(id)) => safetensors::import(&registry, &bytes, id, like),
        ("onnx" | "safetensors", None) => {
            bail!("its weights are folded, so it is a checkpoint of its own: give it an --id")
        }
        _ => bail!("cannot read {}: it should be *.zip, *.onnx or *.safetensors", file.display()),
    };
    let manifest = imported.with_context(|| format!("{} is not imported", file.display()))?;
    let id = &manifest.id;
    let advice = match stated::is_measured(&manifest) {
        true => "promote it to serve it".to_owned(),
        false => format!(
            "its numbers were changed since they were written, so what was measured of them is \
             not said of it, and its temperature and thresholds are the other's: see \
             `train eval {id}`; its promotion must be forced"
        ),
    };
    writeln!(std::io::stdout(), "{id} is published; {advice}")?;
    Ok(())
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
