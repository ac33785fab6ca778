//! What a reading is worth.

use serde::{Deserialize, Serialize};

use crate::Prediction;

/// What to make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is read.
    Read,
    /// It is one of the labels, but which one is doubtful.
    Unsure,
    /// It is probably none of the labels.
    NotADigit,
    /// There is no ink.
    Blank,
}

/// Where doubt begins. A checkpoint carries those that were fitted on examples held
/// back from its training; 0 and 0 read everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Below this [`Prediction::in_distribution`] (0–1) it is not a digit.
    #[serde(alias = "known")]
    pub in_distribution: f32,
    /// Below this [`Prediction::confidence`] (0–1) it is unsure.
    pub confidence: f32,
}

impl Thresholds {
    /// Whether anything is taken for no label.
    pub fn rejects(&self) -> bool {
        self.in_distribution > 0.0
    }

    /// Whether both are probabilities.
    pub fn are_valid(&self) -> bool {
        [self.in_distribution, self.confidence].iter().all(|value| (0.0..=1.0).contains(value))
    }

    /// What to make of a prediction.
    pub fn verdict(&self, prediction: &Prediction) -> Verdict {
        if prediction.in_distribution < self.in_distribution {
            Verdict::NotADigit
        } else if prediction.confidence() < self.confidence {
            Verdict::Unsure
        } else {
            Verdict::Read
        }
    }
}

impl Verdict {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unsure => "unsure",
            Self::NotADigit => "not_a_digit",
            Self::Blank => "blank",
        }
    }
}
