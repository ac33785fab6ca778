//! A checkpoint's card: its accuracy on a set of examples, its calibration, and its robustness.
//! `report.json` is the card; [`crate::report`] makes a page of it.

pub mod robustness;
mod speed;
pub mod statistics;

use anyhow::Result;
use glyphic_model::{Classifier, Prediction, Verdict, checkpoint::Score, preprocess::Pictures};
use serde::{Deserialize, Serialize};

use crate::{
    evaluate::{Evaluation, evaluate},
    example::Example,
};
use robustness::Robustness;
pub use speed::Speed;
use statistics::{Bin, Pair, Remaining};

/// Most examples that the robustness test uses.
const CHANGED: usize = 500;

/// The measurements of a checkpoint on a set of examples.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Card {
    /// The checkpoint.
    pub id: String,
    /// The name of the data.
    pub data: String,
    /// When it was measured (RFC 3339, UTC).
    pub created: String,
    /// The labels, in the order of all lists here.
    pub labels: Vec<String>,
    /// Accuracy and loss.
    pub score: Score,
    /// Number of examples by label (row) and by prediction (column).
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error (0–1).
    pub calibration_error: f64,
    /// Confidence and accuracy, in bins of confidence.
    pub reliability: Vec<Bin>,
    /// The verdicts on the examples.
    pub verdicts: Verdicts,
    /// The verdicts on negatives, by their label or kind.
    #[serde(alias = "others")]
    pub negatives: Vec<Negatives>,
    /// The rejection curve: how many of the answers are wrong if the least confident are left
    /// out.
    pub rejection: Vec<Remaining>,
    /// Accuracy on changed pictures; empty if it was not measured.
    pub robustness: Vec<Robustness>,
    /// Its speed on this machine; `None` if it was not measured.
    pub speed: Option<Speed>,
    /// The comparison with another checkpoint on the same examples.
    pub comparison: Option<Pair>,
}

/// Number of examples by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Read.
    pub read: usize,
    /// Accepted, but with little confidence in which label it is.
    pub unsure: usize,
    /// Rejected as out of distribution.
    pub not_a_digit: usize,
}

/// The verdicts on negatives of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Negatives {
    /// Their label or kind.
    pub name: String,
    /// Their verdicts.
    pub verdicts: Verdicts,
}

/// The inputs of a card.
pub struct Measured<'a> {
    /// The checkpoint.
    pub id: &'a str,
    /// The data's name.
    pub data: &'a str,
    /// When (RFC 3339, UTC).
    pub created: String,
    /// Examples of the labels.
    pub examples: &'a [Example],
    /// Negatives, by kind.
    pub negatives: &'a [(String, Vec<Example>)],
}

impl Card {
    /// Measures a classifier; returns its predictions too.
    pub fn measure(classifier: &Classifier, measured: Measured<'_>) -> Result<(Self, Evaluation)> {
        let Measured { id, data, created, examples, negatives } = measured;
        let evaluation = evaluate(classifier, examples)?;
        let predictions = &evaluation.predictions;
        let reliability = statistics::reliability(predictions, examples);
        let of_kind = |(name, examples): &(String, Vec<Example>)| -> Result<Negatives> {
            let predictions = evaluate(classifier, examples)?.predictions;
            Ok(Negatives { name: name.clone(), verdicts: verdicts(classifier, &predictions) })
        };
        let card = Self {
            id: id.to_owned(),
            data: data.to_owned(),
            created,
            labels: classifier.labels().to_vec(),
            score: evaluation.score,
            confusion: statistics::confusion(classifier.labels().len(), predictions, examples),
            calibration_error: statistics::calibration_error(&reliability),
            reliability,
            verdicts: verdicts(classifier, predictions),
            negatives: negatives.iter().map(of_kind).collect::<Result<_>>()?,
            rejection: statistics::rejection(predictions, examples),
            robustness: Vec::new(),
            speed: None,
            comparison: None,
        };
        Ok((card, evaluation))
    }

    /// Adds the robustness test and the speed. Calls `step` before each of
    /// [`robustness::CHANGES`].
    pub fn with_details(
        self,
        classifier: &Classifier,
        pictures: Pictures,
        examples: &[Example],
        step: impl FnMut(&str),
    ) -> Result<Self> {
        // Spread evenly over the set, which may be sorted by label.
        let every = examples.len().div_ceil(CHANGED).max(1);
        let some: Vec<Example> = examples.iter().step_by(every).cloned().collect();
        Ok(Self {
            robustness: robustness::measure(classifier, pictures, &some, step)?,
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
