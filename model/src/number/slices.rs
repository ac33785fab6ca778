//! Slices a piece of ink that may be several touching digits, along the seams that cross the least
//! ink.
//!
//! Digits that touch rarely have a straight vertical line between them: a 7 leans over its
//! neighbour, a 2 runs under it. A seam is a path from top to bottom that moves by at most one
//! column per row, so it bends around the strokes, and dynamic programming finds the cheapest one
//! (as in seam carving: Avidan and Shamir, 2007). Too many seams do no harm, because the lattice
//! puts slices together again; a missing one cannot be made up for.

use super::{bounds::Bounds, components::Components, lattice::Segment};
use crate::order::sorted;

/// Pieces at least this many line heights wide may be several digits.
const WIDE: f32 = 0.55;
/// Pieces lower than this many line heights are bars, such as those of a 5 or a 7.
const LOW: f32 = 0.4;
/// On lines lower than this, in pixels, too little can be seen to cut.
const SMALLEST: f32 = 20.0;
/// A cut crosses at most this many line heights of ink ...
const MAX_CROSSED: f32 = 0.4;
/// ... and costs this much plus [`CROSSING`] for each line height of ink that it crosses.
const CUT: f32 = 1.5;
const CROSSING: f32 = 8.0;
/// The smallest distance between cuts, and between a cut and the ends, in line heights.
const APART: f32 = 0.14;
/// The smallest area of a slice, in squared line heights.
const MIN_AREA: f32 = 0.02;
/// The cost of a seam's step to the side, in pixels of ink: enough to go straight where there is
/// nothing to go around.
const SIDEWAYS: f32 = 0.05;

/// The slices of a piece, which become pieces with new ids; the piece itself if it is not cut.
/// `height` is the line's, in pixels.
pub(super) fn sliced(components: &mut Components, id: u32, height: f32) -> Vec<Segment> {
    let Some(bounds) = components.bounds[id as usize] else { return Vec::new() };
    let work = (bounds.width() * bounds.height()) as usize;
    let whole = vec![Segment { id: id as usize, bounds, cut: 0.0, work }];
    let is_bar = bounds.height() < LOW * height;
    if bounds.width() < WIDE * height || is_bar || height < SMALLEST {
        return whole;
    }
    let seams = seams(components, id, &bounds, height);
    let (left, top) = (bounds.left as usize, bounds.top as usize);
    let mut areas = vec![0.0; seams.len() + 1];
    let slice_of =
        |x: usize, y: usize| seams.iter().filter(|seam| seam.path[y - top] <= x - left).count();
    let width = components.ink.width();
    let pixels: Vec<(usize, usize)> = (top..bounds.bottom as usize)
        .flat_map(|y| (left..bounds.right as usize).map(move |x| (x, y)))
        .filter(|&(x, y)| components.owner[y * width + x] == id)
        .map(|(x, y)| (y * width + x, slice_of(x, y)))
        .collect();
    for &(_, slice) in &pixels {
        areas[slice] += 1.0;
    }
    // A slice that is too small joins the one before it, or the one after if it is the first.
    let mut number = vec![0; areas.len()];
    let mut cuts: Vec<f32> = Vec::new();
    for (slice, &area) in areas.iter().enumerate() {
        if area >= MIN_AREA * height * height {
            cuts.push(if cuts.is_empty() { 0.0 } else { seams[slice - 1].cost });
        }
        number[slice] = cuts.len().saturating_sub(1);
    }
    if cuts.len() < 2 {
        return whole;
    }
    let first = components.bounds.len();
    components.bounds[id as usize] = None;
    components.bounds.resize(first + cuts.len(), None);
    for (i, slice) in pixels {
        let id = first + number[slice];
        components.owner[i] = id as u32;
        components.cover(id, i);
    }
    let segment = |(slice, cut): (usize, f32)| {
        let bounds = components.bounds[first + slice]?;
        let work = (bounds.width() * bounds.height()) as usize;
        Some(Segment { id: first + slice, bounds, cut, work })
    };
    cuts.into_iter().enumerate().filter_map(segment).collect()
}

/// A path from the top to the bottom of a piece.
struct Seam {
    /// Its column in each row, counted from the piece's upper left corner.
    path: Vec<usize>,
    /// The cost of cutting along it, as a negative log probability.
    cost: f32,
}

