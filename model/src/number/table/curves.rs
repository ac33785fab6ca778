//! The printed lines of a table in one direction, as curves: paper is not flat, and a picture of it
//! not quite straight.

use super::runs::Runs;
use crate::{
    order::{nth, sorted},
    preprocess::{
        Ink,
        pieces::{NO_PIECE, pieces},
    },
};

// All lengths are in heights of a digit.

/// Pixels with at least this much ink (of 255) are part of a line. Lines may be printed in a faint
/// colour.
pub(super) const LINE: u8 = 14;
/// The same of a stroke.
pub(super) const STROKE: u8 = 40;
/// The least length of a line's part, its largest thickness, with its soft edges, and the largest gap in
/// it.
pub(super) const LONG_PART: f32 = 1.15;
const THIN: f32 = 0.25;
const GAP: f32 = 0.1;
/// A line's parts are at least this long together.
const SHORTEST: f32 = 1.0;
/// A part continues a line if it begins this close to where the line would go on.
const NEAR: f32 = 0.25;
/// A line's places are means over this length on both sides.
const SMOOTHED: f32 = 0.5;
/// The slope of a line is measured over this length.
const MEASURED: f32 = 8.0;
/// The largest slope of a line.
const STEEPEST: f32 = 0.12;
/// Lines closer than this are a double line.
const DOUBLE: f32 = 0.5;

/// A printed line that goes along the rows of an ink map, from its left to its right edge.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Its place across, for each pixel along.
    pub(super) at: Vec<f32>,
    /// Whether it is seen, for each pixel along.
    pub(super) seen: Vec<bool>,
    /// Its thickness in pixels.
    pub(super) thickness: f32,
    /// The least ink of its pixels.
    pub(super) level: u8,
}

/// A part of a line that is in one piece: its first column, and its place across in each column.
struct Part {
    first: usize,
    places: Vec<f32>,
}

impl Part {
    fn end(&self) -> usize {
        self.first + self.places.len()
    }
}

/// The lines that go along the rows of the ink, from top to bottom, whose parts are at least `long`.
/// `height` is a digit's, in pixels.
pub(super) fn curves(ink: &Ink, height: f32, long: f32) -> Vec<Curve> {
    let on_line = Runs { height, ink: LINE, long, thin: THIN, gap: GAP }.on(ink);
    let mut lines: Vec<Vec<Part>> = Vec::new();
    for part in sorted(parts(&on_line, ink.width(), height), |part| part.first as f32) {
        let away =
            |line: &Vec<Part>| ahead(line, part.first, height).map(|y| (y - part.places[0]).abs());
        let near = lines.iter_mut().filter_map(|line| away(line).map(|away| (away, line)));
        let nearest =
            near.filter(|(away, _)| *away <= NEAR * height).min_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((_, line)) => line.push(part),
            None => lines.push(vec![part]),
        }
    }
    let length = |line: &Vec<Part>| line.iter().map(|part| part.places.len()).sum::<usize>() as f32;
    lines.retain(|line| length(line) >= SHORTEST * height);
    let curves = lines.iter().map(|line| Curve::through(line, ink, height));
    let middle = |curve: &Curve| curve.at[curve.at.len() / 2];
    sorted(curves.collect(), middle)
}

/// The connected parts of lines. Where a line is steep, its runs of pixels overlap.
fn parts(on_line: &[bool], width: usize, height: f32) -> Vec<Part> {
    let values: Vec<u8> = on_line.iter().map(|&on| u8::from(on)).collect();
    let (piece_of, areas) = pieces(&values, width, 1);
    let mut spans = vec![(usize::MAX, 0); areas.len()];
    let inked = || piece_of.iter().enumerate().filter(|&(_, &piece)| piece != NO_PIECE);
    for (i, &piece) in inked() {
        let (first, end) = &mut spans[piece as usize];
        (*first, *end) = ((*first).min(i % width), (*end).max(i % width + 1));
    }
    let length = |&(first, end): &(usize, usize)| end.saturating_sub(first);
    let mut sums: Vec<Vec<(f32, f32)>> =
        spans.iter().map(|span| vec![(0.0, 0.0); length(span)]).collect();
    for (i, &piece) in inked() {
        let (sum, count) = &mut sums[piece as usize][i % width - spans[piece as usize].0];
        (*sum, *count) = (*sum + (i / width) as f32 + 0.5, *count + 1.0);
    }
    let least = (height / 4.0) as usize;
    let long = spans.iter().zip(sums).filter(|(span, _)| length(span) > least);
    // A piece has pixels in each of its columns, because it is connected.
    long.map(|(span, sums)| Part {
        first: span.0,
        places: sums.into_iter().map(|(sum, count)| sum / count).collect(),
    })
    .collect()
}

