//! Labels, pins and retention: what is said of checkpoints, and which may go.

use std::{fs, io, time::Duration};

use super::{
    CheckpointError, Marks, Registry, STABLE, is_label,
    registry::{UNPUBLISHED, at, is_id},
    write_atomically,
};

/// The file with labels and pins.
pub(super) const MARKS: &str = "MARKS";
/// Prefix of a checkpoint's folder while it is being removed.
const REMOVED: &str = ".removed-";
/// A checkpoint that was not published within this time never will be: whoever wrote it
/// has been killed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

impl Registry {
    /// Labels and pins. A label may name a checkpoint that is gone.
    pub fn marks(&self) -> Result<Marks, CheckpointError> {
        let path = self.root().join(MARKS);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
            bytes => bytes.map_err(at("read", &path))?,
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| CheckpointError::BadMarks { path, reason: error.to_string() })
    }

    /// Gives a label to a checkpoint, whoever had it before.
    pub fn label(&self, label: &str, id: &str) -> Result<(), CheckpointError> {
        if !is_label(label) || label == STABLE {
            return Err(CheckpointError::BadLabel(label.chars().take(40).collect()));
        }
        self.change_marks(|marks| {
            // A label that is an id would never be looked up.
            match self.manifest(label) {
                Err(CheckpointError::NotFound { .. }) => self.manifest(id)?,
                _ => return Err(CheckpointError::BadLabel(label.to_owned())),
            };
            marks.labels.insert(label.to_owned(), id.to_owned());
            Ok(())
        })
    }

    /// Takes a label away; whether it was there.
    pub fn unlabel(&self, label: &str) -> Result<bool, CheckpointError> {
        let mut was_there = false;
        self.change_marks(|marks| {
            was_there = marks.labels.remove(label).is_some();
            Ok(())
        })?;
        Ok(was_there)
    }

    /// Keeps a checkpoint from being removed, or lets it go again.
    pub fn pin(&self, id: &str, pinned: bool) -> Result<(), CheckpointError> {
        self.change_marks(|marks| {
            self.manifest(id)?;
            match pinned {
                true => marks.pins.insert(id.to_owned()),
                false => marks.pins.remove(id),
            };
            Ok(())
        })
    }

    /// The checkpoint of this id or, if there is none, the one that has this label.
    pub fn resolve(&self, name: &str) -> Result<String, CheckpointError> {
        if name == STABLE {
            return self.current();
        }
        if self.ids()?.iter().any(|id| id == name) {
            return Ok(name.to_owned());
        }
        Ok(self.marks()?.labels.get(name).cloned().unwrap_or_else(|| name.to_owned()))
    }

    /// Removes what [`Marks::removable`] allows, of all but the newest `keep` checkpoints;
    /// none of `used`. Returns what is gone. A checkpoint that cannot be read stays: what is
    /// wrong with it may be worth a look.
    pub fn prune(&self, keep: usize, used: &[String]) -> Result<Vec<String>, CheckpointError> {
        // Whoever promotes or labels waits, so that nothing is removed that just was.
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
    pub fn forget(&self, keep: usize, used: &[String]) -> Result<Vec<String>, CheckpointError> {
        let _alone = self.lock()?;
        self.forget_alone(keep, used)
    }

    fn forget_alone(&self, keep: usize, used: &[String]) -> Result<Vec<String>, CheckpointError> {
        let readable = |id: String| self.manifest(&id).ok().map(|manifest| (manifest.created, id));
        let mut newest: Vec<_> = self.ids()?.into_iter().filter_map(readable).collect();
        newest.sort_by(|a, b| b.cmp(a));
        let ids: Vec<String> = newest.into_iter().map(|(_, id)| id).collect();
        let history = self.history()?;
        let gone = self.marks()?.removable(&ids, keep, &history, used);
        let left: Vec<String> = history.into_iter().filter(|id| !gone.contains(id)).collect();
        if !gone.is_empty() && !left.is_empty() {
            self.write_history(&left)?;
        }
        Ok(gone)
    }

    /// Removes a checkpoint, whatever is said of it; nothing if it is not there.
    pub fn remove(&self, id: &str) -> Result<(), CheckpointError> {
        let _alone = self.lock()?;
        self.sweep()?;
        if is_id(id) && self.folder(id).exists() {
            self.doom(id)?;
        }
        self.sweep()
    }

    /// Takes a checkpoint's name from it; [`sweep`](Self::sweep) removes what is left.
    fn doom(&self, id: &str) -> Result<(), CheckpointError> {
        let folder = self.folder(id);
        let doomed = folder.with_file_name(format!("{REMOVED}{id}"));
        fs::rename(&folder, &doomed).map_err(at("remove", &folder))
    }

    /// Removes what was renamed to be removed, now or by one that was killed meanwhile, and
    /// what was never published.
    fn sweep(&self) -> Result<(), CheckpointError> {
        let checkpoints = self.folder("");
        let entries = match fs::read_dir(&checkpoints) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(at("list", &checkpoints))?,
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
            let abandoned =
                name.starts_with(UNPUBLISHED) && age().is_some_and(|age| age > ABANDONED);
            if name.starts_with(REMOVED) || abandoned {
                // What cannot be removed now is tried again by the next one.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Changes labels and pins while nobody promotes or removes.
    fn change_marks(
        &self,
        change: impl FnOnce(&mut Marks) -> Result<(), CheckpointError>,
    ) -> Result<(), CheckpointError> {
        let _alone = self.lock()?;
        let mut marks = self.marks()?;
        change(&mut marks)?;
        let path = self.root().join(MARKS);
        let bytes = serde_json::to_vec_pretty(&marks).unwrap_or_default();
        write_atomically(&path, &bytes).map_err(at("write", &path))
    }
}