/// The seams that cross the least ink, from left to right.
fn seams(components: &Components, id: u32, bounds: &Bounds, height: f32) -> Vec<Seam> {
    let (columns, rows) = (bounds.width() as usize, bounds.height() as usize);
    let (left, top) = (bounds.left as usize, bounds.top as usize);
    let ink = |x: usize, y: usize| {
        let i = (top + y) * components.ink.width() + left + x;
        if components.owner[i] == id { f32::from(components.ink.values()[i]) / 255.0 } else { 0.0 }
    };
    // All seams from the top alone would run together into the same few cheap paths. Joining the
    // cheapest path from the top with the cheapest one from the bottom gives the cheapest seam
    // through each column of the middle row, and thus seams all along the piece.
    let middle = rows / 2;
    let upper = CheapestPaths::to_row(columns, (0..=middle).collect(), ink);
    let lower = CheapestPaths::to_row(columns, (middle..rows).rev().collect(), ink);
    // The ink of the middle row is in both halves and counts once.
    let crossed: Vec<f32> =
        (0..columns).map(|x| upper.cost(x) + lower.cost(x) - ink(x, middle)).collect();
    let apart = ((APART * height) as usize).max(1);
    // Where several neighbouring columns cross equally little ink, the cut should be in the middle
    // of them: the difference between the distances to both ends.
    let off_middle = |x: usize| {
        let same = |&other: &usize| crossed[other] <= crossed[x] + 0.5;
        let to_left = (0..x).rev().take(2 * apart).take_while(same).count();
        let to_right = (x + 1..columns).take(2 * apart).take_while(same).count();
        to_left.abs_diff(to_right)
    };
    // By the ink; among equals by how far they are from the middle.
    let key = |x: &usize| crossed[*x].round() + off_middle(*x) as f32 / columns as f32;
    let by_cost = sorted((apart..columns.saturating_sub(apart)).collect(), key);
    let mut chosen: Vec<usize> = Vec::new();
    for x in by_cost {
        let low = crossed[x] <= MAX_CROSSED * height;
        if low && chosen.iter().all(|&other| other.abs_diff(x) >= apart) {
            chosen.push(x);
        }
    }
    let chosen = sorted(chosen, |&x| x as f32);
    let seam = |x: usize| {
        let mut path = upper.path(x);
        path.extend(lower.path(x).into_iter().rev().skip(1));
        Seam { path, cost: CUT + CROSSING * crossed[x] / height }
    };
    chosen.into_iter().map(seam).collect()
}

/// The cheapest paths from the first of some rows to each column of the last one.
struct CheapestPaths {
    columns: usize,
    costs: Vec<f32>,
    /// For each row but the first and each column, the column in the row before that the path comes
    /// from.
    from: Vec<u32>,
}

impl CheapestPaths {
    fn to_row(columns: usize, rows: Vec<usize>, ink: impl Fn(usize, usize) -> f32) -> Self {
        let mut rows = rows.into_iter();
        let first = rows.next().unwrap_or(0);
        let mut costs: Vec<f32> = (0..columns).map(|x| ink(x, first)).collect();
        let mut from = Vec::new();
        for y in rows {
            let step = |x: usize| {
                let before = x.saturating_sub(1)..=(x + 1).min(columns - 1);
                let cost = |b: usize| costs[b] + SIDEWAYS * b.abs_diff(x) as f32;
                let best = before.map(|b| (cost(b), b)).min_by(|a, b| a.0.total_cmp(&b.0));
                let (cost, before) = best.unwrap_or((costs[x], x));
                (cost + ink(x, y), before as u32)
            };
            let (next, before): (Vec<f32>, Vec<u32>) = (0..columns).map(step).unzip();
            costs = next;
            from.extend(before);
        }
        Self { columns, costs, from }
    }

    fn cost(&self, x: usize) -> f32 {
        self.costs[x]
    }

    /// The columns of the path to `x`, from the first row on.
    fn path(&self, x: usize) -> Vec<usize> {
        let mut path = vec![x];
        let mut at = x;
        for row in self.from.chunks(self.columns).rev() {
            at = row[at] as usize;
            path.push(at);
        }
        path.reverse();
        path
    }
}
