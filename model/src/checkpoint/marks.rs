//! What people say of checkpoints: labels that name them, pins that keep them; and which
//! of them may go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The label of whatever is promoted. Nobody else may bear it.
pub const STABLE: &str = "stable";
/// The label of what may be promoted next.
pub const CANDIDATE: &str = "candidate";

/// Labels and pins: the content of `artifacts/MARKS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// Which checkpoint a label names.
    pub labels: BTreeMap<String, String>,
    /// Checkpoints that are never removed.
    pub pins: BTreeSet<String>,
}

impl Marks {
    /// The labels of a checkpoint.
    pub fn labels_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        self.labels.iter().filter(move |(_, named)| *named == id).map(|(label, _)| label.as_str())
    }

    /// Which of `ids`, newest first, may go if the newest `keep` of them stay: none that is
    /// pinned, labelled, promoted, what a roll-back goes to, or in `used`.
    pub fn removable(
        &self,
        ids: &[String],
        keep: usize,
        history: &[String],
        used: &[String],
    ) -> Vec<String> {
        let needed = |id: &String| {
            self.pins.contains(id)
                || self.labels.values().any(|named| named == id)
                || history.iter().take(2).any(|promoted| promoted == id)
                || used.contains(id)
        };
        ids.iter().skip(keep).filter(|id| !needed(id)).cloned().collect()
    }
}

/// Whether a text can be a label: 1 to 32 lower-case letters, digits and dashes.
pub fn is_label(text: &str) -> bool {
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
    fn what_is_needed_stays_and_the_rest_goes_oldest_first() {
        let marks = Marks {
            labels: [("candidate".to_owned(), "e".to_owned())].into(),
            pins: ["f".to_owned()].into(),
        };
        // Newest first; c is promoted, d was before it, g long ago.
        let all = ids(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        let history = ids(&["c", "d", "g"]);
        assert_eq!(marks.removable(&all, 0, &history, &ids(&["h"])), ["a", "b", "g"]);
        assert_eq!(marks.removable(&all, 1, &history, &[]), ["b", "g", "h"]);
        assert!(marks.removable(&all, 8, &history, &[]).is_empty());
    }

    #[test]
    fn a_label_is_short_and_plain() {
        assert!(is_label("candidate") && is_label("2026-11"));
        assert!(!is_label("") && !is_label("a/b") && !is_label("Ä") && !is_label(&"a".repeat(33)));
    }
}
