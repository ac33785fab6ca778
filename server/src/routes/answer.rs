//! A reading in the words of the API.

use glyphic_model::{
    Prediction, Thresholds,
    number::{Bounds, ReadLine, Reading, Symbol},
};
use serde::Serialize;

use super::intake::data_url;

/// What stands on the lines of a drawing or a picture.
#[derive(Serialize)]
pub struct Answer {
    /// What all lines say, one below the other.
    pub text: String,
    /// `read`, `unsure` if any digit is, `not_a_digit` if nothing is, `blank` without ink.
    pub verdict: &'static str,
    /// The lines, from top to bottom.
    pub lines: Vec<AnsweredLine>,
}

/// A line of it.
#[derive(Serialize)]
pub struct AnsweredLine {
    /// What it says.
    pub text: String,
    /// Around its symbols.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// Its symbols, from left to right.
    pub digits: Vec<Digit>,
}

/// A symbol of it.
#[derive(Serialize)]
pub struct Digit {
    /// The most probable label.
    pub label: Option<String>,
    /// Its probability.
    pub confidence: f32,
    /// Around its ink.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// `read`, `unsure` or `not_a_digit`.
    pub verdict: &'static str,
    /// Whether it is part of the text.
    pub counts: bool,
    /// How probably it is one of the labels at all.
    pub in_distribution: f32,
    /// The two most probable labels.
    pub best: Vec<Candidate>,
    /// The probability of each label.
    pub probabilities: Vec<f32>,
    /// The strokes that it is made of, if it is made of whole ones: by index among those
    /// that have points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strokes: Option<Vec<usize>>,
    /// What the network saw, as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// A label that it may be.
#[derive(Serialize)]
pub struct Candidate {
    /// The label.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
}

impl Answer {
    /// A reading by a network with these labels; `explain` adds the pictures of what it saw.
    pub fn of(reading: Reading, labels: &[String], thresholds: Thresholds, explain: bool) -> Self {
        let digit = |symbol: Symbol| Digit::of(symbol, labels, thresholds, explain);
        Self {
            text: reading.text(labels),
            verdict: reading.verdict(thresholds).name(),
            lines: reading
                .lines
                .into_iter()
                .map(|line| {
                    let text = line.text(labels);
                    let ReadLine { bounds, symbols } = line;
                    let digits = symbols.into_iter().map(digit).collect();
                    AnsweredLine { text, bounds, digits }
                })
                .collect(),
        }
    }
}

impl Candidate {
    /// The two most probable labels.
    pub fn best_two(prediction: &Prediction, labels: &[String]) -> Vec<Self> {
        let candidate = |index: usize| {
            let confidence = *prediction.probabilities.get(index)?;
            Some(Self { label: labels.get(index)?.clone(), confidence })
        };
        prediction.best_two().filter_map(candidate).collect()
    }
}

impl Digit {
    fn of(symbol: Symbol, labels: &[String], thresholds: Thresholds, explain: bool) -> Self {
        let Symbol { bounds, glyph, strokes, prediction, counts } = symbol;
        Self {
            label: labels.get(prediction.index).cloned(),
            confidence: prediction.confidence(),
            bounds,
            verdict: thresholds.verdict(&prediction).name(),
            counts,
            in_distribution: prediction.in_distribution,
            best: Candidate::best_two(&prediction, labels),
            strokes,
            seen: explain.then(|| data_url(&glyph)),
            probabilities: prediction.probabilities,
        }
    }
}
