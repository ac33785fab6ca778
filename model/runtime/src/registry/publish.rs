//! Publishing: checkpoints are written completely or not at all.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use glyphic_model::checkpoint::{MANIFEST_FILE, METRICS_FILE, Manifest, WEIGHTS_FILE};

use super::{
    error::{RegistryError, at},
    folder::{CHECKPOINTS, Registry},
    id::check_id,
    read::MOST_JSON,
    write::{sync_folder, write_atomically},
};

/// Locked (shared) while a checkpoint is published.
const PUBLICATION_LOCK: &str = ".publish.lock";
/// Prefix of a checkpoint's folder while it is being written.
pub(super) const UNPUBLISHED: &str = ".publish-";

impl Registry {
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
        check_lengths(&files, &manifest.id)?;
        // Checked in the form in which it will be read.
        let manifest = Manifest::parse(&manifest.id, &to_json(manifest))?;
        let weights = files.iter().find(|(name, _)| name == WEIGHTS_FILE);
        let weights = weights.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        manifest.clone().into_classifier(&weights)?;
        self.write_folder(&manifest, files)
    }

    /// Writes a checkpoint's folder under a temporary name, then renames it.
    pub(super) fn write_folder(
        &self,
        manifest: &Manifest,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RegistryError> {
        check_id(&manifest.id)?;
        manifest.check()?;
        let checkpoints = self.root().join(CHECKPOINTS);
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
    /// the checkpoints being published. Any number of publications may hold this lock.
    fn begin_publication(&self) -> Result<File, RegistryError> {
        let path = self.root().join(PUBLICATION_LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        file.lock_shared().map_err(at("lock", &path))?;
        Ok(file)
    }

    /// No publication can begin until the result is dropped. `None` if one is in progress.
    pub(super) fn lock_out_publications(&self) -> Result<Option<File>, RegistryError> {
        let path = self.root().join(PUBLICATION_LOCK);
        let file = File::create(&path).map_err(at("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at("lock", &path)(error)),
        }
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

/// Checks that files of JSON are no longer than they may be where they are read.
fn check_lengths(files: &[(String, Vec<u8>)], id: &str) -> Result<(), RegistryError> {
    let is_json = |name: &str| name.ends_with(".json") || name == METRICS_FILE;
    let is_long = |bytes: &[u8]| bytes.len() as u64 > MOST_JSON;
    match files.iter().find(|(name, bytes)| is_json(name) && is_long(bytes)) {
        None => Ok(()),
        Some((name, _)) => Err(RegistryError::LongFile {
            id: id.to_owned(),
            file: name.clone(),
            mib: MOST_JSON >> 20,
        }),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
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
