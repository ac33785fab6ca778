//! A checkpoint as one file: a zip of all its files.

use std::io::{Cursor, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use glyphic_model::checkpoint::{MANIFEST_FILE, MAX_BYTES as MAX_MANIFEST, Manifest};
use glyphic_runtime::{clutter::is_of_a_system, registry::Registry, text::json};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// The most files of an archive, and the most bytes of all of them: many times those of a
/// checkpoint.
const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 1 << 30;
const NO_MANIFEST: &str = "it has no manifest.json: is it a checkpoint?";

/// All files of a checkpoint.
pub fn pack(registry: &Registry, id: &str) -> Result<Vec<u8>> {
    registry.manifest(id)?;
    let folder = registry.folder(id);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut entries: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    // The names of files that another process is writing begin with a dot.
    let hidden = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    for entry in entries.iter().filter(|entry| entry.path().is_file() && !hidden(entry)) {
        archive.start_file(entry.file_name().to_string_lossy(), options)?;
        archive.write_all(&std::fs::read(entry.path())?)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Publishes a packed checkpoint under its own id, after verifying all of it. Its files may lie in a
/// folder, as after unpacking and packing them again, and those of a system between them.
pub fn unpack(registry: &Registry, bytes: &[u8]) -> Result<Manifest> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).context("it is not a zip file")?;
    let own = archive.file_names().flatten().filter(|name| !is_of_a_system(name)).count();
    ensure!(own <= MAX_FILES, "it has {own} files; a checkpoint has only a few");
    let (mut files, mut left) = (Vec::new(), MAX_BYTES);
    for i in 0..archive.len() {
        let entry = archive.by_index(i)?;
        let name = entry.name()?.into_owned();
        if entry.is_dir() || is_of_a_system(&name) {
            continue;
        }
        let mut content = Vec::new();
        // Limited here too, because the size in the header may be wrong.
        entry.take(left + 1).read_to_end(&mut content)?;
        left = left
            .checked_sub(content.len() as u64)
            .context("it is larger than 1 GiB when unpacked")?;
        files.push((name, content));
    }
    let folder = folder_of(&files)?;
    for (name, _) in &mut files {
        *name = name.strip_prefix(&folder).unwrap_or(name).to_owned();
    }
    let at = files.iter().position(|(name, _)| name == MANIFEST_FILE);
    let (_, manifest) = files.swap_remove(at.context(NO_MANIFEST)?);
    ensure!(
        manifest.len() <= MAX_MANIFEST,
        "its manifest.json has more than {} MiB, the limit for it",
        MAX_MANIFEST >> 20
    );
    let manifest: Manifest = json(&manifest).context("its manifest.json cannot be read")?;
    registry.adopt(&manifest, files)?;
    Ok(manifest)
}

/// What stands before the names of a checkpoint's files: nothing, or the folder with its manifest.
fn folder_of(files: &[(String, Vec<u8>)]) -> Result<String> {
    let folders = files.iter().filter_map(|(name, _)| name.strip_suffix(MANIFEST_FILE));
    let is_one = |folder: &&str| {
        let name = folder.strip_suffix(['/', '\\']);
        folder.is_empty() || name.is_some_and(|name| !name.contains(['/', '\\']))
    };
    let mut folders: Vec<&str> = folders.filter(is_one).collect();
    folders.sort_unstable();
    match folders.as_slice() {
        [] => bail!(NO_MANIFEST),
        ["", ..] => Ok(String::new()),
        [folder] => Ok((*folder).to_owned()),
        [one, other, ..] => bail!(
            "it has several checkpoints, in the folders {one} and {other}: import each from a zip \
             of its own"
        ),
    }
}
