//! The answer for a drawing or a picture as JSON, the same from the server and in the browser.

mod sheet;

pub use sheet::{ReadSheet, SURE_CELL, SheetCell, SheetTable};

use serde::Serialize;

use crate::{
    glyph::Glyph,
    number::{Bounds, ReadLine, Reading, Symbol},
    prediction::{Prediction, Taught},
    preprocess::Point,
    verdict::{Thresholds, Verdict},
};

/// The text in a drawing or a picture, and what it was read by.
#[derive(Clone, Debug, Serialize)]
pub struct ReadText {
    /// The text of all lines, with line breaks between them.
    pub text: String,
    /// [`Verdict::Unsure`] if any digit is, [`Verdict::NotADigit`] if nothing is one,
    /// [`Verdict::Blank`] without ink.
    pub verdict: Verdict,
    /// The lines, from top to bottom.
    pub lines: Vec<TextLine>,
    /// By how many degrees the picture was turned clockwise before it was read: 0, 90, 180 or 270.
    pub orientation: usize,
    /// The corners of the sheet of paper in the picture, clockwise from the upper left one, if it was
    /// seen from the side and straightened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corners: Option<[Point; 4]>,
    /// The labels, in the order of the probabilities.
    pub labels: Vec<String>,
    /// The id of the checkpoint that answered.
    pub model: String,
    /// The thresholds that the verdicts were decided by.
    pub thresholds: Thresholds,
}

/// A line of text.
#[derive(Clone, Debug, Serialize)]
pub struct TextLine {
    /// The text of the line.
    pub text: String,
    /// The box around its symbols.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// Its symbols, from left to right.
    pub digits: Vec<ReadSymbol>,
}

/// A symbol of a line.
#[derive(Clone, Debug, Serialize)]
pub struct ReadSymbol {
    /// The most probable label.
    pub label: Option<String>,
    /// Its probability (0–1).
    pub confidence: f32,
    /// The box around its ink.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// Its own verdict, never [`Verdict::Blank`].
    pub verdict: Verdict,
    /// Whether it is part of the text.
    pub counts: bool,
    /// The in-distribution score (0–1).
    pub in_distribution: f32,
    /// The two most probable labels.
    pub best: Vec<LabelProbability>,
    /// The probability (0–1) of each label.
    pub probabilities: Vec<f32>,
    /// What was taught, if that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taught: Option<TaughtLabel>,
    /// The strokes that it consists of, if it consists of whole ones: their indices among the
    /// strokes with points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strokes: Option<Vec<usize>>,
    /// The glyph that the network read, as a data URL, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// A label that it may have.
#[derive(Clone, Debug, Serialize)]
pub struct LabelProbability {
    /// The label.
    pub label: String,
    /// Its probability (0–1).
    pub confidence: f32,
}

/// What decided a reading, beside the network: without it, the label or the verdict would be another.
#[derive(Clone, Debug, Serialize)]
pub struct TaughtLabel {
    /// The label that was taught.
    pub label: String,
    /// How many samples of it are remembered.
    pub samples: usize,
    /// By how much they raised its probability (0–1).
    pub weight: f32,
}

impl TaughtLabel {
    /// What decided this prediction, if it was not the network alone.
    pub fn of(prediction: &Prediction, labels: &[String]) -> Option<Self> {
        let Taught { index, samples, weight } = prediction.taught?;
        let label = labels.get(index).filter(|_| index == prediction.index)?.clone();
        Some(Self { label, samples, weight })
    }
}

impl ReadText {
    /// A reading by the checkpoint `model` with these labels. `seen` makes a data URL of each
    /// glyph that the network read, if the answer is to contain them.
    pub fn new(
        reading: Reading,
        labels: &[String],
        model: &str,
        thresholds: Thresholds,
        seen: impl Fn(&Glyph) -> Option<String>,
    ) -> Self {
        let digit = |symbol: Symbol| ReadSymbol {
            seen: seen(&symbol.glyph),
            ..ReadSymbol::of(symbol, labels, thresholds)
        };
        let line = |line: ReadLine| TextLine {
            text: line.text(labels),
            bounds: line.bounds,
            digits: line.symbols.into_iter().map(digit).collect(),
        };
        Self {
            text: reading.text(labels),
            verdict: reading.verdict(thresholds),
            orientation: 90 * reading.turns,
            corners: reading.corners,
            lines: reading.lines.into_iter().map(line).collect(),
            labels: labels.to_vec(),
            model: model.to_owned(),
            thresholds,
        }
    }
}

impl TextLine {
    /// The text; with a question mark at the end if one of its digits is unsure, and alone if none
    /// is a digit.
    pub fn marked_text(&self) -> String {
        let mut counted = self.digits.iter().filter(|digit| digit.counts).peekable();
        let is_sure = counted.peek().is_some() && counted.all(|d| d.verdict == Verdict::Read);
        self.text.clone() + if is_sure { "" } else { "?" }
    }
}

impl LabelProbability {
    /// The two most probable labels, the more probable one first.
    pub fn best_two(prediction: &Prediction, labels: &[String]) -> Vec<Self> {
        let candidate = |index: usize| {
            let confidence = *prediction.probabilities.get(index)?;
            Some(Self { label: labels.get(index)?.clone(), confidence })
        };
        prediction.best_two().filter_map(candidate).collect()
    }
}

impl ReadSymbol {
    fn of(symbol: Symbol, labels: &[String], thresholds: Thresholds) -> Self {
        let Symbol { bounds, strokes, prediction, counts, .. } = symbol;
        Self {
            label: labels.get(prediction.index).cloned(),
            confidence: prediction.confidence(),
            bounds,
            verdict: thresholds.verdict(&prediction),
            counts,
            in_distribution: prediction.in_distribution,
            best: LabelProbability::best_two(&prediction, labels),
            taught: TaughtLabel::of(&prediction, labels),
            strokes,
            seen: None,
            probabilities: prediction.probabilities,
        }
    }
}
