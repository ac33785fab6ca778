//! The comparison of a fine-tuned checkpoint with its parent, and the gate that decides whether it
//! may be promoted automatically.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of the comparison's file in a checkpoint.
pub const COMPARISON_FILE: &str = "comparison.json";

/// The comparison of a checkpoint with its parent: the content of `comparison.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The checkpoint that training started from.
    pub parent: String,
    /// Labels that the parent did not have.
    pub new_labels: Vec<String>,
    /// Number of samples that were trained on.
    pub trained_on: usize,
    /// The tallies on the examples held back from the parent's own training data.
    pub validation: [Tally; 2],
    /// The tallies on the samples held back from fine-tuning.
    pub held_back: [Tally; 2],
    /// The tallies on synthetic handwriting of the parent's labels: forms that people draw but that
    /// are rare in the parent's data.
    #[serde(alias = "drawn")]
    pub synthetic: [Tally; 2],
    /// Number of pictures in the three sets that only the child reads correctly.
    pub gained: usize,
    /// Number of pictures in the three sets that only the parent reads correctly.
    pub lost: usize,
    /// The pictures that only one of the two reads correctly, set by set, the lost ones first; a
    /// selection if there are many.
    pub changed: Vec<Changed>,
    /// How parent and child read each sample.
    pub samples: Vec<SampleReading>,
}

/// A count of examples read correctly. In pairs, the parent's comes first, then the child's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Number of examples read correctly.
    pub right: usize,
    /// Number of examples in all.
    pub of: usize,
    /// Mean cross entropy in nats; no example counts more than 14.
    pub loss: f64,
}

/// A picture that only one of parent and child reads correctly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// `held_back`, `validation` or `synthetic`; `drawn` in older files is `synthetic`.
    pub set: String,
    /// Its label.
    pub label: String,
    /// The label that the parent read.
    pub before: String,
    /// The label that the child reads.
    pub after: String,
    /// The glyph's 784 pixels, base64.
    pub glyph: String,
}

/// How parent and child read a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleReading {
    /// The sample's id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Whether it was held back from training.
    pub held_back: bool,
    /// The label that the parent read.
    pub before: String,
    /// The label that the child reads.
    pub after: String,
    /// The child's probability of its label.
    pub confidence: f32,
}

/// How much accuracy a fine-tuned checkpoint may lose, and how much it must gain, to be promoted
/// automatically.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The largest loss of accuracy on the validation examples, in percentage points.
    pub validation_margin: f64,
    /// The largest loss of accuracy on the synthetic examples, in percentage points.
    pub synthetic_margin: f64,
    /// The margin on the synthetic examples grows by this factor if there are new labels,
    /// because some of the old labels' forms may really look like the new symbols.
    pub new_labels: f64,
    /// How many more held-back samples the child must read correctly, as a share (0–1) of those
    /// that the parent misread. A network that was trained on wrong labels stays far below it,
    /// because it cannot learn them without losing accuracy on the validation examples.
    pub least_gain: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            validation_margin: 0.05,
            synthetic_margin: 0.5,
            new_labels: 4.0,
            least_gain: 1.0 / 3.0,
        }
    }
}

impl Gate {
    /// By how many of `examples` validation examples the child may be worse.
    pub fn of_validation(&self, examples: usize) -> usize {
        whole_examples(self.validation_margin, examples)
    }

    /// By how many of `examples` synthetic examples the child may be worse.
    pub fn of_synthetic(&self, new_labels: bool, examples: usize) -> usize {
        let factor = if new_labels { self.new_labels } else { 1.0 };
        whole_examples(self.synthetic_margin * factor, examples)
    }
}

/// A share of examples given in percentage points, as a whole number of examples.
fn whole_examples(margin: f64, examples: usize) -> usize {
    // The tolerance is for rounding errors: 0.05 points of 10,000 are 5, not 4.
    (examples as f64 * margin / 100.0 + 1e-9).floor() as usize
}

/// Why a checkpoint may not be promoted automatically.
#[derive(Clone, Debug, PartialEq)]
pub enum Objection {
    /// It reads fewer validation examples correctly than allowed.
    LosesValidation {
        /// Parent and child.
        tallies: [Tally; 2],
        /// Examples that may be lost.
        allowed: usize,
    },
    /// It reads fewer synthetic examples correctly than allowed.
    LosesSynthetic {
        /// Parent and child.
        tallies: [Tally; 2],
        /// Examples that may be lost.
        allowed: usize,
    },
    /// No sample was held back, so nothing shows whether it is better.
    NothingHeldBack,
    /// It does not read the held-back samples better, or not enough better.
    NoGain {
        /// Parent and child.
        tallies: [Tally; 2],
        /// How many more it should read correctly.
        least: usize,
    },
}

impl Comparison {
    /// The objections to promoting the child; none if it may be promoted.
    pub fn objections(&self, gate: Gate) -> Vec<Objection> {
        let mut objections = Vec::new();
        let loses = |[before, after]: [Tally; 2], allowed| before.right > after.right + allowed;
        let new_labels = !self.new_labels.is_empty();
        let allowed = gate.of_validation(self.validation[0].of);
        if loses(self.validation, allowed) {
            objections.push(Objection::LosesValidation { tallies: self.validation, allowed });
        }
        let allowed = gate.of_synthetic(new_labels, self.synthetic[0].of);
        if loses(self.synthetic, allowed) {
            objections.push(Objection::LosesSynthetic { tallies: self.synthetic, allowed });
        }
        let [before, after] = self.held_back;
        let misread = before.of.saturating_sub(before.right);
        let least = (misread as f64 * gate.least_gain).ceil() as usize;
        // If the parent read all of them correctly, the child must at least be more confident.
        let more_confident = misread > 0 || after.loss < before.loss;
        if before.of == 0 {
            objections.push(Objection::NothingHeldBack);
        } else if after.right < before.right + least || !more_confident {
            objections.push(Objection::NoGain { tallies: self.held_back, least });
        }
        objections
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LosesValidation { tallies: [before, after], allowed } => write!(
                f,
                "it reads {} of {} validation examples correctly, its parent {}; \
                 it may lose {allowed}",
                after.right, after.of, before.right
            ),
            Self::LosesSynthetic { tallies: [before, after], allowed } => write!(
                f,
                "it reads {} of {} synthetic examples correctly, its parent {}; \
                 it may lose {allowed}: check the samples' labels",
                after.right, after.of, before.right
            ),
            Self::NothingHeldBack => {
                f.write_str("no sample was held back to measure it with; label a few more")
            }
            Self::NoGain { tallies: [before, after], least } => write!(
                f,
                "it reads {} of {} held-back samples correctly, its parent {}; it should read {} \
                 correctly or be more confident: label more samples of the same kind, or look for \
                 wrong labels",
                after.right,
                after.of,
                before.right,
                before.right + least
            ),
        }
    }
}