/// Where a line would be at a column after its end. `None` if it goes on beyond that column.
fn ahead(line: &[Part], column: usize, height: f32) -> Option<f32> {
    let last = line.last()?;
    // Parts may overlap by a few pixels where the line bends.
    if last.end() > column + height as usize / 4 {
        return None;
    }
    let (x, y) = (last.end() as f32, *last.places.last()?);
    Some(y + slope_before(line, height) * (column as f32 - x))
}

/// The slope at the end of a line.
fn slope_before(line: &[Part], height: f32) -> f32 {
    let points = line.iter().rev().flat_map(|part| {
        part.places.iter().enumerate().rev().map(|(i, &y)| ((part.first + i) as f32, y))
    });
    slope(points, height)
}

/// The slope of the line through some of the first points, 0 if there are too few.
fn slope(points: impl Iterator<Item = (f32, f32)>, height: f32) -> f32 {
    let points: Vec<(f32, f32)> = points.take((MEASURED * height) as usize).collect();
    let count = points.len() as f32;
    if count < SHORTEST * height {
        return 0.0;
    }
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (x, y) = (sum_x / count, sum_y / count);
    let (mut both, mut square) = (0.0, 0.0);
    for point in &points {
        both += (point.0 - x) * (point.1 - y);
        square += (point.0 - x) * (point.0 - x);
    }
    (both / square.max(1.0)).clamp(-STEEPEST, STEEPEST)
}

impl Curve {
    /// Through the parts of a line, straight between them and beyond them.
    fn through(line: &[Part], ink: &Ink, height: f32) -> Self {
        let width = ink.width();
        let mut at = vec![f32::NAN; width];
        let mut seen = vec![false; width];
        for part in line {
            at[part.first..part.end()].copy_from_slice(&part.places);
            seen[part.first..part.end()].fill(true);
        }
        let known: Vec<(usize, f32)> =
            (0..width).filter(|&x| seen[x]).map(|x| (x, at[x])).collect();
        let forwards = known.iter().map(|&(x, y)| (x as f32, y));
        let slopes = [slope(forwards.clone(), height), slope(forwards.rev(), height)];
        let (first, last) = (known[0], known[known.len() - 1]);
        let mut next = 0;
        for x in 0..width {
            if seen[x] {
                next += 1;
                continue;
            }
            let distance = |from: usize| x as f32 - from as f32;
            at[x] = if x < first.0 {
                first.1 + slopes[0] * distance(first.0)
            } else if x > last.0 {
                last.1 + slopes[1] * distance(last.0)
            } else {
                let (before, after) = (known[next - 1], known[next]);
                let share = distance(before.0) / (after.0 - before.0) as f32;
                before.1 + share * (after.1 - before.1)
            };
        }
        let at = smoothed(&at, (SMOOTHED * height) as usize);
        let level = level(ink, &at, &seen);
        let thickness = thickness(ink, &at, &seen, level);
        Self { at, seen, thickness, level }
    }

    /// A straight line that is not printed.
    pub(super) fn unseen(place: f32, length: usize) -> Self {
        Self { at: vec![place; length], seen: vec![false; length], thickness: 0.0, level: STROKE }
    }

    /// The share of it that is seen between two pixels along.
    pub(super) fn seen_between(&self, from: f32, to: f32) -> f32 {
        let (from, to) = (from.max(0.0) as usize, (to.max(0.0) as usize).min(self.seen.len()));
        let Some(part) = self.seen.get(from..to.max(from)) else { return 0.0 };
        part.iter().filter(|&&seen| seen).count() as f32 / part.len().max(1) as f32
    }

