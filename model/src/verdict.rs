//! Verdicts: whether a prediction can be trusted.

use serde::{Deserialize, Serialize, Serializer};

use crate::prediction::Prediction;

/// How far a prediction can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is read with enough confidence.
    Read,
    /// It is one of the labels, but which one is uncertain.
    Unsure,
    /// It is probably out of distribution: no label fits.
    NotADigit,
    /// There is no ink.
    Blank,
}

/// The limits below which a prediction is rejected or unsure. A checkpoint stores those that were
/// fitted on examples held back from its training. With the default, 0 and 0, everything is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Below this [`Prediction::in_distribution`] (0–1), the verdict is [`Verdict::NotADigit`].
    #[serde(alias = "known")]
    pub in_distribution: f32,
    /// Below this [`Prediction::confidence`] (0–1), the verdict is [`Verdict::Unsure`].
    pub confidence: f32,
}

impl Thresholds {
    /// Whether anything can be rejected as out of distribution.
    pub fn rejects(&self) -> bool {
        self.in_distribution > 0.0
    }

    /// Whether both are between 0 and 1.
    pub fn are_valid(&self) -> bool {
        [self.in_distribution, self.confidence].iter().all(|value| (0.0..=1.0).contains(value))
    }

    /// The verdict on a prediction; never [`Verdict::Blank`], which only the ink can tell. What is
    /// not a number is never above a threshold.
    pub fn verdict(&self, prediction: &Prediction) -> Verdict {
        let is_known = prediction.in_distribution >= self.in_distribution;
        let is_sure = prediction.confidence() >= self.confidence;
        match (is_known, is_sure) {
            (false, _) => Verdict::NotADigit,
            (true, false) => Verdict::Unsure,
            (true, true) => Verdict::Read,
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

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_never_read() {
        let prediction = |in_distribution: f32, confidence: f32| Prediction {
            index: 0,
            probabilities: vec![confidence, 0.0],
            in_distribution,
            taught: None,
        };
        let verdict = |thresholds: Thresholds, prediction| thresholds.verdict(&prediction);
        let none = Thresholds::default();
        assert_eq!(verdict(none, prediction(0.0, 0.0)), Verdict::Read);
        assert_eq!(verdict(none, prediction(f32::NAN, 0.9)), Verdict::NotADigit);
        assert_eq!(verdict(none, prediction(0.9, f32::NAN)), Verdict::Unsure);
        let fitted = Thresholds { in_distribution: 0.5, confidence: 0.5 };
        assert_eq!(verdict(fitted, prediction(0.5, 0.5)), Verdict::Read);
        assert_eq!(verdict(fitted, prediction(0.4, 0.9)), Verdict::NotADigit);
        assert_eq!(verdict(fitted, prediction(0.9, 0.4)), Verdict::Unsure);
    }
}
