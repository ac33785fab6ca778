//! Whole numbers: from a drawing or a picture with any number of digits on any number of
//! lines to each of them in its place.
//!
//! ```text
//! Strokes ─ strokes ─┐           ┌─ lattice ─► glyphs ─ Classifier ─► predictions ─┐
//!                    ├─ segments ───┤                                                 ├─► Reading
//! Picture ─ picture ─┘  (lines)  └───────────────── best ──────────────────────────┘
//! ```
//!
//! An segment is ink that is never taken apart: a stroke, a connected piece of ink, or a
//! slice of either where digits may touch.

mod bounds;
mod boxes;
mod components;
mod lattice;
mod lines;
mod order;
mod picture;
mod rulings;
mod slices;
mod strokes;

pub use bounds::Bounds;
pub use lattice::Lattice;

use crate::{
    Glyph, Prediction, Thresholds, Verdict,
    preprocess::{Picture, Strokes},
};

/// What stands on the lines of a drawing or a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// From top to bottom, those of one row from left to right; none is empty.
    pub lines: Vec<ReadLine>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadLine {
    /// Around its symbols.
    pub bounds: Bounds,
    /// From left to right.
    pub symbols: Vec<Symbol>,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// Around its ink.
    pub bounds: Bounds,
    /// As the network saw it.
    pub glyph: Glyph,
    /// The strokes that it is made of, by their index, if it is made of whole ones.
    pub strokes: Option<Vec<usize>>,
    /// What the network said.
    pub prediction: Prediction,
    /// Whether it belongs to the number. A letter or a blot among the digits does not.
    pub counts: bool,
}

impl ReadLine {
    /// Its symbols that count, by `labels`.
    pub fn text(&self, labels: &[String]) -> String {
        let counted = self.symbols.iter().filter(|symbol| symbol.counts);
        counted.filter_map(|symbol| labels.get(symbol.prediction.index)).cloned().collect()
    }
}

impl Reading {
    /// The text of its lines, those without any left out.
    pub fn text(&self, labels: &[String]) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.text(labels)).collect();
        let with_text: Vec<&str> =
            lines.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        with_text.join("\n")
    }

    /// What to make of it: of one symbol what it is by itself; a number is read if all of
    /// it is.
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

impl Lattice {
    /// What may be read in a drawing. With `boxes`, each of them holds one symbol, and
    /// what is in none is left out.
    pub fn of_strokes(strokes: &Strokes, boxes: Option<&[Bounds]>) -> Self {
        strokes::lattice(strokes, boxes)
    }

    /// What may be read in a picture. With `boxes` (in its pixels), each of them holds one
    /// symbol, and what is in none is left out.
    pub fn of_picture(picture: &Picture, boxes: Option<&[Bounds]>) -> Self {
        picture::lattice(picture, boxes)
    }

    /// What may be read in a glyph: one symbol.
    pub fn of_glyph(glyph: &Glyph) -> Self {
        picture::one(glyph)
    }
}
