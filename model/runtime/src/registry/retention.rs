//! The registry's aliases and pins, and retention: which checkpoints may be removed.

use std::{fs, io};

use super::{
    Aliases, Registry, RegistryError, STABLE, UNPUBLISHED, at, is_alias, is_id, write_atomically,
};

/// The file with aliases and pins.
pub(super) const MARKS: &str = "MARKS";
/// Prefix of a checkpoint's folder while it is being removed.
const REMOVED: &str = ".removed-";

impl Registry {
    /// Aliases and pins. An alias may name a checkpoint that is gone.
    pub fn aliases(&self) -> Result<Aliases, RegistryError> {
        let path = self.root().join(MARKS);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Aliases::default()),
            bytes => bytes.map_err(at("read", &path))?,
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::BadAliases { path, reason: error.to_string() })
    }

    /// Gives an alias to a checkpoint, whichever had it before.
    pub fn set_alias(&self, alias: &str, id: &str) -> Result<(), RegistryError> {
        if !is_alias(alias) || alias == STABLE {
            return Err(RegistryError::BadAlias(alias.chars().take(40).collect()));
        }
        self.change_aliases(|aliases| {
            // An alias that is an id would never be looked up.
            match self.manifest(alias) {
                Err(RegistryError::NotFound { .. }) => self.manifest(id)?,
                _ => return Err(RegistryError::BadAlias(alias.to_owned())),
            };
            aliases.aliases.insert(alias.to_owned(), id.to_owned());
            Ok(())
        })
    }

    /// Removes an alias; whether it was there.
    pub fn remove_alias(&self, alias: &str) -> Result<bool, RegistryError> {
        let mut was_there = false;
        self.change_aliases(|aliases| {
            was_there = aliases.aliases.remove(alias).is_some();
            Ok(())
        })?;
        Ok(was_there)
    }

    /// Keeps a checkpoint from being removed, or lets it go again.
    pub fn pin(&self, id: &str, pinned: bool) -> Result<(), RegistryError> {
        self.change_aliases(|aliases| {
            self.manifest(id)?;
            match pinned {
                true => aliases.pins.insert(id.to_owned()),
                false => aliases.pins.remove(id),
            };
            Ok(())
        })
    }

    /// The checkpoint of this id or, if there is none, the one that has this alias.
    pub fn resolve(&self, name: &str) -> Result<String, RegistryError> {
        if name == STABLE {
            return self.current();
        }
        if self.ids()?.iter().any(|id| id == name) {
            return Ok(name.to_owned());
        }
        Ok(self.aliases()?.aliases.get(name).cloned().unwrap_or_else(|| name.to_owned()))
    }

    /// Removes what [`Aliases::removable`] allows, of all but the newest `keep` checkpoints;
    /// none of `used`. Returns what is gone. A checkpoint that cannot be read stays: what is
    /// wrong with it may be worth a look.
    pub fn prune(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        // Promotions and aliases wait, so that nothing is removed that just was.
        let _alone = self.lock()?;
        let gone = self.forget_alone(keep, used)?;
        // What one that was killed left would be in the way of the same name.
        self.sweep()?;
        for id in &gone {
            self.doom(id)?;
        }
        self.sweep()?;
        Ok(gone)
    }

    /// What [`prune`](Self::prune) would remove is only struck from the history, so that no
    /// roll-back finds it; the caller removes it.
    pub fn forget(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        let _alone = self.lock()?;
        self.forget_alone(keep, used)
    }

    fn forget_alone(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        let readable = |id: String| self.manifest(&id).ok().map(|manifest| (manifest.created, id));
        let mut newest: Vec<_> = self.ids()?.into_iter().filter_map(readable).collect();
        newest.sort_by(|a, b| b.cmp(a));
        let ids: Vec<String> = newest.into_iter().map(|(_, id)| id).collect();
        let history = self.history()?;
        let gone = self.aliases()?.removable(&ids, keep, &history, used);
        let left: Vec<String> = history.into_iter().filter(|id| !gone.contains(id)).collect();
        if !gone.is_empty() && !left.is_empty() {
            self.write_history(&left)?;
        }
        Ok(gone)
    }

    /// Removes a checkpoint, whatever is said of it; nothing if it is not there.
    pub fn remove(&self, id: &str) -> Result<(), RegistryError> {
        let _alone = self.lock()?;
        self.sweep()?;
        if is_id(id) && self.folder(id).exists() {
            self.doom(id)?;
        }
        self.sweep()
    }

    /// Takes a checkpoint's name from it; [`sweep`](Self::sweep) removes what is left.
    fn doom(&self, id: &str) -> Result<(), RegistryError> {
        let folder = self.folder(id);
        let doomed = folder.with_file_name(format!("{REMOVED}{id}"));
        fs::rename(&folder, &doomed).map_err(at("remove", &folder))
    }

    /// Removes what killed processes left behind: checkpoints that were never published, and
    /// those whose removal was interrupted. To be called when a program starts.
    pub fn remove_leftovers(&self) -> Result<(), RegistryError> {
        if !self.folder("").exists() {
            return Ok(());
        }
        let _alone = self.lock()?;
        self.sweep()
    }

    /// Removes what was renamed to be removed and, unless a publication is under way, what
    /// was never published.
    fn sweep(&self) -> Result<(), RegistryError> {
        let checkpoints = self.folder("");
        let entries = match fs::read_dir(&checkpoints) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(at("list", &checkpoints))?,
        };
        // Held until the end: no publication begins meanwhile.
        let none_publishing = self.lock_out_publications()?;
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let abandoned = name.starts_with(UNPUBLISHED) && none_publishing.is_some();
            if name.starts_with(REMOVED) || abandoned {
                // What cannot be removed now is tried again by the next call.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Changes aliases and pins while nobody promotes or removes.
    fn change_aliases(
        &self,
        change: impl FnOnce(&mut Aliases) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let _alone = self.lock()?;
        let mut aliases = self.aliases()?;
        change(&mut aliases)?;
        let path = self.root().join(MARKS);
        let bytes = serde_json::to_vec_pretty(&aliases).unwrap_or_default();
        write_atomically(&path, &bytes).map_err(at("write", &path))
    }
}
