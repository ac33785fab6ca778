//! The rule for which samples are held back from training, to measure what was learned. The
//! server applies it to samples as they come, the trainer to files that do not say.

/// Of this many samples of a kind one is held back.
const ONE_IN: u64 = 5;

/// Whether the next sample of its kind is held back, after `before` others of that kind: the
/// second, then every fifth after it. The first one of a kind is worth most in training, and
/// there should soon be one to measure on.
pub fn is_held_back(before: u64) -> bool {
    before % ONE_IN == 1
}
