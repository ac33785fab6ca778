//! The registry's aliases and pins, and retention: which checkpoints may be removed.

use super::{
    aliases::{Aliases, STABLE, is_alias},
    error::{RegistryError, at},
    folder::{Registry, content},
    write::write_atomically,
};
use crate::text::json;

/// The file with aliases and pins.
pub(super) const MARKS: &str = "MARKS";

impl Registry {
    /// Aliases and pins. An alias may name a checkpoint that no longer exists.
    ///
    /// # Errors
    /// `MARKS` cannot be read.
    pub fn aliases(&self) -> Result<Aliases, RegistryError> {
        let damaged = |reason: &str| self.bad_aliases(reason);
        match content(&self.root().join(MARKS), damaged)? {
            Some(bytes) => json(&bytes).map_err(|error| damaged(&error.to_string())),
            None => Ok(Aliases::default()),
        }
    }

    pub(super) fn bad_aliases(&self, reason: &str) -> RegistryError {
        RegistryError::BadAliases { path: self.root().join(MARKS), reason: reason.to_owned() }
    }

    /// Gives an alias to a checkpoint and takes it from the one that had it before, if any.
    ///
    /// # Errors
    /// The alias is not allowed, there is no such checkpoint, or `MARKS` cannot be written.
    pub fn set_alias(&self, alias: &str, id: &str) -> Result<(), RegistryError> {
        if !is_alias(alias) || alias == STABLE {
            return Err(RegistryError::BadAlias(alias.chars().take(40).collect()));
        }
        self.change_aliases(|aliases| {
            // An alias that equals an id would never be used, because ids are looked up first.
            match self.manifest(alias) {
                Err(RegistryError::NotFound { .. }) => self.manifest(id)?,
                _ => return Err(RegistryError::BadAlias(alias.to_owned())),
            };
            aliases.aliases.insert(alias.to_owned(), id.to_owned());
            Ok(())
        })
    }

    /// Removes an alias. Returns whether it existed.
    ///
    /// # Errors
    /// `MARKS` cannot be read or written.
    pub fn remove_alias(&self, alias: &str) -> Result<bool, RegistryError> {
        let mut existed = false;
        self.change_aliases(|aliases| {
            existed = aliases.aliases.remove(alias).is_some();
            Ok(())
        })?;
        Ok(existed)
    }

    /// Pins a checkpoint, which keeps it from being pruned, or unpins it.
    ///
    /// # Errors
    /// There is no such checkpoint, or `MARKS` cannot be written.
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

    /// The id of the checkpoint with this id or alias; ids come first. A name that is neither is
    /// returned unchanged.
    ///
    /// # Errors
    /// The registry cannot be read, or the name is `stable` and no checkpoint is promoted.
    pub fn resolve(&self, name: &str) -> Result<String, RegistryError> {
        if name == STABLE {
            return self.current();
        }
        if self.ids()?.iter().any(|id| id == name) {
            return Ok(name.to_owned());
        }
        Ok(self.aliases()?.aliases.get(name).cloned().unwrap_or_else(|| name.to_owned()))
    }

    /// The ids of the checkpoints that [`prune`](Self::prune) would remove, newest first.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn prunable(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        let readable = |id: String| self.manifest(&id).ok().map(|manifest| (manifest.created, id));
        let mut newest: Vec<_> = self.ids()?.into_iter().filter_map(readable).collect();
        newest.sort_by(|a, b| b.cmp(a));
        let ids: Vec<String> = newest.into_iter().map(|(_, id)| id).collect();
        Ok(self.aliases()?.removable(&ids, keep, &self.history()?, used))
    }

    /// Removes all but the newest `keep` checkpoints, except those in `used` and those that
    /// [`Aliases::removable`] keeps. Returns the ids of the removed ones, which can be
    /// [restored](Self::restore) for a day. A checkpoint that cannot be read stays, so that its
    /// problem can be examined.
    ///
    /// # Errors
    /// A file or folder cannot be read, written or renamed.
    pub fn prune(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        // The lock is held throughout, so that no checkpoint is promoted or given an alias while it
        // is being removed.
        let _lock = self.lock()?;
        let gone = self.forget_locked(keep, used)?;
        for id in &gone {
            self.put_aside(id)?;
        }
        self.sweep()?;
        Ok(gone)
    }

    /// Deletes the checkpoints that [`prune`](Self::prune) would remove from the history, so that
    /// no roll-back finds them, and returns their ids. The caller removes the checkpoints.
    ///
    /// # Errors
    /// As for [`prune`](Self::prune).
    pub fn forget(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        let _lock = self.lock()?;
        self.forget_locked(keep, used)
    }

    /// [`forget`](Self::forget) without taking the lock.
    fn forget_locked(&self, keep: usize, used: &[String]) -> Result<Vec<String>, RegistryError> {
        let gone = self.prunable(keep, used)?;
        let history = self.history()?.into_iter();
        let left: Vec<String> = history.filter(|id| !gone.contains(id)).collect();
        if !gone.is_empty() && !left.is_empty() {
            self.write_history(&left)?;
        }
        Ok(gone)
    }

    /// Changes aliases and pins under the lock.
    fn change_aliases(
        &self,
        change: impl FnOnce(&mut Aliases) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
        let mut aliases = self.aliases()?;
        change(&mut aliases)?;
        let path = self.root().join(MARKS);
        let bytes = serde_json::to_vec_pretty(&aliases).unwrap_or_default();
        write_atomically(&path, &bytes).map_err(at("write", &path))
    }
}
