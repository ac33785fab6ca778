//! A checkpoint's card: how well it reads a set of examples, how honest it is about
//! it, and what throws it off. `report.json` is the card; [`crate::report`] makes a
//! page of it.

pub mod robustness;
mod speed;
pub mod statistics;

use anyhow::Result;
use glyphic_model::{Classifier, Prediction, Verdict, checkpoint::Score};
use serde::{Deserialize, Serialize};

use crate::{
    data::Example,
    evaluate::{Outcome, evaluate},
};
use robustness::Robustness;
pub use speed::Speed;
use statistics::{Bin, Pair};

/// Most examples that are changed to see what throws the network off.
const CHANGED: usize = 500;

/// What was measured of a checkpoint on a set of examples.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Card {
    /// The checkpoint.
    pub id: String,
    /// What it was measured on.
    pub data: String,
    /// When (RFC 3339, UTC).
    pub created: String,
    /// The labels, in the order of all lists here.
    pub labels: Vec<String>,
    /// Accuracy and loss, over the examples of the labels.
    pub score: Score,
    /// Examples by label (row) and by what was said (column).
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error (0–1).
    pub calibration_error: f64,
    /// Confidence beside accuracy, by confidence.
    pub reliability: Vec<Bin>,
    /// What became of the examples of the labels.
    pub verdicts: Verdicts,
    /// What became of pictures that are none of the labels; by their label or kind.
    pub others: Vec<Others>,
    /// What remains, and how much of it is wrong, if the least sure are left out.
    pub rejection: Vec<Remaining>,
    /// Accuracy when the pictures are changed; empty if it was not measured.
    pub robustness: Vec<Robustness>,
    /// How fast it reads here; none if it was not measured.
    pub speed: Option<Speed>,
    /// Beside another checkpoint on the same examples.
    pub comparison: Option<Pair>,
}

/// How many examples got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Read.
    pub read: usize,
    /// One of the labels, but which is doubtful.
    pub unsure: usize,
    /// Taken for none of the labels.
    pub not_a_digit: usize,
}

/// What became of pictures of one kind that are none of the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Others {
    /// Their label or kind.
    pub name: String,
    /// Their verdicts.
    pub verdicts: Verdicts,
}

/// A point of the rejection curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remaining {
    /// Share of the examples (0–1) that are answered.
    pub answered: f64,
    /// Share of those (0–1) that are read wrong.
    pub wrong: f64,
    /// The confidence below which nothing is answered.
    pub confidence: f32,
}

/// What a card is measured on.
pub struct Measured<'a> {
    /// The checkpoint.
    pub id: &'a str,
    /// The data's name.
    pub data: &'a str,
    /// When (RFC 3339, UTC).
    pub created: String,
    /// Examples of the labels.
    pub examples: &'a [Example],
    /// Pictures that are none of the labels, by kind.
    pub others: &'a [(String, Vec<Example>)],
}

impl Card {
    /// Measures a classifier; returns what it said of each example too.
    pub fn measure(classifier: &Classifier, measured: Measured<'_>) -> Result<(Self, Outcome)> {
        let Measured { id, data, created, examples, others } = measured;
        let outcome = evaluate(classifier, examples)?;
        let predictions = &outcome.predictions;
        let reliability = statistics::reliability(predictions, examples);
        let of_kind = |(name, examples): &(String, Vec<Example>)| -> Result<Others> {
            let said = evaluate(classifier, examples)?.predictions;
            Ok(Others { name: name.clone(), verdicts: verdicts(classifier, &said) })
        };
        let card = Self {
            id: id.to_owned(),
            data: data.to_owned(),
            created,
            labels: classifier.labels().to_vec(),
            score: outcome.score,
            confusion: statistics::confusion(classifier.labels().len(), predictions, examples),
            calibration_error: statistics::calibration_error(&reliability),
            reliability,
            verdicts: verdicts(classifier, predictions),
            others: others.iter().map(of_kind).collect::<Result<_>>()?,
            rejection: statistics::rejection(predictions, examples),
            robustness: Vec::new(),
            speed: None,
            comparison: None,
        };
        Ok((card, outcome))
    }

    /// Measures, too, what throws the classifier off and how fast it is. Calls `step`
    /// before each of [`robustness::CHANGES`].
    pub fn with_details(
        self,
        classifier: &Classifier,
        examples: &[Example],
        step: impl FnMut(&str),
    ) -> Result<Self> {
        // Evenly spread, so that no label is left out of a sorted set.
        let every = examples.len().div_ceil(CHANGED).max(1);
        let some: Vec<Example> = examples.iter().step_by(every).cloned().collect();
        Ok(Self {
            robustness: robustness::measure(classifier, &some, step)?,
            speed: Some(Speed::measure(classifier, examples)?),
            ..self
        })
    }
}

fn verdicts(classifier: &Classifier, predictions: &[Prediction]) -> Verdicts {
    let mut counts = Verdicts::default();
    for prediction in predictions {
        match classifier.thresholds().verdict(prediction) {
            Verdict::Read => counts.read += 1,
            Verdict::Unsure => counts.unsure += 1,
            Verdict::NotADigit | Verdict::Blank => counts.not_a_digit += 1,
        }
    }
    counts
}

impl Verdicts {
    /// All of them.
    pub fn total(&self) -> usize {
        self.read + self.unsure + self.not_a_digit
    }
}
