//! A reading as the API's JSON.

use glyphic_model::{
    Prediction, Thresholds,
    number::{Bounds, ReadLine, Reading, Symbol},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::samples::data_url;

/// The text in a drawing or a picture.
#[derive(Serialize, ToSchema)]
pub struct ReadText {
    /// The text of all lines, with line breaks between them.
    pub text: String,
    /// `read`, `unsure` if any digit is, `not_a_digit` if nothing is, `blank` without ink.
    pub verdict: &'static str,
    /// The lines, from top to bottom.
    pub lines: Vec<TextLine>,
}

/// A line of text.
#[derive(Serialize, ToSchema)]
pub struct TextLine {
    /// The text of the line.
    pub text: String,
    /// The box around its symbols: `[x, y, width, height]`.
    #[serde(rename = "box")]
    #[schema(value_type = Vec<f32>)]
    pub bounds: Bounds,
    /// Its symbols, from left to right.
    pub digits: Vec<ReadSymbol>,
}

/// A symbol of a line.
#[derive(Serialize, ToSchema)]
pub struct ReadSymbol {
    /// The most probable label.
    pub label: Option<String>,
    /// Its probability.
    pub confidence: f32,
    /// The box around its ink: `[x, y, width, height]`.
    #[serde(rename = "box")]
    #[schema(value_type = Vec<f32>)]
    pub bounds: Bounds,
    /// `read`, `unsure` or `not_a_digit`.
    pub verdict: &'static str,
    /// Whether it is part of the text.
    pub counts: bool,
    /// The in-distribution score, 0 to 1: how probably it is one of the labels at all.
    pub in_distribution: f32,
    /// The two most probable labels.
    pub best: Vec<LabelProbability>,
    /// The probability of each label.
    pub probabilities: Vec<f32>,
    /// The strokes that it consists of, if it consists of whole ones: their indices among the
    /// strokes with points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strokes: Option<Vec<usize>>,
    /// The glyph that the network read, as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// A label that it may have.
#[derive(Serialize, ToSchema)]
pub struct LabelProbability {
    /// The label.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
}

impl ReadText {
    /// A reading by a network with these labels; `explain` adds the glyphs that it read.
    pub fn new(reading: Reading, labels: &[String], thresholds: Thresholds, explain: bool) -> Self {
        let digit = |symbol: Symbol| ReadSymbol::of(symbol, labels, thresholds, explain);
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
                    TextLine { text, bounds, digits }
                })
                .collect(),
        }
    }
}

impl LabelProbability {
    /// The two most probable labels.
    pub fn best_two(prediction: &Prediction, labels: &[String]) -> Vec<Self> {
        let candidate = |index: usize| {
            let confidence = *prediction.probabilities.get(index)?;
            Some(Self { label: labels.get(index)?.clone(), confidence })
        };
        prediction.best_two().filter_map(candidate).collect()
    }
}

impl ReadSymbol {
    fn of(symbol: Symbol, labels: &[String], thresholds: Thresholds, explain: bool) -> Self {
        let Symbol { bounds, glyph, strokes, prediction, counts } = symbol;
        Self {
            label: labels.get(prediction.index).cloned(),
            confidence: prediction.confidence(),
            bounds,
            verdict: thresholds.verdict(&prediction).name(),
            counts,
            in_distribution: prediction.in_distribution,
            best: LabelProbability::best_two(&prediction, labels),
            strokes,
            seen: explain.then(|| data_url(&glyph)),
            probabilities: prediction.probabilities,
        }
    }
}
