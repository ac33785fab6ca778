//! A registry that is a copy of one kept elsewhere: which checkpoint is promoted and what is
//! said of them comes from there, as whole files.

use std::{collections::BTreeSet, fs, io};

use super::{
    Aliases, CURRENT, Registry, RegistryError, at, is_id, retention::MARKS, write_atomically,
};

/// `CURRENT` and `MARKS`, as they are; `None` for one that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of `CURRENT`: the promoted checkpoint and those before it, one a line.
    pub current: Option<Vec<u8>>,
    /// Of `MARKS`: aliases and pins, as JSON.
    pub marks: Option<Vec<u8>>,
}

impl Names {
    /// The files, by their names.
    pub fn files(&self) -> [(&'static str, &Option<Vec<u8>>); 2] {
        [(CURRENT, &self.current), (MARKS, &self.marks)]
    }

    /// What is promoted, and what was before it, newest first.
    pub fn history(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.current.as_deref().unwrap_or_default());
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    /// The checkpoints that must be there: what is promoted, what a roll-back goes to, and
    /// what has an alias or a pin.
    pub fn needed(&self) -> BTreeSet<String> {
        let aliases: Aliases =
            serde_json::from_slice(self.marks.as_deref().unwrap_or_default()).unwrap_or_default();
        let named = aliases.aliases.into_values().chain(aliases.pins);
        self.history().into_iter().take(2).chain(named).collect()
    }

    /// Whether a registry could work with these; else what is wrong with which of them.
    pub fn check(&self) -> Result<(), String> {
        let text = std::str::from_utf8(self.current.as_deref().unwrap_or_default());
        if text.is_err() || !self.history().iter().all(|id| is_id(id)) {
            return Err(format!("{CURRENT} is not a list of checkpoints"));
        }
        let marks = self.marks.as_deref().map(serde_json::from_slice::<Aliases>);
        match marks {
            Some(Err(error)) => Err(format!("{MARKS}: {error}")),
            _ => Ok(()),
        }
    }
}

impl Registry {
    /// Which checkpoint is promoted and what is said of all, as files.
    pub fn names(&self) -> Result<Names, RegistryError> {
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
    pub fn set_names(&self, names: &Names) -> Result<(), RegistryError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(current: &[u8], marks: &[u8]) -> Names {
        Names { current: Some(current.to_owned()), marks: Some(marks.to_owned()) }
    }

    #[test]
    fn what_a_registry_cannot_work_with_is_told() {
        let marks = br#"{"labels": {"candidate": "d"}, "pins": ["e"]}"#;
        let good = names(b"a\n b \n\nc\n", marks);
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Names::default().check(), Ok(()));
        assert_eq!(good.history(), ["a", "b", "c"]);
        assert_eq!(good.needed().into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
        for (bad, part) in [
            (names(b"../../x\n", marks), "CURRENT"),
            (names(b"a\n\xff\n", marks), "CURRENT"),
            (names(b"<html>", marks), "CURRENT"),
            (names(b"a\n", b"<html>"), "MARKS"),
        ] {
            let error = bad.check().err().unwrap_or_default();
            assert!(error.contains(part), "'{error}' does not say '{part}'");
        }
    }
}
