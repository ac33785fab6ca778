//! The registry's folder: what is in it, and how it is read.

use std::{
    fs::{self, File},
    io::{self, Seek},
    path::{Path, PathBuf},
};

#[cfg(feature = "burn")]
use burn::tensor::Device;
#[cfg(feature = "burn")]
use glyphic_model::checkpoint::Checkpoint;
use glyphic_model::checkpoint::{
    CheckpointError, EpochMetrics, MANIFEST_FILE, MAX_BYTES, METRICS_FILE, Manifest, WEIGHTS_FILE,
};
use sha2::{Digest, Sha256};

use super::{
    comparison::{COMPARISON_FILE, Comparison},
    error::{RegistryError, at},
    id::check_id,
    read::{MOST_JSON, MOST_NAMES, MOST_WEIGHTS, read_bounded},
};
use crate::text;

/// The folder with the checkpoints' folders.
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// Locked while `CURRENT` or `MARKS` is changed.
const LOCK: &str = ".CURRENT.lock";

/// The checkpoints under an artifacts folder.
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
}

impl Registry {
    /// The registry in the folder `artifacts`. Nothing is read or created yet.
    pub fn new(artifacts: impl Into<PathBuf>) -> Self {
        Self { root: artifacts.into() }
    }

    /// The artifacts folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a checkpoint, whether it exists or not.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join(CHECKPOINTS).join(id)
    }

    /// The ids of all published checkpoints, in alphabetical order. The checkpoints are not read or
    /// checked.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn ids(&self) -> Result<Vec<String>, RegistryError> {
        let folder = self.root.join(CHECKPOINTS);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("list", &folder))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<String> = names.filter(|name| check_id(name).is_ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// Reads and checks a checkpoint's manifest, but not its weights.
    ///
    /// # Errors
    /// There is no such checkpoint, or its manifest is damaged or of another version.
    pub fn manifest(&self, id: &str) -> Result<Manifest, RegistryError> {
        check_id(id)?;
        let path = self.folder(id).join(MANIFEST_FILE);
        let bytes = match read_bounded(&path, MAX_BYTES as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.root.join(CHECKPOINTS);
                return Err(RegistryError::NotFound { id: id.to_owned(), folder });
            }
            Err(error) if error.kind() == io::ErrorKind::Other => {
                let (id, reason) = (id.to_owned(), error.to_string());
                return Err(CheckpointError::BadManifest { id, reason }.into());
            }
            bytes => bytes.map_err(at("read", &path))?,
        };
        let text = text::text(&bytes).map_err(|error| {
            let (id, reason) = (id.to_owned(), error.to_string());
            CheckpointError::BadManifest { id, reason }
        })?;
        Ok(Manifest::parse(id, text.as_bytes())?)
    }

    /// A fine-tuned checkpoint's comparison with its parent. `None` if it was trained from scratch.
    ///
    /// # Errors
    /// The checkpoint or its comparison cannot be read.
    pub fn comparison(&self, id: &str) -> Result<Option<Comparison>, RegistryError> {
        let Some(bytes) = self.file(id, COMPARISON_FILE)? else { return Ok(None) };
        text::json(&bytes).map(Some).map_err(|error| RegistryError::BadFile {
            id: id.to_owned(),
            file: COMPARISON_FILE,
            reason: error.to_string(),
        })
    }

    /// The metrics of each epoch of the run that made a checkpoint.
    ///
    /// # Errors
    /// The checkpoint or its metrics cannot be read.
    pub fn epochs(&self, id: &str) -> Result<Vec<EpochMetrics>, RegistryError> {
        let bytes = self.file(id, METRICS_FILE)?.unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(text::json).collect::<Result<_, _>>().map_err(|error| {
            let reason = error.to_string();
            RegistryError::BadFile { id: id.to_owned(), file: METRICS_FILE, reason }
        })
    }

    /// The content of a checkpoint's file of JSON. `None` if it has no file of that name.
    ///
    /// # Errors
    /// The checkpoint or the file cannot be read.
    pub fn file(&self, id: &str, name: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        self.manifest(id)?;
        let path = self.folder(id).join(name);
        match read_bounded(&path, MOST_JSON) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(at("read", &path)),
        }
    }

    /// A checkpoint's file, to be read from its beginning. `None` if it has no file of that name.
    ///
    /// # Errors
    /// The checkpoint cannot be read, or the file cannot be opened.
    pub fn open_file(&self, id: &str, name: &str) -> Result<Option<File>, RegistryError> {
        self.manifest(id)?;
        let path = self.folder(id).join(name);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some).map_err(at("read", &path)),
        }
    }

    /// Loads a checkpoint onto `device` and verifies it.
    ///
    /// # Errors
    /// There is no such checkpoint, or its schema, checksum, architecture or weights are wrong.
    #[cfg(feature = "burn")]
    pub fn load(&self, id: &str, device: &Device) -> Result<Checkpoint, RegistryError> {
        let manifest = self.manifest(id)?;
        let weights = self.weights(&manifest)?;
        Ok(Checkpoint::verify(manifest, weights, device)?)
    }

    /// The bytes of a checkpoint's weights.
    ///
    /// # Errors
    /// The file cannot be read, or its checksum is not that of the manifest.
    pub fn weights(&self, manifest: &Manifest) -> Result<Vec<u8>, RegistryError> {
        let path = self.folder(&manifest.id).join(WEIGHTS_FILE);
        let bytes = read_bounded(&path, MOST_WEIGHTS).map_err(at("read", &path))?;
        manifest.check_weights(&bytes)?;
        Ok(bytes)
    }

    /// The file of a checkpoint's weights, verified, to be read from its beginning. However large
    /// it is, it is never in memory as a whole.
    ///
    /// # Errors
    /// As [`weights`](Self::weights).
    pub fn open_weights(&self, manifest: &Manifest) -> Result<File, RegistryError> {
        let path = self.folder(&manifest.id).join(WEIGHTS_FILE);
        let mut file = File::open(&path).map_err(at("read", &path))?;
        let mut hash = Sha256::new();
        io::copy(&mut file, &mut hash).map_err(at("read", &path))?;
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = manifest.weights.sha256.clone();
        if found != expected {
            let id = manifest.id.clone();
            return Err(CheckpointError::WrongChecksum { id, expected, found }.into());
        }
        file.rewind().map_err(at("read", &path))?;
        Ok(file)
    }

    /// No other process can change `CURRENT` or `MARKS` until the result is dropped.
    pub(super) fn lock(&self) -> Result<File, RegistryError> {
        let path = self.root.join(LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock().map_err(at("lock", &path))?;
        Ok(file)
    }
}

/// The content of `CURRENT` or `MARKS`, if there is such a file. `damaged` makes the error if it is
/// too long, or something else than a file.
pub(super) fn content(
    path: &Path,
    damaged: impl FnOnce(&str) -> RegistryError,
) -> Result<Option<Vec<u8>>, RegistryError> {
    match read_bounded(path, MOST_NAMES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Other => Err(damaged(&error.to_string())),
        Err(error) => Err(at("read", path)(error)),
    }
}
