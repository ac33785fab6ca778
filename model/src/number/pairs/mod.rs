//! Two digits that touch, read at once by a network of their own.
//!
//! Where one digit ends and the next begins can hardly be seen before both are known. So a second,
//! small network looks at what may be a digit cut from its neighbours, or a pair of digits: it says
//! which digit or pair it is, or that it is neither, because something is missing or too much.
//! Networks that were trained on pictures of touching pairs read them better than any rule for cutting
//! them apart: Hochuli, Oliveira, Britto and Sabourin, "Handwritten digit segmentation: is it still
//! necessary?" (2018). What this one says is weighed beside the cuts in the lattice.

mod network;
mod windows;

pub use network::{CLASSES, load, network, to_bytes};
pub use windows::{Window, windows};

use crate::{
    prediction::Prediction,
    preprocess::{Ink, fill},
};

/// Digits.
pub(super) const DIGITS: usize = 10;
/// The network's last output: neither a digit nor a pair.
pub const NEITHER: usize = DIGITS + DIGITS * DIGITS;

/// How many times as frequent parts of digits, and more than two digits, are among all ways to cut a line
/// as among the examples that the network was trained on, compared with digits and pairs.
const PARTS: f32 = 5.0;

/// What the network says of some ink.
#[derive(Clone)]
pub(super) struct SaidOfPair(Prediction);

impl SaidOfPair {
    /// Asks the network. `None` if nothing can be seen.
    pub(super) fn of(ink: &Ink) -> Option<Self> {
        let logits = network::logits(&fill(ink)?);
        let neither = logits.get(NEITHER)?;
        let logits: Vec<f32> = logits[..NEITHER].iter().map(|logit| logit - neither).collect();
        Some(Self(Prediction::of(&logits)))
    }

    /// The probability (0–1) that it is a digit or a pair.
    pub(super) fn in_distribution(&self) -> f32 {
        self.0.in_distribution
    }

    /// The same where parts of digits are as frequent as they are among all ways to cut a line.
    fn among_parts(&self) -> f32 {
        let own = self.0.in_distribution;
        own / (own + PARTS * (1.0 - own))
    }

    /// The probability (0–1) that it is this digit alone.
    pub(super) fn single(&self, digit: usize) -> f32 {
        self.among_parts() * self.0.probabilities[digit]
    }

    /// The most probable pairs, and the probability (0–1) of each.
    pub(super) fn pairs(&self, most: usize) -> Vec<([usize; 2], f32)> {
        let all: Vec<usize> = (DIGITS..NEITHER).collect();
        let mut best = crate::order::sorted(all, |&label| -self.0.probabilities[label]);
        best.truncate(most);
        let pair = |label: usize| {
            let pair = label - DIGITS;
            let probability = self.among_parts() * self.0.probabilities[label];
            ([pair / DIGITS, pair % DIGITS], probability)
        };
        best.into_iter().map(pair).collect()
    }

    /// The probability (0–1) that it is a pair.
    pub(super) fn any_pair(&self) -> f32 {
        self.among_parts() * self.0.probabilities[DIGITS..].iter().sum::<f32>()
    }

    /// The probability (0–1) that it is the most probable pair.
    pub(super) fn best_pair(&self) -> f32 {
        let most = self.0.probabilities[DIGITS..].iter().copied().fold(0.0, f32::max);
        self.among_parts() * most
    }

    /// The predictions for the two digits of a pair.
    pub(super) fn digits(&self) -> [Prediction; 2] {
        let mut digits = [[0.0; DIGITS]; 2];
        for (pair, probability) in self.0.probabilities[DIGITS..].iter().enumerate() {
            digits[0][pair / DIGITS] += probability;
            digits[1][pair % DIGITS] += probability;
        }
        let sum: f32 = digits[0].iter().sum();
        digits.map(|own| {
            let probabilities: Vec<f32> =
                own.iter().map(|p| p / sum.max(f32::MIN_POSITIVE)).collect();
            let best = (0..DIGITS).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            Prediction {
                index: best.unwrap_or(0),
                probabilities,
                in_distribution: self.0.in_distribution,
                taught: None,
            }
        })
    }
}
