//! A registry that is a copy of one kept elsewhere: which checkpoint is promoted and what is
//! said of them comes from there, as whole files.

use std::{fs, io};

use super::{
    CheckpointError, Marks, Registry, curate::MARKS, registry::CURRENT, registry::at,
    write_atomically,
};

/// `CURRENT` and `MARKS`, as they are; `None` for one that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of `CURRENT`: the promoted checkpoint and those before it, one a line.
    pub current: Option<Vec<u8>>,
    /// Of `MARKS`: labels and pins, as JSON.
    pub marks: Option<Vec<u8>>,
}

impl Names {
    /// The files, by their names.
    pub fn files(&self) -> [(&'static str, &Option<Vec<u8>>); 2] {
        [(CURRENT, &self.current), (MARKS, &self.marks)]
    }

    /// What is promoted.
    pub fn promoted(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.current.as_deref().unwrap_or_default());
        text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }

    /// The checkpoints that must be there: what is promoted, labelled or pinned.
    pub fn needed(&self) -> Vec<String> {
        let marks: Marks =
            serde_json::from_slice(self.marks.as_deref().unwrap_or_default()).unwrap_or_default();
        let named = marks.labels.into_values().chain(marks.pins);
        let mut needed: Vec<_> = self.promoted().into_iter().chain(named).collect();
        needed.sort();
        needed.dedup();
        needed
    }
}

impl Registry {
    /// Which checkpoint is promoted and what is said of all, as files.
    pub fn names(&self) -> Result<Names, CheckpointError> {
        let read = |name| {
            let path = self.root().join(name);
            match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                bytes => bytes.map(Some).map_err(at("read", &path)),
            }
        };
        Ok(Names { current: read(CURRENT)?, marks: read(MARKS)? })
    }

    /// Puts these in the place of what is there.
    pub fn set_names(&self, names: &Names) -> Result<(), CheckpointError> {
        let _alone = self.lock()?;
        let present = self.names()?;
        for ((name, new), (_, old)) in names.files().into_iter().zip(present.files()) {
            if new == old {
                continue;
            }
            let path = self.root().join(name);
            match new {
                Some(bytes) => write_atomically(&path, bytes).map_err(at("write", &path))?,
                None => fs::remove_file(&path).map_err(at("remove", &path))?,
            }
        }
        Ok(())
    }
}
