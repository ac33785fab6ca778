//! The rule for which samples are held back from training, to measure what was learned.

/// One sample in so many of a kind is held back.
const ONE_IN: i64 = 5;

/// Whether the next sample of its kind is held back, after `before` others of that kind. It is
/// the second, then every fifth after it: the first one of a kind is worth most in training, and
/// there should soon be one to check on.
pub fn is_held_back(before: i64) -> bool {
    before % ONE_IN == 1
}
