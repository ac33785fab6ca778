//! Ruled lines, squares and printed borders, out of the way of the writing on them.
//!
//! A ruling is thin, nearly level or upright, and goes from one side of the picture to
//! the other. Lines are tried through pairs of thin runs of ink near opposite sides, and
//! kept if thin runs lie along most of them (RANSAC with all pairs instead of random
//! ones: Fischler and Bolles, 1981). Of a ruling only what is no thicker than itself is
//! taken away, so that the strokes that cross it stay whole.

use std::ops::Range;

use crate::preprocess::Ink;

/// Ink from this value on is of a line.
const LINE: u8 = 64;
/// Pictures with a shorter side than this have no rulings.
const SMALLEST: usize = 64;
/// A ruling is not thicker than this share of its length.
const THICKEST: f32 = 0.03;
/// Ink lies along at least this share of it.
const COVERED: f32 = 0.8;
/// The tangent of the angle to the picture's side is not more than this.
const STEEPEST: f32 = 0.08;
/// Places, in pixels, are a ruling's if they are no further from its straight.
const NEAR: f32 = 2.5;
/// Lines of pixels across the rulings that are looked at, and how many of them at either
/// side the pairs come from.
const LOOKED_AT: usize = 64;
const ENDS: usize = 3;
/// Most rulings in one direction; with more runs of ink in a line of pixels it is no paper.
const MOST: usize = 64;
/// What is taken away is at most this many times as thick as the ruling in general.
const THICKER: f32 = 1.6;

/// A run of ink in a line of pixels: where it begins, and where it has ended.
type Run = (usize, usize);

/// The ink without rulings in either direction.
pub(super) fn without_rulings(ink: Ink) -> Ink {
    let (width, height) = (ink.width(), ink.height());
    if width.min(height) < SMALLEST {
        return ink;
    }
    let mut values = ink.values().to_vec();
    take_away(&mut values, &View { along: width, across: height, step: 1, line: width });
    take_away(&mut values, &View { along: height, across: width, step: width, line: 1 });
    // A picture of rulings alone is left as it is.
    let is_blank = values.iter().all(|&value| value < LINE);
    match Ink::new(width, height, values) {
        Some(rest) if !is_blank => rest,
        _ => ink,
    }
}

/// A map seen along its rows or along its columns.
struct View {
    /// Its size in the direction of the rulings, and across them.
    along: usize,
    across: usize,
    /// From a value to the next one along, and to the next one across.
    step: usize,
    line: usize,
}

impl View {
    fn at(&self, along: usize, across: usize) -> usize {
        along * self.step + across * self.line
    }

    /// The thin runs of ink at one place along, of those that end within `places` across.
    fn runs(&self, values: &[u8], along: usize, places: Range<usize>, thickest: usize) -> Vec<Run> {
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

/// A straight: its place across at the beginning, and the step for each pixel along.
#[derive(Clone, Copy)]
struct Straight {
    start: f32,
    slope: f32,
}

impl Straight {
    fn at(&self, along: usize) -> f32 {
        self.start + self.slope * along as f32
    }

    /// The run that lies on it, if one does. Runs are in order.
    fn run<'a>(&self, along: usize, runs: &'a [Run]) -> Option<&'a Run> {
        let at = self.at(along);
        let first = runs.partition_point(|&run| middle(run) < at - NEAR);
        runs.get(first).filter(|&&run| middle(run) <= at + NEAR)
    }
}

fn middle((first, end): Run) -> f32 {
    (first + end) as f32 / 2.0
}

fn take_away(values: &mut [u8], view: &View) {
    let thickest = ((view.along as f32 * THICKEST) as usize).max(2);
    let looked_at: Vec<usize> =
        (0..LOOKED_AT).map(|i| (2 * i + 1) * view.along / (2 * LOOKED_AT)).collect();
    let mut runs: Vec<Vec<Run>> =
        looked_at.iter().map(|&along| view.runs(values, along, 0..view.across, thickest)).collect();
    if runs.iter().any(|runs| runs.len() > MOST) {
        return;
    }
    for _ in 0..MOST {
        let Some(straight) = best(&looked_at, &runs) else { return };
        let mut own = Vec::new();
        for (&along, runs) in looked_at.iter().zip(&mut runs) {
            if let Some(&run) = straight.run(along, runs) {
                own.push(run.1 - run.0);
                runs.retain(|&other| other != run);
            }
        }
        own.sort_unstable();
        let limit = (own[own.len() / 2] as f32 * THICKER).max(2.0) as usize;
        for along in 0..view.along {
            // A run that reaches out of these places is too thick.
            let reach = NEAR as usize + limit + 2;
            let at = straight.at(along).max(0.0) as usize;
            let places = at.saturating_sub(reach)..at + reach;
            let thin = view.runs(values, along, places, limit);
            if let Some(&(first, end)) = straight.run(along, &thin) {
                // Its soft edge too.
                for across in first.saturating_sub(1)..(end + 1).min(view.across) {
                    values[view.at(along, across)] = 0;
                }
            }
        }
    }
}

/// The straight that most runs lie on; none if that are not enough.
fn best(looked_at: &[usize], runs: &[Vec<Run>]) -> Option<Straight> {
    let enough = (COVERED * looked_at.len() as f32) as usize;
    let mut best = None;
    for from in 0..ENDS {
        for to in looked_at.len() - ENDS..looked_at.len() {
            let distance = (looked_at[to] - looked_at[from]) as f32;
            for &a in &runs[from] {
                let steep = |&&b: &&Run| (middle(b) - middle(a)).abs() > STEEPEST * distance;
                for &b in runs[to].iter().filter(|b| !steep(b)) {
                    let slope = (middle(b) - middle(a)) / distance;
                    let start = middle(a) - slope * looked_at[from] as f32;
                    let straight = Straight { start, slope };
                    let on =
                        |(&along, runs): (&usize, &Vec<Run>)| straight.run(along, runs).is_some();
                    let count = looked_at.iter().zip(runs).filter(|&at| on(at)).count();
                    if count >= enough && best.is_none_or(|(most, _)| count > most) {
                        best = Some((count, straight));
                    }
                    if count == looked_at.len() {
                        return Some(straight);
                    }
                }
            }
        }
    }
    best.map(|(_, straight)| straight)
}
