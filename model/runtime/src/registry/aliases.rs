//! Aliases, which name a checkpoint, and pins, which keep one from being pruned.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The alias of the promoted checkpoint. It cannot be given to another one.
pub const STABLE: &str = "stable";
/// The alias of the checkpoint that may be promoted next.
pub const CANDIDATE: &str = "candidate";

/// Aliases and pins: the content of `artifacts/MARKS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aliases {
    /// The checkpoint that each alias names; `labels` in older files.
    #[serde(alias = "labels")]
    pub aliases: BTreeMap<String, String>,
    /// The checkpoints that are never pruned.
    pub pins: BTreeSet<String>,
}

impl Aliases {
    /// The aliases of a checkpoint.
    pub fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        self.aliases.iter().filter(move |(_, named)| *named == id).map(|(alias, _)| alias.as_str())
    }

    /// Which of `ids` (newest first) may be removed if the newest `keep` of them stay. Checkpoints
    /// that are pinned, have an alias, are promoted, would be promoted by a roll-back, or are in
    /// `used` are never among them. `history` has the promoted checkpoint first.
    pub fn removable(
        &self,
        ids: &[String],
        keep: usize,
        history: &[String],
        used: &[String],
    ) -> Vec<String> {
        let needed = |id: &String| {
            self.pins.contains(id)
                || self.aliases.values().any(|named| named == id)
                || history.iter().take(2).any(|promoted| promoted == id)
                || used.contains(id)
        };
        ids.iter().skip(keep).filter(|id| !needed(id)).cloned().collect()
    }
}

/// Whether a text can be an alias: 1 to 32 lower-case ASCII letters, digits and dashes.
pub fn is_alias(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn checkpoints_that_are_needed_are_not_removable() {
        let aliases = Aliases {
            aliases: [("candidate".to_owned(), "e".to_owned())].into(),
            pins: ["f".to_owned()].into(),
        };
        // Newest first; c is promoted, d was promoted before it, and g long ago.
        let all = ids(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        let history = ids(&["c", "d", "g"]);
        assert_eq!(aliases.removable(&all, 0, &history, &ids(&["h"])), ["a", "b", "g"]);
        assert_eq!(aliases.removable(&all, 1, &history, &[]), ["b", "g", "h"]);
        assert!(aliases.removable(&all, 8, &history, &[]).is_empty());
    }

    #[test]
    fn older_files_are_read() {
        let old = r#"{"labels": {"candidate": "e"}, "pins": ["f"]}"#;
        let aliases: Aliases = serde_json::from_str(old).unwrap_or_default();
        let expected = Aliases {
            aliases: [("candidate".to_owned(), "e".to_owned())].into(),
            pins: ["f".to_owned()].into(),
        };
        assert_eq!(aliases, expected);
        let written = serde_json::to_string(&aliases).unwrap_or_default();
        assert_eq!(written, r#"{"aliases":{"candidate":"e"},"pins":["f"]}"#);
    }

    #[test]
    fn an_alias_is_short_and_plain() {
        assert!(is_alias("candidate") && is_alias("2026-11"));
        assert!(!is_alias("") && !is_alias("a/b") && !is_alias("Ä") && !is_alias(&"a".repeat(33)));
    }
}
