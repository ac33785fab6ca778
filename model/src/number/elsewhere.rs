//! Other sheets of paper in a picture, in case little is read on the one that was chosen: what has the most
//! strokes may be a tiled table, or the print beside a note.

use super::{
    lattice::Lattice,
    picture::on_sheet,
    question::Step,
    reading::{Reading, Symbol},
};
use crate::{
    preprocess::{Homography, Picture, Sheet, WORKING_SIDE},
    verdict::{Thresholds, Verdict},
};

/// On the right sheet at least this share of the symbols is digits.
const DIGITS: f32 = 0.6;
/// A symbol that is none counts this much against a digit.
const REJECTED: f32 = 0.5;

/// The parts of a picture with other sheets, and the best reading so far.
pub(super) struct Elsewhere {
    parts: Vec<Part>,
    best: Option<(f32, Reading)>,
}

/// A part of a picture.
struct Part {
    picture: Picture,
    /// From its pixels to those of the whole picture.
    map: Homography,
}

impl Elsewhere {
    /// The parts, each with its left, top, right and bottom pixels, the most likely one first. `None`
    /// without any.
    pub(super) fn of(picture: &Picture, parts: &[[usize; 4]]) -> Option<Box<Self>> {
        let part = |&at: &[usize; 4]| {
            let part = picture.cropped(at);
            let block = part.block(WORKING_SIDE) as f64;
            let map = Homography::shift(at[0] as f64, at[1] as f64);
            Part {
                map: map.after(&Homography::scale(block)),
                picture: part.averaged_to(WORKING_SIDE).into_owned(),
            }
        };
        // The last one is tried first.
        let parts: Vec<Part> = parts.iter().rev().map(part).collect();
        (!parts.is_empty()).then(|| Box::new(Self { parts, best: None }))
    }

    /// What follows from a reading: it is the answer, or another sheet is looked at.
    pub(super) fn after(
        mut self: Box<Self>,
        reading: Reading,
        thresholds: Thresholds,
    ) -> Step<Lattice> {
        let (score, is_enough) = judged(&reading, thresholds);
        if is_enough {
            return Step::Answer(reading);
        }
        if self.best.as_ref().is_none_or(|(best, _)| score > *best) {
            self.best = Some((score, reading));
        }
        match (self.parts.pop(), self.best.take()) {
            (None, Some((_, best))) => Step::Answer(best),
            (Some(part), best) => Step::Again(Box::new(move || {
                let sheet = Sheet::of(&part.picture, WORKING_SIDE);
                let lattice = match sheet.map(|sheet| sheet.placed(&part.map)) {
                    Some(sheet) => on_sheet(sheet, None),
                    None => Lattice::none(),
                };
                lattice.or_elsewhere(Some(Box::new(Self { best, ..*self })))
            })),
            (None, None) => Step::Answer(Reading::none()),
        }
    }
}

/// How well a reading fits a sheet with numbers, and whether it is surely one.
fn judged(reading: &Reading, thresholds: Thresholds) -> (f32, bool) {
    let symbols: Vec<&Symbol> = reading.lines.iter().flat_map(|line| &line.symbols).collect();
    let is_digit = |symbol: &&&Symbol| {
        symbol.counts && thresholds.verdict(&symbol.prediction) == Verdict::Read
    };
    let digits = symbols.iter().filter(is_digit).count() as f32;
    let all = symbols.len() as f32;
    let is_enough = digits > 0.0 && digits >= DIGITS * all && (digits > 1.0 || all == 1.0);
    (digits - REJECTED * (all - digits), is_enough)
}
