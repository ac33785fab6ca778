//! The folder of a copy: which store it is a copy of, and which server uses it.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
};

use glyphic_runtime::registry::{
    MOST_JSON, Names, Registry, RegistryError, read_bounded, write_atomically,
};
use serde::{Deserialize, Serialize};

use super::error::BucketError;

/// Name of the file in the copy's folder.
const COPIED: &str = ".bucket.json";
/// Name of the file that the server locks whose copy it is.
const LOCK: &str = ".bucket.lock";

/// What a folder is a copy of.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Copied {
    url: String,
    /// The checkpoints that were in the store: one that is missing there now was removed.
    pub ids: BTreeSet<String>,
}

/// Makes the registry's folder the copy of `url`, unless it is something else already. The server
/// owns the copy until the returned lock is dropped.
pub(super) fn claim(url: &str, registry: &Registry) -> Result<File, BucketError> {
    let url = url.trim_end_matches('/');
    let root = registry.root();
    fs::create_dir_all(root).map_err(at("create the folder", root.to_owned()))?;
    let path = root.join(LOCK);
    let lock = File::create(&path).map_err(at("write", path.clone()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(BucketError::InUse(root.to_owned())),
        Err(TryLockError::Error(error)) => return Err(at("lock", path)(error)),
    }
    let copied = read(registry)?;
    if copied.url == url {
        return Ok(lock);
    }
    let empty = registry.names()? == Names::default() && registry.ids()?.is_empty();
    if !copied.url.is_empty() || !empty {
        return Err(BucketError::OtherCopy { folder: root.to_owned(), of: copied.url });
    }
    write(registry, &Copied { url: url.to_owned(), ids: BTreeSet::new() })?;
    Ok(lock)
}

/// Reads what the folder is a copy of.
pub(super) fn read(registry: &Registry) -> Result<Copied, BucketError> {
    let path = registry.root().join(COPIED);
    match read_bounded(&path, MOST_JSON) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Copied::default()),
        bytes => {
            let bytes = bytes.map_err(at("read", path.clone()))?;
            serde_json::from_slice(&bytes).map_err(|error| at("read", path)(error.into()))
        }
    }
}

/// Writes what the folder is a copy of.
pub(super) fn write(registry: &Registry, copied: &Copied) -> Result<(), BucketError> {
    let path = registry.root().join(COPIED);
    let bytes = serde_json::to_vec_pretty(copied).unwrap_or_default();
    write_atomically(&path, &bytes).map_err(at("write", path))
}

/// An error of the file system.
pub(super) fn at(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> BucketError {
    move |source| RegistryError::Io { action, path, source }.into()
}
