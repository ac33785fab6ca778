//! Random numbers that follow from the seed and the moment alone, so that a resumed run draws
//! what an uninterrupted one would have drawn.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// What random numbers are drawn for; each purpose has a stream of its own.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// The order of the examples, by epoch.
    Order = 1,
    /// The augmentation, by step.
    Augmentation = 2,
    /// The choice of examples that are replayed, once a run.
    Replay = 3,
    /// The variations of a sample in fine-tuning, by sample.
    Variation = 4,
    /// Synthetic handwriting of the labels, by picture.
    Synthetic = 5,
    /// The settings of a random sweep, by combination.
    Sweep = 6,
    /// Negatives, by picture.
    Negatives = 7,
    /// The changes of pictures in the robustness test, by picture.
    Robustness = 8,
    /// Numbers whose digits touch, by number.
    Touching = 9,
    /// The changes of held-back examples that thresholds are fitted on.
    Calibration = 10,
}

/// The random numbers for one purpose at one moment of a run. There is no
/// generator state to save: the moment is the state.
pub fn rng(seed: u64, purpose: Purpose, moment: u64) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    bytes[16..24].copy_from_slice(&moment.to_le_bytes());
    StdRng::from_seed(bytes)
}

/// A number uniformly distributed between −1 and 1.
pub(crate) fn signed(rng: &mut impl Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}
