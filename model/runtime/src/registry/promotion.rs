//! Whether a checkpoint may be promoted. [`PromotionPolicy`] decides it for everybody who asks: a
//! person on a server, a fine-tuning job, `train --promote` and `train finetune --promote`.
//!
//! A roll-back and following a changed `CURRENT` are not promotions, so the policy is not asked:
//! the one returns to a checkpoint that was promoted before, and the other was decided elsewhere.

use std::{fmt, sync::Arc};

use glyphic_model::checkpoint::{Manifest, Score};

use super::comparison::{Comparison, Tally};

/// What a checkpoint must keep and gain to be promoted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromotionPolicy {
    /// By scores: how far its accuracy may be below that of the promoted one, in percentage points.
    pub accuracy_margin: f64,
    /// By a comparison: the largest loss of accuracy on the validation examples, in percentage
    /// points.
    pub validation_margin: f64,
    /// The same against the first checkpoint of a chain of fine-tunings, in percentage points.
    pub chain_margin: f64,
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

/// What a promotion is decided by.
#[derive(Clone, Debug)]
pub enum Basis {
    /// The scores and labels in the manifests of both checkpoints.
    Scores,
    /// The comparison of a fine-tuned checkpoint with its parent. It asks for more than the
    /// scores do, and allows new labels: they are the reason for the fine-tuning.
    Comparison(Arc<Comparison>),
    /// Nothing: somebody insists.
    Forced,
}

