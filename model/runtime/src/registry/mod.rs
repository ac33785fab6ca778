//! The folder of checkpoints: which there are, which of them is promoted, and what people say
//! of them.
//!
//! ```text
//! artifacts/
//! ├── CURRENT             the promoted checkpoint's id; below it, one a line, those promoted
//! │                       before, newest first
//! ├── MARKS               aliases and pins ([`Aliases`])
//! └── checkpoints/<id>/   see [`glyphic_model::checkpoint`]
//! ```
//!
//! A checkpoint is written under a temporary name, synced, and renamed: its name appears only
//! once all of it is there, and nobody changes it after that. Only its reports are replaced,
//! each by a rename.

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
/// Held while `CURRENT` is changed.
const LOCK: &str = ".CURRENT.lock";
/// Held shared while a checkpoint is published.
const PUBLICATION_LOCK: &str = ".publish.lock";
/// Prefix of a checkpoint's folder while it is being written.
const UNPUBLISHED: &str = ".publish-";
/// How many promoted checkpoints `CURRENT` remembers.
const HISTORY: usize = 50;

/// The checkpoints under an artifacts folder.
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
}

/// A trained network that is about to become a checkpoint.
pub struct Draft<'a> {
    /// Its name.
    pub id: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The network's shape.
    pub network_config: NetworkConfig,
    /// The trained network.
    pub network: &'a Network,
    /// The label of each output.
    pub labels: Vec<String>,
    /// What logits are divided by before softmax; above 0.
    pub temperature: f32,
    /// Where readings become doubtful.
    pub thresholds: Thresholds,
    /// The full training config.
    pub training: serde_json::Value,
    /// The data trained on.
    pub datasets: Vec<DatasetRecord>,
    /// The results.
    pub metrics: Metrics,
    /// Each epoch of the run.
    pub epochs: &'a [EpochMetrics],
    /// The checkpoint that training started from.
    pub parent: Option<String>,
    /// The repository's commit.
    pub git_revision: Option<String>,
    /// Further files of the run: name and content.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Registry {
    /// The registry under `artifacts`. Nothing is read or made yet.
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

    /// The ids of all published checkpoints, in order. Not one is read.
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

    /// Reads and checks a checkpoint's manifest, not its weights.
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

    /// A fine-tuned checkpoint's comparison with its parent. `None` if it was trained
    /// from scratch.
    pub fn comparison(&self, id: &str) -> Result<Option<Comparison>, RegistryError> {
        let Some(bytes) = self.file(id, COMPARISON_FILE)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| RegistryError::BadFile {
            id: id.to_owned(),
            file: COMPARISON_FILE,
            reason: error.to_string(),
        })
    }

    /// The epochs of the run that made a checkpoint.
    pub fn epochs(&self, id: &str) -> Result<Vec<EpochMetrics>, RegistryError> {
        let bytes = self.file(id, METRICS_FILE)?.unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|error| {
            let reason = error.to_string();
            RegistryError::BadFile { id: id.to_owned(), file: METRICS_FILE, reason }
        })
    }

    /// A further file of a checkpoint, by its name. `None` if it has none of that name.
    pub fn file(&self, id: &str, name: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        self.manifest(id)?;
        let path = self.folder(id).join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(at("read", &path)),
        }
    }

    /// Reads a checkpoint onto `device`, with everything verified: schema,
    /// checksum, architecture and shapes.
    pub fn load(&self, id: &str, device: &Device) -> Result<Checkpoint, RegistryError> {
        let manifest = self.manifest(id)?;
        let weights = self.weights(&manifest)?;
        Ok(Checkpoint::verify(manifest, weights, device)?)
    }

    /// The bytes of a checkpoint's weights, as they were published.
    pub fn weights(&self, manifest: &Manifest) -> Result<Vec<u8>, RegistryError> {
        let path = self.folder(&manifest.id).join(WEIGHTS_FILE);
        let bytes = fs::read(&path).map_err(at("read", &path))?;
        manifest.check_weights(&bytes)?;
        Ok(bytes)
    }

    /// Publishes a checkpoint: all of it or nothing. Returns its manifest.
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

    /// Publishes a checkpoint that was made elsewhere, under the id of its manifest: all of
    /// it or nothing, and only if it is whole. `files` are all but the manifest.
    pub fn adopt(
        &self,
        manifest: &Manifest,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RegistryError> {
        check_names(&files, &manifest.id)?;
        // As it will be read.
        let manifest = Manifest::parse(&manifest.id, &to_json(manifest))?;
        let weights = files.iter().find(|(name, _)| name == WEIGHTS_FILE);
        let weights = weights.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        Checkpoint::verify(manifest.clone(), weights, &Device::flex())?;
        self.write_folder(&manifest, files)
    }

    /// Writes a checkpoint's folder under a name that nobody reads, and gives it its own.
    fn write_folder(
        &self,
        manifest: &Manifest,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RegistryError> {
        check_id(&manifest.id)?;
        let checkpoints = self.root.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(at("make the folder", &checkpoints))?;
        let final_folder = self.folder(&manifest.id);
        if final_folder.exists() {
            return Err(RegistryError::Exists(manifest.id.clone()));
        }
        files.push((MANIFEST_FILE.to_owned(), to_json(manifest)));
        check_names(&files, &manifest.id)?;
        let _publishing = self.begin_publication()?;
        // The folder removes itself if anything below fails.
        let folder = tempfile::Builder::new()
            .prefix(UNPUBLISHED)
            .tempdir_in(&checkpoints)
            .map_err(at("make a folder in", &checkpoints))?;
        for (name, bytes) in &files {
            let path = folder.path().join(name);
            write_atomically(&path, bytes).map_err(at("write", &path))?;
        }
        let folder = folder.keep();
        open_to_others(&folder).map_err(at("set the permissions of", &folder))?;
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

    /// Keeps [`remove_leftovers`](Self::remove_leftovers) from what is being published, until
    /// it is dropped.
    fn begin_publication(&self) -> Result<File, RegistryError> {
        let path = self.root.join(PUBLICATION_LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock_shared().map_err(at("lock", &path))?;
        Ok(file)
    }

    /// Keeps publications from beginning until it is dropped; `None` if one is under way.
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
    pub fn current(&self) -> Result<String, RegistryError> {
        let path = self.root.join(CURRENT);
        self.history()?.into_iter().next().ok_or(RegistryError::NothingPromoted(path))
    }

    /// The promoted checkpoint and those promoted before it, newest first.
    pub fn history(&self) -> Result<Vec<String>, RegistryError> {
        let path = self.root.join(CURRENT);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text
                .lines()
                .map(|line| line.trim().to_owned())
                .filter(|l| !l.is_empty())
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(at("read", &path)(error)),
        }
    }

    /// Makes a checkpoint the promoted one. Its manifest is checked; its
    /// weights are the business of whoever loads it.
    pub fn promote(&self, id: &str) -> Result<(), RegistryError> {
        self.promote_from(id, None)
    }

    /// The same, if `from` is still the promoted one (where it is given):
    /// whoever decided with another in mind should decide anew.
    pub fn promote_from(&self, id: &str, from: Option<&str>) -> Result<(), RegistryError> {
        let _alone = self.lock()?;
        // Under the lock: it may just have been removed.
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

    /// The checkpoint that [`roll_back`](Self::roll_back) would promote.
    pub fn previous(&self) -> Result<String, RegistryError> {
        self.history()?.into_iter().nth(1).ok_or(RegistryError::NothingToRollBackTo)
    }

    /// Makes the checkpoint that was promoted before this one the promoted one
    /// again, and returns its id; only if `from` is promoted, where it is given.
    pub fn roll_back(&self, from: Option<&str>) -> Result<String, RegistryError> {
        let _alone = self.lock()?;
        let history = self.history()?;
        expect_promoted(&history, from)?;
        let [_, previous, ..] = history.as_slice() else {
            return Err(RegistryError::NothingToRollBackTo);
        };
        self.manifest(previous)?;
        self.write_history(&history[1..])?;
        Ok(previous.clone())
    }

    /// Keeps other processes from changing `CURRENT` until it is dropped.
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

/// Whether `expected`, if given, is the promoted one of a history.
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

/// No name leads out of the folder, and no file takes the place of another one, also where
/// a disk does not tell A from a.
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

/// Temporary folders are private to their owner; published ones are not.
fn open_to_others(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    sync_folder(folder)
}

fn at<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io { action, path: path.to_owned(), source }
}
