//! A taught checkpoint beside the one it came from, and whether it may take
//! its place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of the comparison's file in a checkpoint.
pub const COMPARISON_FILE: &str = "comparison.json";

/// What changed between a checkpoint and its parent: the content of
/// `comparison.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The checkpoint that training started from.
    pub parent: String,
    /// Labels that the parent did not have.
    pub new_labels: Vec<String>,
    /// Samples that were trained on.
    pub trained_on: usize,
    /// On the examples held back from the parent's own training data.
    pub validation: [Tally; 2],
    /// On the samples held back from teaching.
    pub held_back: [Tally; 2],
    /// On drawings of known symbols that are made for this: what a pen may draw
    /// and the parent's data has little of.
    pub drawn: [Tally; 2],
    /// Pictures of all three sets that the child reads right and the parent did
    /// not.
    pub gained: usize,
    /// Pictures that the parent read right and the child does not.
    pub lost: usize,
    /// The pictures that changed sides, set by set, those that were lost first;
    /// a selection if they are many.
    pub changed: Vec<Changed>,
    /// Each taught sample, as both read it.
    pub samples: Vec<SampleReading>,
}

/// A count of examples read right. Pairs of it are parent first, then child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Examples read right.
    pub right: usize,
    /// Examples in all.
    pub of: usize,
    /// Mean cross entropy in nats, no example counting more than 14.
    pub loss: f64,
}

/// A picture that one of the two reads right and the other does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// `held_back`, `validation` or `drawn`.
    pub set: String,
    /// What it is.
    pub label: String,
    /// What the parent read.
    pub before: String,
    /// What the child reads.
    pub after: String,
    /// The glyph's 784 pixels, base64.
    pub glyph: String,
}

/// What both say of a taught sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleReading {
    /// The sample's id.
    pub id: String,
    /// What it was taught as.
    pub label: String,
    /// Whether it was held back from training.
    pub held_back: bool,
    /// What the parent read.
    pub before: String,
    /// What the child reads.
    pub after: String,
    /// The child's probability of what it was taught as.
    pub confidence: f32,
}

/// What a taught checkpoint must keep and gain before it takes over by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Most accuracy that may be lost on the validation examples, in percent
    /// points.
    pub validation_margin: f64,
    /// Most accuracy that may be lost on the drawings made for this.
    pub drawn_margin: f64,
    /// The margin on the drawings grows by this factor where labels are new: some
    /// of what was read before is truly like the new symbols.
    pub new_labels: f64,
    /// Share (0–1) of the held-back samples that were misread which must be read
    /// right now. Wrong labels cannot be learned without giving up what is known,
    /// so a network that has met them stays far below.
    pub least_gain: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { validation_margin: 0.05, drawn_margin: 0.5, new_labels: 4.0, least_gain: 1.0 / 3.0 }
    }
}

impl Gate {
    /// How many of `examples` validation examples may be lost.
    pub fn of_validation(&self, examples: usize) -> usize {
        points(self.validation_margin, examples)
    }

    /// How many of `examples` drawings may be lost.
    pub fn of_drawn(&self, new_labels: bool, examples: usize) -> usize {
        points(self.drawn_margin * if new_labels { self.new_labels } else { 1.0 }, examples)
    }
}

/// Percent points of a number of examples, as whole examples.
fn points(margin: f64, examples: usize) -> usize {
    // A hair of tolerance: 0.05 points of 10,000 are 5, not 4.
    (examples as f64 * margin / 100.0 + 1e-9).floor() as usize
}

/// Why a checkpoint may not take over by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Objection {
    /// It reads fewer validation examples right.
    LosesValidation {
        /// Parent and child.
        tallies: [Tally; 2],
        /// Examples that might have been lost.
        allowed: usize,
    },
    /// It reads fewer of the drawings right.
    LosesDrawn {
        /// Parent and child.
        tallies: [Tally; 2],
        /// Drawings that might have been lost.
        allowed: usize,
    },
    /// Too few samples were held back to tell whether it is better.
    NothingHeldBack,
    /// It reads the held-back samples no better, or hardly.
    NoGain {
        /// Parent and child.
        tallies: [Tally; 2],
        /// How many more it should read right.
        least: usize,
    },
}

impl Comparison {
    /// What speaks against the child; nothing if it may take over.
    pub fn objections(&self, gate: Gate) -> Vec<Objection> {
        let mut objections = Vec::new();
        let loses = |[before, after]: [Tally; 2], allowed| before.right > after.right + allowed;
        let new_labels = !self.new_labels.is_empty();
        let allowed = gate.of_validation(self.validation[0].of);
        if loses(self.validation, allowed) {
            objections.push(Objection::LosesValidation { tallies: self.validation, allowed });
        }
        let allowed = gate.of_drawn(new_labels, self.drawn[0].of);
        if loses(self.drawn, allowed) {
            objections.push(Objection::LosesDrawn { tallies: self.drawn, allowed });
        }
        let [before, after] = self.held_back;
        let misread = before.of.saturating_sub(before.right);
        let least = (misread as f64 * gate.least_gain).ceil() as usize;
        // Where all were read right already, being surer is a gain.
        let surer = misread > 0 || after.loss < before.loss;
        if before.of == 0 {
            objections.push(Objection::NothingHeldBack);
        } else if after.right < before.right + least || !surer {
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
                "it reads {} of {} validation pictures right, the one before {}; it may lose {allowed}",
                after.right, after.of, before.right
            ),
            Self::LosesDrawn { tallies: [before, after], allowed } => write!(
                f,
                "it reads {} of {} ordinary drawings right, the one before {}; it may lose \
                 {allowed}: are the taught labels right?",
                after.right, after.of, before.right
            ),
            Self::NothingHeldBack => {
                f.write_str("no taught sample was held back to check it on; teach a few more")
            }
            Self::NoGain { tallies: [before, after], least } => write!(
                f,
                "it reads {} of {} held-back samples right, the one before {}, and should read \
                 {} right or be surer: teach more of the same, or look for wrong labels",
                after.right,
                after.of,
                before.right,
                before.right + least
            ),
        }
    }
}
