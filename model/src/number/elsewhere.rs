//! Other ways to see a picture, in case little is read in the first one: stronger ink alone, without
//! creases and shadows, and other sheets of paper. What has the most strokes may be a tiled table, or the
//! print beside a note.

use super::{
    lattice::{Elsewhere, Lattice},
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
/// Ink of less than this share of the strongest may be a crease or a shadow.
const STRONG: f32 = 0.45;

/// The other ways to see a picture, and the best reading so far.
pub(super) struct OtherWays {
    /// The sheet that is being read, with stronger ink alone.
    stronger: Option<Sheet>,
    /// Other sheets. The last one is tried first.
    others: Vec<Box<dyn FnOnce() -> Option<Sheet> + Send>>,
    /// How often the sheet has to be turned, if that is known.
    turns: Option<usize>,
    best: Option<Judged>,
}

impl OtherWays {
    /// Those besides `sheet`, which was found in the picture.
    pub(super) fn of(picture: &Picture, sheet: &Sheet, turns: Option<usize>) -> Box<Self> {
        let other = |&at: &[usize; 4]| -> Box<dyn FnOnce() -> Option<Sheet> + Send> {
            let part = picture.cropped(at);
            let block = part.block(WORKING_SIDE) as f64;
            let map = Homography::shift(at[0] as f64, at[1] as f64);
            let map = map.after(&Homography::scale(block));
            let part = part.averaged_to(WORKING_SIDE).into_owned();
            Box::new(move || Some(Sheet::of(&part, WORKING_SIDE)?.placed(&map)))
        };
        let others = sheet.others.iter().rev().map(other).collect();
        Box::new(Self { stronger: Some(sheet.stronger(STRONG)), others, turns, best: None })
    }
}

impl Elsewhere for OtherWays {
    fn after(mut self: Box<Self>, reading: Reading, thresholds: Thresholds) -> Step<Lattice> {
        let judged = Judged::of(reading, thresholds);
        if judged.digits >= 1.0 {
            return Step::Answer(judged.reading);
        }
        let best = match self.best.take() {
            Some(best) if best.score >= judged.score => best,
            _ => judged,
        };
        let sheet: Box<dyn FnOnce() -> Option<Sheet> + Send> = match self.stronger.take() {
            Some(sheet) => Box::new(move || Some(sheet)),
            None if best.digits >= DIGITS => return Step::Answer(best.reading),
            None => match self.others.pop() {
                Some(sheet) => sheet,
                None => return Step::Answer(best.reading),
            },
        };
        self.best = Some(best);
        Step::Again(Box::new(move || {
            let lattice = match sheet() {
                Some(sheet) => on_sheet(sheet, self.turns),
                None => Lattice::none(),
            };
            lattice.or_elsewhere(self)
        }))
    }
}

/// A reading, and how well it fits a sheet with numbers.
struct Judged {
    reading: Reading,
    score: f32,
    /// The share of its symbols that are digits; 0 if only one of several is.
    digits: f32,
}

impl Judged {
    fn of(reading: Reading, thresholds: Thresholds) -> Self {
        let symbols: Vec<&Symbol> = reading.lines.iter().flat_map(|line| &line.symbols).collect();
        let is_digit = |symbol: &&&Symbol| {
            symbol.counts && thresholds.verdict(&symbol.prediction) == Verdict::Read
        };
        let digits = symbols.iter().filter(is_digit).count() as f32;
        let all = symbols.len() as f32;
        let share = if digits > 1.0 || all == 1.0 { digits / all } else { 0.0 };
        Self { score: digits - REJECTED * (all - digits), digits: share, reading }
    }
}
