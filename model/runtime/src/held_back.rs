//! Which samples are held back from training, to measure what was learned. The server applies this
//! rule to samples as they arrive, and the trainer to sample files that do not state it.

use std::collections::HashMap;

/// One in this many samples of a kind is held back.
const ONE_IN: u64 = 5;

/// What samples of one kind have in common. It has both parts so that each kind of mistake is
/// trained on and measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// What they show.
    pub label: String,
    /// The label that the network read when they came; empty if nothing says so.
    pub prediction: String,
}

/// Decides which samples are held back, by counting those of each kind.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    counts: HashMap<Kind, u64>,
}

impl HeldBack {
    /// Whether it has counted samples of this kind.
    pub fn has_counted(&self, kind: &Kind) -> bool {
        self.counts.contains_key(kind)
    }

    /// Continues from this number of samples of a kind that were there before.
    pub fn continue_from(&mut self, kind: Kind, before: u64) {
        self.counts.insert(kind, before);
    }

    /// Counts the next sample of a kind, and says whether it is held back: as `stated`, if that is
    /// given, otherwise by the rule.
    pub fn count(&mut self, kind: Kind, stated: Option<bool>) -> bool {
        let count = self.counts.entry(kind).or_default();
        let before = std::mem::replace(count, *count + 1);
        stated.unwrap_or(is_held_back(before))
    }
}

/// Whether a sample is held back, given the number of samples of its kind before it. The second
/// one is, and every fifth one after it: the first sample of a kind is worth the most in training,
/// and early samples are needed to measure with too.
fn is_held_back(before: u64) -> bool {
    before % ONE_IN == 1
}
