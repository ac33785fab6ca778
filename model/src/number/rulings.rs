//! Removes ruled lines, grids and printed borders from under the writing.
//!
//! A ruling is thin, nearly horizontal or vertical, and goes from one side of the picture to the
//! other. Straight lines are tried through pairs of thin runs of ink near opposite sides, and
//! accepted if thin runs lie along most of them. This is RANSAC (Fischler and Bolles, 1981) with
//! all pairs instead of random ones. It suits rulings because writing covers parts of them and
//! adds runs of its own: a least-squares fit would follow those, while here they are outvoted.
//! All pairs can be tried because only a few lines of pixels at either side provide them, which
//! also makes the result the same every time.
//!
//! A ruling is erased only where the ink is about as thin as the ruling itself. Where a stroke
//! crosses it, the run of ink is longer and stays, so the stroke is not cut in two.

use std::ops::Range;

use crate::{
    order::sorted,
    preprocess::{
        Ink,
        pieces::{NO_PIECE, pieces},
    },
};

/// Pixels with at least this much ink (of 255) are part of a line.
const LINE: u8 = 40;
/// In pictures with a shorter side below this, in pixels, no rulings are looked for.
const SMALLEST: usize = 64;
/// The largest thickness of a ruling, as a share of its length.
const THICKEST: f32 = 0.03;
/// The smallest share of a ruling that must be inked.
const COVERED: f32 = 0.8;
/// The largest slope against the picture's side.
const STEEPEST: f32 = 0.08;
/// The largest distance in pixels between a ruling's straight line and the middle of a run of ink
/// on it: paper is not quite flat.
const NEAR: f32 = 2.5;
/// How many lines of pixels across the rulings are examined ...
const EXAMINED: usize = 64;
/// ... and how many of them at either side provide the pairs of runs. More than one, because
/// writing may cover a ruling's end.
const ENDS: usize = 3;
/// The most rulings in one direction. If a line of pixels has more runs of ink than this, the
/// picture is not ruled paper.
const MAX_RULINGS: usize = 64;
/// Ink is erased if its thickness is at most this many times the ruling's median thickness.
const ERASED_THICKNESS: f32 = 1.6;

/// If another piece of ink is nearly as long as the rulings would be, as a share of their length, they
/// may be digits in a picture that was cropped to them, ...
const DIGIT: f32 = 0.75;
/// ... unless they are at least this many, at distances that differ by at most this factor, or at most
/// this share of the strokes' thickness thick.
const SEVERAL: usize = 5;
const EVEN: f32 = 1.4;
const THINNER: f32 = 0.7;

/// A run of ink in a line of pixels: its first pixel and the one after its last.
type InkRun = (usize, usize);

/// The ink without rulings in either direction.
pub(super) fn without_rulings(ink: Ink) -> Ink {
    let (width, height) = (ink.width(), ink.height());
    if width.min(height) < SMALLEST {
        return ink;
    }
    let mut values = ink.values().to_vec();
    for view in [
        View { along: width, across: height, step: 1, line: width },
        View { along: height, across: width, step: width, line: 1 },
    ] {
        let mut rest = values.clone();
        let found = erase_rulings(&mut rest, &view);
        let are_rulings = !found.is_empty()
            && (are_even(&found, view.along)
                || found
                    .iter()
                    .all(|ruling| ruling.thickness <= THINNER * thickness(&rest, width))
                || longest_piece(&rest, width, &view) < DIGIT * view.along as f32);
        if are_rulings {
            values = rest;
        }
    }
    // A picture with nothing else is left as it is: its lines are probably not rulings.
    let is_blank = values.iter().all(|&value| value < LINE);
    match Ink::new(width, height, values) {
        Some(rest) if !is_blank => rest,
        _ => ink,
    }
}

/// Addresses an ink map along its rows or along its columns, so that the same code finds
/// horizontal and vertical rulings.
struct View {
    /// Its size in the direction of the rulings, and across them.
    along: usize,
    across: usize,
    /// The distance between neighbouring values along the rulings and across them.
    step: usize,
    line: usize,
}

impl View {
    fn at(&self, along: usize, across: usize) -> usize {
        along * self.step + across * self.line
    }

    /// The runs of ink in one line of pixels across the rulings, at the position `along`: those in
    /// the range `places` that are no thicker than `thickest`.
    fn runs(
        &self,
        values: &[u8],
        along: usize,
        places: Range<usize>,
        thickest: usize,
    ) -> Vec<InkRun> {
        let mut runs = Vec::new();
        let mut begun = None;
        let last = places.end.min(self.across);
        for across in places.start..=last {
            let inked = across < last && values[self.at(along, across)] >= LINE;
            match (inked, begun) {
                (true, None) => begun = Some(across),
                (false, Some(first)) => {
                    if across - first <= thickest {
                        runs.push((first, across));
                    }
                    begun = None;
                }
                _ => {}
            }
        }
        runs
    }
}

/// A straight line: its position across at the beginning, and the change per pixel along.
#[derive(Clone, Copy)]
struct StraightLine {
    start: f32,
    slope: f32,
}

impl StraightLine {
    fn at(&self, along: usize) -> f32 {
        self.start + self.slope * along as f32
    }

    /// The run that lies on it, if any. `runs` are in order.
    fn run<'a>(&self, along: usize, runs: &'a [InkRun]) -> Option<&'a InkRun> {
        let at = self.at(along);
        let first = runs.partition_point(|&run| middle(run) < at - NEAR);
        runs.get(first).filter(|&&run| middle(run) <= at + NEAR)
    }
}

