//! The registry: a folder of checkpoints with the promoted one, its history, aliases and pins.
//!
//! ```text
//! artifacts/
//! ├── CURRENT             the promoted checkpoint's id, then those promoted before it, newest
//! │                       first, one per line
//! ├── MARKS               aliases and pins ([`Aliases`])
//! └── checkpoints/<id>/   see [`glyphic_model::checkpoint`]
//! ```
//!
//! A checkpoint is written under a temporary name, synced, and renamed, so its own name appears
//! only when it is complete. After that it never changes, except that its reports are replaced,
//! each by a rename. Changes of `CURRENT` and `MARKS` hold a file lock, because a server and a
//! trainer may use the same folder.

mod aliases;
mod comparison;
mod copy;
mod error;
mod gate;
mod retention;
mod write;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use glyphic_model::{
    checkpoint::{
        Checkpoint, CheckpointError, DatasetRecord, EpochMetrics, MANIFEST_FILE, METRICS_FILE,
        Manifest, Metrics, SCHEMA, WEIGHTS_FILE, WeightsRecord, sha256, weights_to_bytes,
    },
    glyph::PREPROCESSING_VERSION,
    network::{Network, NetworkConfig},
    verdict::Thresholds,
};

pub use aliases::{Aliases, CANDIDATE, STABLE, is_alias};
pub use comparison::{COMPARISON_FILE, Changed, Comparison, Gate, Objection, SampleReading, Tally};
pub use copy::Names;
pub use error::RegistryError;
pub use gate::PromotionGate;
pub use write::write_atomically;

use write::sync_folder;

const CHECKPOINTS: &str = "checkpoints";
const CURRENT: &str = "CURRENT";
/// Locked while `CURRENT` or `MARKS` is changed.
const LOCK: &str = ".CURRENT.lock";
/// Locked (shared) while a checkpoint is published.
const PUBLICATION_LOCK: &str = ".publish.lock";
/// Prefix of a checkpoint's folder while it is being written.
const UNPUBLISHED: &str = ".publish-";
/// The number of promoted checkpoints that `CURRENT` records.
const HISTORY: usize = 50;

/// The checkpoints under an artifacts folder.
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
}

