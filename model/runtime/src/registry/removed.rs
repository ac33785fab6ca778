//! Removed checkpoints: they are put aside for a day, in which they can be restored.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    error::{RegistryError, at},
    folder::Registry,
    id::is_id,
    publish::UNPUBLISHED,
};

/// How long a removed checkpoint can be restored.
pub const RESTORABLE: Duration = Duration::from_secs(24 * 60 * 60);
/// The folder of a removed checkpoint is `.removed-MILLISECONDS-ID`, with the time of its removal
/// since 1970.
const REMOVED: &str = ".removed-";

impl Registry {
    /// Removes a checkpoint, even if it has aliases or a pin. Does nothing if it does not exist.
    ///
    /// # Errors
    /// Its folder cannot be renamed, or the folder of checkpoints cannot be read.
    pub fn remove(&self, id: &str) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
        if is_id(id) && self.folder(id).exists() {
            self.put_aside(id)?;
        }
        self.sweep()
    }

    /// Restores a checkpoint that was removed; of several with its id the one that was removed last.
    ///
    /// # Errors
    /// None was removed within the last day, or there is a checkpoint with its id.
    pub fn restore(&self, id: &str) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
        let removed = self.removed()?.into_iter().filter(|removed| removed.id == id);
        let Some(last) = removed.max_by_key(|removed| removed.at) else {
            return Err(RegistryError::NotRemoved(id.to_owned()));
        };
        let folder = self.folder(id);
        if folder.exists() {
            return Err(RegistryError::Exists(id.to_owned()));
        }
        fs::rename(&last.folder, &folder).map_err(at("restore", &folder))
    }

    /// The ids of the checkpoints that can be restored, in alphabetical order.
    ///
    /// # Errors
    /// The folder of checkpoints cannot be read.
    pub fn restorable(&self) -> Result<Vec<String>, RegistryError> {
        let mut ids: Vec<String> = self.removed()?.into_iter().map(|removed| removed.id).collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Deletes removed checkpoints whose day is over, and what killed processes left behind:
    /// checkpoints that were never completely written. Call it when a program starts.
    ///
    /// # Errors
    /// The folder of checkpoints cannot be read or locked.
    pub fn remove_leftovers(&self) -> Result<(), RegistryError> {
        if !self.folder("").exists() {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.sweep()
    }

    /// Renames a checkpoint's folder, so that the checkpoint is gone in one step even if the
    /// process is killed.
    pub(super) fn put_aside(&self, id: &str) -> Result<(), RegistryError> {
        let folder = self.folder(id);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let aside = folder.with_file_name(format!("{REMOVED}{}-{id}", now.as_millis()));
        fs::rename(&folder, &aside).map_err(at("remove", &folder))
    }

    /// Deletes the removed checkpoints whose day is over and, unless a publication is in progress,
    /// those that were never published.
    pub(super) fn sweep(&self) -> Result<(), RegistryError> {
        // If a folder cannot be deleted, the next call tries again.
        for removed in self.removed()?.iter().filter(|removed| removed.is_over()) {
            let _ = fs::remove_dir_all(&removed.folder);
        }
        // Held until the end, so that no publication begins in the meantime.
        let Some(_none_publishing) = self.lock_out_publications()? else { return Ok(()) };
        for name in self.hidden()?.iter().filter(|name| name.starts_with(UNPUBLISHED)) {
            let _ = fs::remove_dir_all(self.folder(name));
        }
        Ok(())
    }

    fn removed(&self) -> Result<Vec<Removed>, RegistryError> {
        let removed = |name: &String| Removed::of(name, self.folder(name));
        Ok(self.hidden()?.iter().filter_map(removed).collect())
    }

    /// The names in the folder of checkpoints that begin with a dot.
    fn hidden(&self) -> Result<Vec<String>, RegistryError> {
        let folder = self.folder("");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("list", &folder))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| name.starts_with('.')).collect())
    }
}

/// A checkpoint that was put aside.
struct Removed {
    id: String,
    at: SystemTime,
    folder: PathBuf,
}

impl Removed {
    /// The one in the folder of this name, if it is such a folder. One of an older program, without
    /// a time, was about to be deleted.
    fn of(name: &str, folder: PathBuf) -> Option<Self> {
        let rest = name.strip_prefix(REMOVED)?;
        let timed = rest.split_once('-').and_then(|(millis, id)| Some((millis.parse().ok()?, id)));
        let (millis, id) = timed.unwrap_or((0, rest));
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH);
        Some(Self { id: id.to_owned(), at, folder })
    }

    /// Whether it can no longer be restored. A clock that was put back makes it stay longer.
    fn is_over(&self) -> bool {
        self.at.elapsed().is_ok_and(|since| since > RESTORABLE)
    }
}
