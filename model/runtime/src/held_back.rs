//! Which samples are held back from training, to measure what was learned. The server applies this
//! rule to samples as they arrive, and the trainer to sample files that do not state it.

/// One in this many samples of a kind is held back.
const ONE_IN: u64 = 5;

/// Whether a sample is held back, given the number of samples of its kind before it. The second
/// one is, and every fifth one after it: the first sample of a kind is worth the most in training,
/// and early samples are needed to measure with too.
pub fn is_held_back(before: u64) -> bool {
    before % ONE_IN == 1
}
