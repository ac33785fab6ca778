//! The comparison of a fine-tuned checkpoint with its parent.

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
    /// What the first checkpoint of this chain of fine-tunings read of the former, if it was not the
    /// parent: each of them may lose a little, all together hardly more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Tally>,
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

impl Comparison {
    /// What the first checkpoint of the chain read of the validation examples.
    pub fn of_first(&self) -> Tally {
        self.first.unwrap_or(self.validation[0])
    }
}

impl Tally {
    /// The share (0–1) that is read correctly; 0 of none.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }
}

/// A picture that only one of parent and child reads correctly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// `validation` or `synthetic`; `drawn` in older files is `synthetic`. Older files have `held_back`
    /// too; now the samples are found by their readings.
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