/// Everything that is needed to publish a trained network as a checkpoint.
pub struct Draft<'a> {
    /// The id of the new checkpoint.
    pub id: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The network's architecture.
    pub network_config: NetworkConfig,
    /// The trained network.
    pub network: &'a Network,
    /// The label of each output.
    pub labels: Vec<String>,
    /// What logits are divided by before softmax; 0.05–20.
    pub temperature: f32,
    /// Thresholds for verdicts.
    pub thresholds: Thresholds,
    /// All settings of the training run.
    pub training: serde_json::Value,
    /// The datasets trained on.
    pub datasets: Vec<DatasetRecord>,
    /// The results of the run.
    pub metrics: Metrics,
    /// The metrics of each epoch.
    pub epochs: &'a [EpochMetrics],
    /// The id of the checkpoint that training started from, if any.
    pub parent: Option<String>,
    /// The commit of the source code, if known.
    pub git_revision: Option<String>,
    /// Names and contents of further files.
    pub files: Vec<(String, Vec<u8>)>,
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
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.root.join(CHECKPOINTS);
                return Err(RegistryError::NotFound { id: id.to_owned(), folder });
            }
            bytes => bytes.map_err(at("read", &path))?,
        };
        Ok(Manifest::parse(id, &bytes)?)
    }

    /// A fine-tuned checkpoint's comparison with its parent. `None` if it was trained from scratch.
    ///
    /// # Errors
    /// The checkpoint or its comparison cannot be read.
    pub fn comparison(&self, id: &str) -> Result<Option<Comparison>, RegistryError> {
        let Some(bytes) = self.file(id, COMPARISON_FILE)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| RegistryError::BadFile {
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
        lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|error| {
            let reason = error.to_string();
            RegistryError::BadFile { id: id.to_owned(), file: METRICS_FILE, reason }
        })
    }

    /// The content of a checkpoint's file. `None` if it has no file of that name.
    ///
    /// # Errors
    /// The checkpoint or the file cannot be read.
    pub fn file(&self, id: &str, name: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        self.manifest(id)?;
        let path = self.folder(id).join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(at("read", &path)),
        }
    }

    /// Loads a checkpoint onto `device` and verifies it.
    ///
    /// # Errors
    /// There is no such checkpoint, or its schema, checksum, architecture or weights are wrong.
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
        let bytes = fs::read(&path).map_err(at("read", &path))?;
        manifest.check_weights(&bytes)?;
        Ok(bytes)
    }

    /// Publishes a checkpoint, completely or not at all, and returns its manifest.
    ///
    /// # Errors
    /// The id or a file's name is not allowed or taken, a value of the manifest is impossible, or a
    /// file cannot be written.
    pub fn publish(&self, draft: Draft<'_>) -> Result<Manifest, RegistryError> {
        let weights = weights_to_bytes(draft.network)
            .map_err(|reason| CheckpointError::WrongWeights { id: draft.id.clone(), reason })?;
        let manifest = Manifest {
            schema: SCHEMA,
            id: draft.id,
            created: draft.created,
            parameters: draft.network_config.parameters(),
            macs: draft.network_config.macs(),
            network: draft.network_config,
            labels: draft.labels,
            temperature: draft.temperature,
            thresholds: draft.thresholds,
            preprocessing: PREPROCESSING_VERSION,
            training: draft.training,
            datasets: draft.datasets,
            metrics: draft.metrics,
            parent: draft.parent,
            git_revision: draft.git_revision,
            weights: WeightsRecord { sha256: sha256(&weights), bytes: weights.len() as u64 },
        };
        let mut files = draft.files;
        files.push((WEIGHTS_FILE.to_owned(), weights));
        files.push((METRICS_FILE.to_owned(), to_json_lines(draft.epochs)));
        self.write_folder(&manifest, files)?;
        Ok(manifest)
    }

    /// Publishes a checkpoint that was made elsewhere, under the id in its manifest, completely or
    /// not at all. `files` are the names and contents of all its files except the manifest.
    ///
    /// # Errors
    /// The checkpoint is damaged, an id or a file's name is not allowed or taken, or a file cannot
    /// be written.
    pub fn adopt(
        &self,
        manifest: &Manifest,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RegistryError> {
        check_names(&files, &manifest.id)?;
        // Checked in the form in which it will be read.
        let manifest = Manifest::parse(&manifest.id, &to_json(manifest))?;
        let weights = files.iter().find(|(name, _)| name == WEIGHTS_FILE);
        let weights = weights.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        Checkpoint::verify(manifest.clone(), weights, &Device::flex())?;
        self.write_folder(&manifest, files)
    }

    /// Writes a checkpoint's folder under a temporary name, then renames it.
    fn write_folder(
        &self,
        manifest: &Manifest,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RegistryError> {
        check_id(&manifest.id)?;
        manifest.check()?;
        let checkpoints = self.root.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(at("create the folder", &checkpoints))?;
        let final_folder = self.folder(&manifest.id);
        if final_folder.exists() {
            return Err(RegistryError::Exists(manifest.id.clone()));
        }
        files.push((MANIFEST_FILE.to_owned(), to_json(manifest)));
        check_names(&files, &manifest.id)?;
        let _publishing = self.begin_publication()?;
        // The temporary folder is deleted when it is dropped, if anything below fails.
        let folder = tempfile::Builder::new()
            .prefix(UNPUBLISHED)
            .tempdir_in(&checkpoints)
            .map_err(at("create a folder in", &checkpoints))?;
        for (name, bytes) in &files {
            let path = folder.path().join(name);
            write_atomically(&path, bytes).map_err(at("write", &path))?;
        }
        let folder = folder.keep();
        make_readable(&folder).map_err(at("set the permissions of", &folder))?;
        if let Err(error) = fs::rename(&folder, &final_folder) {
            let _ = fs::remove_dir_all(&folder);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                    RegistryError::Exists(manifest.id.clone())
                }
                _ => at("rename", &folder)(error),
            });
        }
        sync_folder(&checkpoints).map_err(at("sync", &checkpoints))
    }

    /// Until the result is dropped, [`remove_leftovers`](Self::remove_leftovers) does not remove
    /// what is being published. Any number of publications may hold this lock.
    fn begin_publication(&self) -> Result<File, RegistryError> {
        let path = self.root.join(PUBLICATION_LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock_shared().map_err(at("lock", &path))?;
        Ok(file)
    }

    /// No publication can begin until the result is dropped. `None` if one is in progress.
    fn lock_out_publications(&self) -> Result<Option<File>, RegistryError> {
        let path = self.root.join(PUBLICATION_LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at("lock", &path)(error)),
        }
    }

    /// The promoted checkpoint's id.
    ///
    /// # Errors
    /// No checkpoint is promoted, or `CURRENT` cannot be read.
    pub fn current(&self) -> Result<String, RegistryError> {
        let path = self.root.join(CURRENT);
        self.history()?.into_iter().next().ok_or(RegistryError::NothingPromoted(path))
    }

    /// The ids of the promoted checkpoint and those promoted before it, newest first.
    ///
    /// # Errors
    /// `CURRENT` cannot be read.
    pub fn history(&self) -> Result<Vec<String>, RegistryError> {
        let damaged = |reason: &str| self.bad_current(reason);
        let bytes = content(&self.root.join(CURRENT), damaged)?.unwrap_or_default();
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not UTF-8 text"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(str::to_owned).collect())
    }

    fn bad_current(&self, reason: &str) -> RegistryError {
        RegistryError::BadCurrent { path: self.root.join(CURRENT), reason: reason.to_owned() }
    }

    /// Promotes a checkpoint. Its manifest is checked; its weights are checked when they are
    /// loaded.
    ///
    /// # Errors
    /// The manifest cannot be read, or `CURRENT` cannot be written.
    pub fn promote(&self, id: &str) -> Result<(), RegistryError> {
        self.promote_from(id, None)
    }

    /// Promotes a checkpoint, but only if `from` (if given) is still the promoted one: a decision
    /// that compared it with another checkpoint may be out of date.
    ///
    /// # Errors
    /// As for [`promote`](Self::promote), and [`RegistryError::PromotedMeanwhile`].
    pub fn promote_from(&self, id: &str, from: Option<&str>) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
        // Checked under the lock, because the checkpoint may just have been removed.
        self.manifest(id)?;
        let mut history = self.history()?;
        expect_promoted(&history, from)?;
        if history.first().is_some_and(|current| current == id) {
            return Ok(());
        }
        history.insert(0, id.to_owned());
        history.truncate(HISTORY);
        self.write_history(&history)
    }

    /// The id of the checkpoint that [`roll_back`](Self::roll_back) would promote.
    ///
    /// # Errors
    /// There is none, or `CURRENT` cannot be read.
    pub fn previous(&self) -> Result<String, RegistryError> {
        self.history()?.into_iter().nth(1).ok_or(RegistryError::NothingToRollBackTo)
    }

    /// Promotes the previously promoted checkpoint again and returns its id, but only if `from` (if
    /// given) is still the promoted one.
    ///
    /// # Errors
    /// There is no previous one, its manifest cannot be read, `CURRENT` cannot be written, or
    /// [`RegistryError::PromotedMeanwhile`].
    pub fn roll_back(&self, from: Option<&str>) -> Result<String, RegistryError> {
        let _lock = self.lock()?;
        let history = self.history()?;
        expect_promoted(&history, from)?;
        let [_, previous, ..] = history.as_slice() else {
            return Err(RegistryError::NothingToRollBackTo);
        };
        self.manifest(previous)?;
        self.write_history(&history[1..])?;
        Ok(previous.clone())
    }

    /// No other process can change `CURRENT` or `MARKS` until the result is dropped.
    fn lock(&self) -> Result<File, RegistryError> {
        let path = self.root.join(LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock().map_err(at("lock", &path))?;
        Ok(file)
    }

    fn write_history(&self, history: &[String]) -> Result<(), RegistryError> {
        let path = self.root.join(CURRENT);
        write_atomically(&path, format!("{}\n", history.join("\n")).as_bytes())
            .map_err(at("write", &path))
    }
}

