//! The folder of checkpoints, and which of them is promoted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use burn::tensor::Device;

use super::{
    COMPARISON_FILE, Checkpoint, CheckpointError, Comparison, DatasetRecord, EpochMetrics,
    MANIFEST_FILE, METRICS_FILE, Manifest, Metrics, SCHEMA, WEIGHTS_FILE, WeightsRecord, sha256,
    weights::weights_to_bytes, write::sync_folder, write_atomically,
};
use crate::{
    glyph::PREPROCESSING_VERSION,
    network::{Network, NetworkConfig},
    verdict::Thresholds,
};

const CHECKPOINTS: &str = "checkpoints";
pub(super) const CURRENT: &str = "CURRENT";
/// Held while `CURRENT` is changed.
const LOCK: &str = ".CURRENT.lock";
/// Prefix of a checkpoint's folder while it is being written.
pub(super) const UNPUBLISHED: &str = ".publish-";
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
    pub fn ids(&self) -> Result<Vec<String>, CheckpointError> {
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
    pub fn manifest(&self, id: &str) -> Result<Manifest, CheckpointError> {
        check_id(id)?;
        let path = self.folder(id).join(MANIFEST_FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.root.join(CHECKPOINTS);
                return Err(CheckpointError::NotFound { id: id.to_owned(), folder });
            }
            bytes => bytes.map_err(at("read", &path))?,
        };
        Manifest::parse(id, &bytes)
    }

    /// A taught checkpoint's comparison with its parent. `None` if it was not
    /// taught.
    pub fn comparison(&self, id: &str) -> Result<Option<Comparison>, CheckpointError> {
        let Some(bytes) = self.file(id, COMPARISON_FILE)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| CheckpointError::BadManifest {
            id: id.to_owned(),
            reason: format!("{COMPARISON_FILE}: {error}"),
        })
    }

    /// The epochs of the run that made a checkpoint.
    pub fn epochs(&self, id: &str) -> Result<Vec<EpochMetrics>, CheckpointError> {
        let bytes = self.file(id, METRICS_FILE)?.unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|error| {
            let reason = format!("{METRICS_FILE}: {error}");
            CheckpointError::BadManifest { id: id.to_owned(), reason }
        })
    }

    /// A further file of a checkpoint, by its name. `None` if it has none of that name.
    pub fn file(&self, id: &str, name: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        self.manifest(id)?;
        let path = self.folder(id).join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(at("read", &path)),
        }
    }

    /// Reads a checkpoint onto `device`, with everything verified: schema,
    /// checksum, architecture and shapes.
    pub fn load(&self, id: &str, device: &Device) -> Result<Checkpoint, CheckpointError> {
        let manifest = self.manifest(id)?;
        let weights = self.weights(&manifest)?;
        Checkpoint::verify(manifest, weights, device)
    }

    /// The bytes of a checkpoint's weights, as they were published.
    pub fn weights(&self, manifest: &Manifest) -> Result<Vec<u8>, CheckpointError> {
        let path = self.folder(&manifest.id).join(WEIGHTS_FILE);
        let bytes = fs::read(&path).map_err(at("read", &path))?;
        manifest.check_weights(&bytes)?;
        Ok(bytes)
    }

    /// Publishes a checkpoint: all of it or nothing. Returns its manifest.
    pub fn publish(&self, draft: Draft<'_>) -> Result<Manifest, CheckpointError> {
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
    ) -> Result<(), CheckpointError> {
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
    ) -> Result<(), CheckpointError> {
        check_id(&manifest.id)?;
        let checkpoints = self.root.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(at("make the folder", &checkpoints))?;
        let final_folder = self.folder(&manifest.id);
        if final_folder.exists() {
            return Err(CheckpointError::Exists(manifest.id.clone()));
        }
        files.push((MANIFEST_FILE.to_owned(), to_json(manifest)));
        check_names(&files, &manifest.id)?;
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
                    CheckpointError::Exists(manifest.id.clone())
                }
                _ => at("rename", &folder)(error),
            });
        }
        sync_folder(&checkpoints).map_err(at("sync", &checkpoints))
    }

    /// The promoted checkpoint's id.
    pub fn current(&self) -> Result<String, CheckpointError> {
        let path = self.root.join(CURRENT);
        self.history()?.into_iter().next().ok_or(CheckpointError::NothingPromoted(path))
    }

    /// The promoted checkpoint and those promoted before it, newest first.
    pub fn history(&self) -> Result<Vec<String>, CheckpointError> {
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
    pub fn promote(&self, id: &str) -> Result<(), CheckpointError> {
        self.promote_from(id, None)
    }

    /// The same, if `from` is still the promoted one (where it is given):
    /// whoever decided with another in mind should decide anew.
    pub fn promote_from(&self, id: &str, from: Option<&str>) -> Result<(), CheckpointError> {
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
    pub fn previous(&self) -> Result<String, CheckpointError> {
        self.history()?.into_iter().nth(1).ok_or(CheckpointError::NothingToRollBackTo)
    }

    /// Makes the checkpoint that was promoted before this one the promoted one
    /// again, and returns its id; only if `from` is promoted, where it is given.
    pub fn roll_back(&self, from: Option<&str>) -> Result<String, CheckpointError> {
        let _alone = self.lock()?;
        let history = self.history()?;
        expect_promoted(&history, from)?;
        let [_, previous, ..] = history.as_slice() else {
            return Err(CheckpointError::NothingToRollBackTo);
        };
        self.manifest(previous)?;
        self.write_history(&history[1..])?;
        Ok(previous.clone())
    }

    /// Keeps other processes from changing `CURRENT` until it is dropped.
    pub(super) fn lock(&self) -> Result<File, CheckpointError> {
        let path = self.root.join(LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock().map_err(at("lock", &path))?;
        Ok(file)
    }

    pub(super) fn write_history(&self, history: &[String]) -> Result<(), CheckpointError> {
        let path = self.root.join(CURRENT);
        write_atomically(&path, format!("{}\n", history.join("\n")).as_bytes())
            .map_err(at("write", &path))
    }
}

/// Whether `expected`, if given, is the promoted one of a history.
fn expect_promoted(history: &[String], expected: Option<&str>) -> Result<(), CheckpointError> {
    let found = history.first().cloned().unwrap_or_default();
    match expected.filter(|expected| *expected != found) {
        Some(expected) => {
            Err(CheckpointError::PromotedMeanwhile { expected: expected.to_owned(), found })
        }
        None => Ok(()),
    }
}

/// Whether a text could be a checkpoint's id, or the name of one of its files.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.chars().all(allowed)
}

fn check_id(id: &str) -> Result<(), CheckpointError> {
    match is_id(id) {
        true => Ok(()),
        false => Err(CheckpointError::BadId(id.chars().take(80).collect())),
    }
}

/// No name leads out of the folder, and no file takes the place of another one, also where
/// a disk does not tell A from a.
fn check_names(files: &[(String, Vec<u8>)], id: &str) -> Result<(), CheckpointError> {
    let mut names: Vec<String> = files.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0]);
    let bad = files.iter().map(|(name, _)| name).find(|name| check_id(name).is_err()).or(twice);
    bad.map_or(Ok(()), |name| {
        let reason =
            format!("a checkpoint has no file '{}'", name.chars().take(80).collect::<String>());
        Err(CheckpointError::BadManifest { id: id.to_owned(), reason })
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

pub(super) fn at<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> CheckpointError + 'a {
    move |source| CheckpointError::Io { action, path: path.to_owned(), source }
}
