//! What was read: lines of symbols.

use super::bounds::Bounds;
use crate::{
    glyph::Glyph,
    prediction::Prediction,
    preprocess::Point,
    verdict::{Thresholds, Verdict},
};

/// The lines of symbols that were read in a drawing or a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// From top to bottom, in the same row from left to right. No line is empty.
    pub lines: Vec<ReadLine>,
    /// How often the input was turned clockwise by a quarter before it was read, 0 to 3.
    pub turns: usize,
    /// The corners of the sheet of paper, clockwise from the upper left one, if it was seen from the
    /// side and straightened.
    pub corners: Option<[Point; 4]>,
}

/// One line of a [`Reading`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReadLine {
    /// The bounds of its symbols.
    pub bounds: Bounds,
    /// Its symbols from left to right.
    pub symbols: Vec<Symbol>,
}

/// One symbol of a [`ReadLine`].
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// The bounds of its ink.
    pub bounds: Bounds,
    /// The network's input.
    pub glyph: Glyph,
    /// The indices of the strokes that it consists of; `None` if it does not consist of whole
    /// strokes.
    pub strokes: Option<Vec<usize>>,
    /// The network's answer.
    pub prediction: Prediction,
    /// Whether it is part of the number. A letter or a blot among the digits is not.
    pub counts: bool,
}

impl ReadLine {
    /// The labels of its symbols that count, joined. `labels` are the classifier's.
    pub fn text(&self, labels: &[String]) -> String {
        let counted = self.symbols.iter().filter(|symbol| symbol.counts);
        counted.filter_map(|symbol| labels.get(symbol.prediction.index)).cloned().collect()
    }
}

impl Reading {
    /// The text of its lines, separated by line breaks; lines without text are left out.
    pub fn text(&self, labels: &[String]) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.text(labels)).collect();
        let with_text: Vec<&str> =
            lines.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        with_text.join("\n")
    }

    /// The verdict on the whole reading. A single symbol's verdict is its own. A number is read if
    /// all of its symbols that count are, not a digit if none counts, and otherwise unsure.
    pub fn verdict(&self, thresholds: Thresholds) -> Verdict {
        let symbols: Vec<&Symbol> = self.lines.iter().flat_map(|line| &line.symbols).collect();
        let verdict = |symbol: &Symbol| thresholds.verdict(&symbol.prediction);
        match symbols[..] {
            [] => return Verdict::Blank,
            [only] => return verdict(only),
            _ => {}
        }
        let counted: Vec<&Symbol> = symbols.into_iter().filter(|symbol| symbol.counts).collect();
        if counted.is_empty() {
            Verdict::NotADigit
        } else if counted.iter().all(|symbol| verdict(symbol) == Verdict::Read) {
            Verdict::Read
        } else {
            Verdict::Unsure
        }
    }
}