    /// The one of two lines of which more is seen, and the other where it is not.
    fn completed(&self, other: &Self) -> Self {
        let count = |curve: &Self| curve.seen.iter().filter(|&&seen| seen).count();
        let (first, second) =
            if count(self) >= count(other) { (self, other) } else { (other, self) };
        let mut all = first.clone();
        for i in (0..all.at.len()).filter(|&i| second.seen[i] && !first.seen[i]) {
            (all.at[i], all.seen[i]) = (second.at[i], true);
        }
        all
    }

    /// Whether it is closer to another line than a row could be.
    pub(super) fn is_double(&self, other: &Self, height: f32) -> bool {
        self.away(other) < DOUBLE * height
    }

    /// How far away another line is from where this one is seen.
    pub(super) fn away(&self, other: &Self) -> f32 {
        let places = (0..self.at.len()).filter(|&i| self.seen[i]);
        let mut apart: Vec<f32> = places.map(|i| (self.at[i] - other.at[i]).abs()).collect();
        let half = apart.len() / 2;
        nth(&mut apart, half)
    }

    /// The first pixel along where it is seen, and the one after the last.
    pub(super) fn ends(&self) -> Option<[f32; 2]> {
        let first = self.seen.iter().position(|&seen| seen)?;
        let last = self.seen.iter().rposition(|&seen| seen)?;
        Some([first as f32, last as f32 + 1.0])
    }

    /// Its place across at a pixel along, or at the nearest one.
    pub(super) fn place(&self, along: f32) -> f32 {
        let last = self.at.len().saturating_sub(1);
        self.at.get((along.max(0.0) as usize).min(last)).copied().unwrap_or(0.0)
    }
}

/// Of lines that are closer to each other than a row could be, the one of which more is seen, completed
/// with the others where it is not.
pub(super) fn without_doubles(curves: &[Curve], height: f32) -> Vec<Curve> {
    let mut kept: Vec<Curve> = Vec::new();
    for curve in curves {
        match kept.last_mut().filter(|last| curve.is_double(last, height)) {
            Some(last) => *last = last.completed(curve),
            None => kept.push(curve.clone()),
        }
    }
    kept
}

/// Each place as the mean of those around it, up to so many pixels away.
fn smoothed(at: &[f32], reach: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64];
    for &place in at {
        sums.push(sums[sums.len() - 1] + f64::from(place));
    }
    let mean = |x: usize| {
        // As far on both sides, so that a slope stays.
        let reach = reach.min(x).min(at.len() - 1 - x);
        let (from, to) = (x - reach, x + reach + 1);
        ((sums[to] - sums[from]) / (to - from) as f64) as f32
    };
    (0..at.len()).map(mean).collect()
}

/// Half of the median ink on a line, but no more than that of strokes.
fn level(ink: &Ink, at: &[f32], seen: &[bool]) -> u8 {
    let value = |x: usize| {
        let y = (at[x] as usize).min(ink.height() - 1);
        f32::from(ink.values()[y * ink.width() + x])
    };
    let mut values: Vec<f32> = (0..at.len()).filter(|&x| seen[x]).map(value).collect();
    let half = values.len() / 2;
    (nth(&mut values, half) / 2.0).clamp(f32::from(LINE), f32::from(STROKE)) as u8
}

/// The mean thickness of a line, without the tenth where it is thickest: strokes cross it there.
fn thickness(ink: &Ink, at: &[f32], seen: &[bool], level: u8) -> f32 {
    let run = |x: usize| {
        let inked = |&y: &usize| ink.values()[y * ink.width() + x] >= level;
        let y = (at[x] as usize).min(ink.height() - 1);
        let below = (y..ink.height()).take_while(inked).count();
        (below + (0..y).rev().take_while(inked).count()) as f32
    };
    let runs = (0..at.len()).filter(|&x| seen[x]).map(run).filter(|&run| run > 0.0);
    let runs = sorted(runs.collect(), |&run| run);
    let kept = (runs.len() * 9).div_ceil(10);
    (runs[..kept].iter().sum::<f32>() / kept.max(1) as f32).max(1.0)
}