/// Checks that `expected`, if given, is the promoted checkpoint of a history.
fn expect_promoted(history: &[String], expected: Option<&str>) -> Result<(), RegistryError> {
    let found = history.first().cloned().unwrap_or_default();
    match expected.filter(|expected| *expected != found) {
        Some(expected) => {
            Err(RegistryError::PromotedMeanwhile { expected: expected.to_owned(), found })
        }
        None => Ok(()),
    }
}

/// Whether a text could be a checkpoint's id, or the name of one of its files.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.chars().all(allowed)
}

fn check_id(id: &str) -> Result<(), RegistryError> {
    match is_id(id) {
        true => Ok(()),
        false => Err(RegistryError::BadId(id.chars().take(80).collect())),
    }
}

/// Checks that no name leads out of the folder and that no two names are equal, also on a file
/// system that ignores case.
fn check_names(files: &[(String, Vec<u8>)], id: &str) -> Result<(), RegistryError> {
    let mut names: Vec<String> = files.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0]);
    let bad = files.iter().map(|(name, _)| name).find(|name| check_id(name).is_err()).or(twice);
    bad.map_or(Ok(()), |name| {
        let file = name.chars().take(80).collect();
        Err(RegistryError::BadFileName { id: id.to_owned(), file })
    })
}

fn to_json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn to_json_lines<T: serde::Serialize>(values: &[T]) -> Vec<u8> {
    let lines = values.iter().filter_map(|value| serde_json::to_string(value).ok());
    lines.flat_map(|line| (line + "\n").into_bytes()).collect()
}

/// Makes a published folder readable for others: temporary folders are private to their owner.
fn make_readable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    sync_folder(folder)
}

/// The content of `CURRENT` or `MARKS`, if there is such a file. `damaged` makes the error if there
/// is a folder in its place.
fn content(
    path: &Path,
    damaged: impl FnOnce(&str) -> RegistryError,
) -> Result<Option<Vec<u8>>, RegistryError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(_) if path.is_dir() => Err(damaged("it is a folder")),
        Err(error) => Err(at("read", path)(error)),
    }
}

/// Turns an I/O error into one that names the operation and the path.
fn at<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io { action, path: path.to_owned(), source }
}
