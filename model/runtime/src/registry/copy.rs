//! For a registry that is a copy of one kept elsewhere: the promoted checkpoint, aliases and pins
//! come from there as whole files.

use std::{collections::BTreeSet, fs};

use super::{
    aliases::Aliases,
    error::{RegistryError, at},
    folder::{Registry, content},
    history::CURRENT,
    id::is_id,
    retention::MARKS,
    write::write_atomically,
};
use crate::text;

/// The contents of `CURRENT` and `MARKS`; `None` for a file that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The content of `CURRENT`: the promoted checkpoint and those promoted before it, one per
    /// line.
    pub current: Option<Vec<u8>>,
    /// The content of `MARKS`: aliases and pins as JSON.
    pub aliases: Option<Vec<u8>>,
}

impl Names {
    /// The name and content of each file.
    pub fn files(&self) -> [(&'static str, &Option<Vec<u8>>); 2] {
        [(CURRENT, &self.current), (MARKS, &self.aliases)]
    }

    /// The promoted checkpoint and those promoted before it, newest first.
    pub fn history(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.current.as_deref().unwrap_or_default());
        text::lines(&text).map(|(_, line)| line.trim().to_owned()).collect()
    }

    /// The checkpoints that must exist: the promoted one, the one that a roll-back would promote,
    /// and those with an alias or a pin.
    pub fn needed(&self) -> BTreeSet<String> {
        let aliases: Aliases =
            text::json(self.aliases.as_deref().unwrap_or_default()).unwrap_or_default();
        let named = aliases.aliases.into_values().chain(aliases.pins);
        self.history().into_iter().take(2).chain(named).collect()
    }

    /// Checks that a registry could use these files.
    ///
    /// # Errors
    /// A message that names the damaged file.
    pub fn check(&self) -> Result<(), String> {
        let text = text::text(self.current.as_deref().unwrap_or_default());
        if text.is_err() || !self.history().iter().all(|id| is_id(id)) {
            return Err(format!("{CURRENT} is not a list of checkpoint ids"));
        }
        let aliases = self.aliases.as_deref().map(text::json::<Aliases>);
        match aliases {
            Some(Err(error)) => Err(format!("{MARKS}: {error}")),
            _ => Ok(()),
        }
    }
}

impl Registry {
    /// The promoted checkpoint, aliases and pins, as files.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn names(&self) -> Result<Names, RegistryError> {
        let root = self.root();
        let current = content(&root.join(CURRENT), |reason| self.bad_current(reason))?;
        let aliases = content(&root.join(MARKS), |reason| self.bad_aliases(reason))?;
        Ok(Names { current, aliases })
    }

    /// Replaces the promoted checkpoint, aliases and pins by these.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn set_names(&self, names: &Names) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
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

    fn names(current: &[u8], aliases: &[u8]) -> Names {
        Names { current: Some(current.to_owned()), aliases: Some(aliases.to_owned()) }
    }

    #[test]
    fn check_names_the_file_that_a_registry_cannot_use() {
        let aliases = br#"{"aliases": {"candidate": "d"}, "pins": ["e"]}"#;
        let good = names(b"a\n b \n\nc\n", aliases);
        assert_eq!(good.check(), Ok(()));
        // As Windows' editor saves them.
        let marked = names(b"\xef\xbb\xbfa\r\nb\r\n", &[b"\xef\xbb\xbf", &aliases[..]].concat());
        assert_eq!(marked.check(), Ok(()));
        assert_eq!(marked.history(), ["a", "b"]);
        assert_eq!(marked.needed().into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
        assert_eq!(Names::default().check(), Ok(()));
        assert_eq!(good.history(), ["a", "b", "c"]);
        assert_eq!(good.needed().into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
        for (bad, file) in [
            (names(b"../../x\n", aliases), "CURRENT"),
            (names(b"a\n\xff\n", aliases), "CURRENT"),
            (names(b"\xff\xfea\0\n\0", aliases), "CURRENT"),
            (names(b"<html>", aliases), "CURRENT"),
            (names(b"a\n", b"<html>"), "MARKS"),
        ] {
            let error = bad.check().err().unwrap_or_default();
            assert!(error.contains(file), "'{error}' does not name '{file}'");
        }
    }
}