fn middle((first, end): InkRun) -> f32 {
    (first + end) as f32 / 2.0
}

/// A ruling that was found.
struct Ruling {
    line: StraightLine,
    /// Its median thickness in pixels.
    thickness: f32,
}

/// The thickness of strokes: twice the area by the outline, whose length pixel edges overstate by 4/π on
/// average. 0 without ink.
fn thickness(values: &[u8], width: usize) -> f32 {
    let inked = |i: usize| values.get(i).is_some_and(|&value| value >= LINE);
    let (mut area, mut outline) = (0.0, 0.0);
    for i in (0..values.len()).filter(|&i| inked(i)) {
        area += 1.0;
        let around = [i.checked_sub(1), Some(i + 1), i.checked_sub(width), Some(i + width)];
        outline += around.into_iter().filter(|at| !at.is_some_and(inked)).count() as f32;
    }
    2.0 * area / (outline * std::f32::consts::FRAC_PI_4).max(1.0)
}

/// Whether these are several lines at even distances, as on squared paper.
fn are_even(rulings: &[Ruling], along: usize) -> bool {
    let places = rulings.iter().map(|ruling| ruling.line.at(along / 2));
    let places = sorted(places.collect(), |&place| place);
    let gaps = || places.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = (gaps().fold(f32::MAX, f32::min), gaps().fold(0.0, f32::max));
    places.len() >= SEVERAL && most <= EVEN * least
}

/// Finds the rulings in one direction, one after the other, and erases them.
fn erase_rulings(values: &mut [u8], view: &View) -> Vec<Ruling> {
    let thickest = ((view.along as f32 * THICKEST) as usize).max(2);
    let examined: Vec<usize> =
        (0..EXAMINED).map(|i| (2 * i + 1) * view.along / (2 * EXAMINED)).collect();
    let mut runs: Vec<Vec<InkRun>> =
        examined.iter().map(|&along| view.runs(values, along, 0..view.across, thickest)).collect();
    if runs.iter().any(|runs| runs.len() > MAX_RULINGS) {
        return Vec::new();
    }
    let mut found = Vec::new();
    while found.len() < MAX_RULINGS {
        let Some(straight) = best(&examined, &runs) else { break };
        let mut own = Vec::new();
        for (&along, runs) in examined.iter().zip(&mut runs) {
            if let Some(&run) = straight.run(along, runs) {
                own.push(run.1 - run.0);
                runs.retain(|&other| other != run);
            }
        }
        own.sort_unstable();
        let thickness = own[own.len() / 2] as f32;
        found.push(Ruling { line: straight, thickness });
        let limit = (thickness * ERASED_THICKNESS).max(2.0) as usize;
        for along in 0..view.along {
            // Wide enough that a run that is cut off at its ends is too thick to be erased.
            let reach = NEAR as usize + limit + 2;
            let at = straight.at(along).max(0.0) as usize;
            let places = at.saturating_sub(reach)..at + reach;
            let thin = view.runs(values, along, places, limit);
            if let Some(&(first, end)) = straight.run(along, &thin) {
                // Including its soft edge.
                for across in first.saturating_sub(1)..(end + 1).min(view.across) {
                    values[view.at(along, across)] = 0;
                }
            }
        }
    }
    found
}

/// The length of the longest piece of ink in the direction of the rulings.
fn longest_piece(values: &[u8], width: usize, view: &View) -> f32 {
    let (piece_of, areas) = pieces(values, width, LINE);
    let mut ends = vec![(usize::MAX, 0); areas.len()];
    for (i, &piece) in piece_of.iter().enumerate().filter(|&(_, &piece)| piece != NO_PIECE) {
        let along = if view.step == 1 { i % width } else { i / width };
        let (first, last) = &mut ends[piece as usize];
        (*first, *last) = ((*first).min(along), (*last).max(along + 1));
    }
    let longest = ends.iter().map(|&(first, last)| last.saturating_sub(first)).max();
    longest.unwrap_or(0) as f32
}

/// The straight line with runs at the most positions; `None` if there are not enough.
fn best(examined: &[usize], runs: &[Vec<InkRun>]) -> Option<StraightLine> {
    let enough = (COVERED * examined.len() as f32) as usize;
    let mut best = None;
    for from in 0..ENDS {
        for to in examined.len() - ENDS..examined.len() {
            let distance = (examined[to] - examined[from]) as f32;
            for &a in &runs[from] {
                let steep = |&&b: &&InkRun| (middle(b) - middle(a)).abs() > STEEPEST * distance;
                for &b in runs[to].iter().filter(|b| !steep(b)) {
                    let slope = (middle(b) - middle(a)) / distance;
                    let start = middle(a) - slope * examined[from] as f32;
                    let straight = StraightLine { start, slope };
                    let on = |(&along, runs): (&usize, &Vec<InkRun>)| {
                        straight.run(along, runs).is_some()
                    };
                    let count = examined.iter().zip(runs).filter(|&at| on(at)).count();
                    if count >= enough && best.is_none_or(|(most, _)| count > most) {
                        best = Some((count, straight));
                    }
                    if count == examined.len() {
                        return Some(straight);
                    }
                }
            }
        }
    }
    best.map(|(_, straight)| straight)
}