/// A reason against a promotion.
#[derive(Clone, Debug, PartialEq)]
pub enum Objection {
    /// Its labels differ from those of the promoted checkpoint.
    OtherLabels {
        /// The labels of the promoted checkpoint.
        present: Vec<String>,
        /// Its own.
        next: Vec<String>,
    },
    /// Its accuracy was never measured.
    NotMeasured,
    /// The accuracy of the promoted checkpoint was never measured.
    PresentNotMeasured {
        /// The promoted checkpoint.
        present: String,
    },
    /// It is less accurate than the promoted checkpoint, by more than allowed.
    LessAccurate {
        /// What both were measured on.
        set: &'static str,
        /// The promoted checkpoint.
        present: String,
        /// That one's accuracy, 0–1.
        before: f64,
        /// Its own accuracy, 0–1.
        after: f64,
        /// Percentage points that may be lost.
        allowed: f64,
    },
    /// It reads fewer validation examples correctly than allowed.
    LosesValidation {
        /// Parent and child.
        tallies: [Tally; 2],
        /// Examples that may be lost.
        allowed: usize,
    },
    /// It reads fewer validation examples correctly than the first checkpoint of its chain, by more
    /// than allowed.
    LosesInAll {
        /// The first one and this one.
        tallies: [Tally; 2],
        /// Percentage points that may be lost.
        allowed: f64,
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

impl Default for PromotionPolicy {
    /// Two runs with the same settings differ by up to 0.1 points on 10,000 test pictures; a
    /// difference of more than twice that is not chance.
    fn default() -> Self {
        Self {
            accuracy_margin: 0.2,
            validation_margin: 0.05,
            chain_margin: 0.1,
            synthetic_margin: 0.5,
            new_labels: 4.0,
            least_gain: 1.0 / 3.0,
        }
    }
}

impl PromotionPolicy {
    /// The objections to promoting `next` instead of `present`; none if it may be promoted.
    /// `present` is `None` if nothing is promoted yet: then there is nothing to lose.
    pub fn objections(
        &self,
        basis: &Basis,
        present: Option<&Manifest>,
        next: &Manifest,
    ) -> Vec<Objection> {
        match (basis, present) {
            (Basis::Scores, Some(present)) => self.by_scores(present, next),
            (Basis::Comparison(comparison), _) => self.by_comparison(comparison),
            (Basis::Scores, None) | (Basis::Forced, _) => Vec::new(),
        }
    }

    /// The objections by the labels and scores of both checkpoints.
    pub fn by_scores(&self, present: &Manifest, next: &Manifest) -> Vec<Objection> {
        let labels = (present.labels != next.labels).then(|| Objection::OtherLabels {
            present: present.labels.clone(),
            next: next.labels.clone(),
        });
        let (set, [before, after]) = comparable(present, next);
        let points = 100.0 * (before.accuracy - after.accuracy);
        let accuracy = match (before.examples, after.examples) {
            (_, 0) => Some(Objection::NotMeasured),
            (0, _) => Some(Objection::PresentNotMeasured { present: present.id.clone() }),
            _ => (points > self.accuracy_margin).then(|| Objection::LessAccurate {
                set,
                present: present.id.clone(),
                before: before.accuracy,
                after: after.accuracy,
                allowed: self.accuracy_margin,
            }),
        };
        labels.into_iter().chain(accuracy).collect()
    }

    /// The objections by the comparison of a fine-tuned checkpoint with its parent.
    pub fn by_comparison(&self, comparison: &Comparison) -> Vec<Objection> {
        let Comparison { validation, synthetic, held_back, new_labels, .. } = comparison;
        let mut objections = Vec::new();
        let loses = |[before, after]: [Tally; 2], allowed| before.right > after.right + allowed;
        let allowed = self.of_validation(validation[0].of);
        if loses(*validation, allowed) {
            objections.push(Objection::LosesValidation { tallies: *validation, allowed });
        }
        let (first, after) = (comparison.of_first(), validation[1]);
        if after.right < self.least_of_chain(first, after.of) {
            let allowed = self.chain_margin;
            objections.push(Objection::LosesInAll { tallies: [first, after], allowed });
        }
        let allowed = self.of_synthetic(!new_labels.is_empty(), synthetic[0].of);
        if loses(*synthetic, allowed) {
            objections.push(Objection::LosesSynthetic { tallies: *synthetic, allowed });
        }
        let [before, after] = held_back;
        let misread = before.of.saturating_sub(before.right);
        let least = (misread as f64 * self.least_gain).ceil() as usize;
        // If the parent read all of them correctly, the child must at least be more confident.
        let more_confident = misread > 0 || after.loss < before.loss;
        if before.of == 0 {
            objections.push(Objection::NothingHeldBack);
        } else if after.right < before.right + least || !more_confident {
            objections.push(Objection::NoGain { tallies: *held_back, least });
        }
        objections
    }

    /// By how many of `examples` validation examples a fine-tuned checkpoint may be worse.
    pub fn of_validation(&self, examples: usize) -> usize {
        whole_examples(self.validation_margin, examples)
    }

    /// How many of `examples` validation examples a checkpoint must read correctly, if `first` is what
    /// the first one of its chain read.
    pub fn least_of_chain(&self, first: Tally, examples: usize) -> usize {
        let least = first.accuracy() - self.chain_margin / 100.0;
        (least * examples as f64 - 1e-9).ceil().max(0.0) as usize
    }

    /// By how many of `examples` synthetic examples a fine-tuned checkpoint may be worse.
    pub fn of_synthetic(&self, new_labels: bool, examples: usize) -> usize {
        let factor = if new_labels { self.new_labels } else { 1.0 };
        whole_examples(self.synthetic_margin * factor, examples)
    }
}

/// The name of the set on which the two can be compared, and their scores: the test set if both
/// were measured on one of the same size, otherwise the examples held back from training.
fn comparable(present: &Manifest, next: &Manifest) -> (&'static str, [Score; 2]) {
    match (present.metrics.test, next.metrics.test) {
        (Some(before), Some(after)) if before.examples == after.examples => {
            ("test set", [before, after])
        }
        _ => ("examples held back", [present.metrics.validation, next.metrics.validation]),
    }
}

/// A share of examples given in percentage points, as a whole number of examples.
fn whole_examples(margin: f64, examples: usize) -> usize {
    // The tolerance is for rounding errors: 0.05 points of 10,000 are 5, not 4.
    (examples as f64 * margin / 100.0 + 1e-9).floor() as usize
}

/// The first labels, and how many more there are.
fn listed(labels: &[String]) -> String {
    let (first, more) = labels.split_at(labels.len().min(12));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{rest}", first.join(" "))
}

impl Objection {
    /// All of them in one sentence.
    pub fn joined(objections: &[Self]) -> String {
        objections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLabels { present, next } => {
                write!(f, "its labels are {}, not {}", listed(next), listed(present))
            }
            Self::NotMeasured => f.write_str("its accuracy was never measured"),
            Self::PresentNotMeasured { present } => {
                write!(f, "the accuracy of '{present}' was never measured")
            }
            Self::LessAccurate { set, present, before, after, allowed } => write!(
                f,
                "its accuracy on the {set} is {:.2} %, {:.2} points below that of '{present}'; at \
                 most {allowed} are allowed",
                100.0 * after,
                100.0 * (before - after)
            ),
            Self::LosesValidation { tallies: [before, after], allowed } => write!(
                f,
                "it reads {} of {} validation examples correctly, its parent {}; at most {allowed} \
                 fewer are allowed",
                after.right, after.of, before.right
            ),
            Self::LosesInAll { tallies: [first, after], allowed } => write!(
                f,
                "it reads {} of {} validation examples correctly, the first checkpoint of its chain of \
                 fine-tunings {} of {}; at most {allowed} percentage points less are allowed: roll \
                 back, or train from scratch",
                after.right, after.of, first.right, first.of
            ),
            Self::LosesSynthetic { tallies: [before, after], allowed } => write!(
                f,
                "it reads {} of {} synthetic examples correctly, its parent {}; at most {allowed} \
                 fewer are allowed: check the samples' labels",
                after.right, after.of, before.right
            ),
            Self::NothingHeldBack => {
                f.write_str("no sample was held back to measure it; label a few more")
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
