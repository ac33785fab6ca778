//! A piece of ink that may be several digits that touch, cut where the least ink is
//! crossed.

use super::{Bounds, picture::Owned};

/// Pieces wider than this many line heights may be several digits.
const WIDE: f32 = 0.55;
/// A cut crosses no more ink than this many line heights ...
const MOST_CROSSED: f32 = 0.4;
/// ... and costs this much, and [`CROSSING`] for each line height of ink.
const CUT: f32 = 1.5;
const CROSSING: f32 = 8.0;
/// Cuts are no nearer to each other, or to the ends, than this many line heights.
const APART: f32 = 0.14;
/// A slice has at least this much ink, in squares of the line height.
const LEAST: f32 = 0.02;
/// What a step to the side costs a seam, in pixels of ink: enough that it goes straight
/// where there is nothing to go around.
const SIDEWAYS: f32 = 0.05;

/// A part of a piece.
pub(super) struct Slice {
    /// Its number among the pieces.
    pub(super) id: u32,
    /// What it costs to divide it from the one before; 0 for a piece of its own.
    pub(super) cut: f32,
}

/// A piece in slices, which get numbers of their own; just the piece if it is narrow.
pub(super) fn sliced(owned: &mut Owned, id: u32, height: f32) -> Vec<Slice> {
    let whole = vec![Slice { id, cut: 0.0 }];
    let Some(bounds) = owned.bounds[id as usize] else { return whole };
    if bounds.width() < WIDE * height {
        return whole;
    }
    let seams = seams(owned, id, &bounds, height);
    let first_new = owned.bounds.len() as u32;
    let (left, top) = (bounds.left as usize, bounds.top as usize);
    let mut areas = vec![0.0; seams.len() + 1];
    let slice_of = |x: usize, y: usize| {
        seams.iter().filter(|seam| seam.way[y - top] <= x - left).count()
    };
    let width = owned.ink.width();
    let pixels: Vec<(usize, usize)> = (top..bounds.bottom as usize)
        .flat_map(|y| (left..bounds.right as usize).map(move |x| (x, y)))
        .filter(|&(x, y)| owned.owner[y * width + x] == id)
        .map(|(x, y)| (y * width + x, slice_of(x, y)))
        .collect();
    for &(_, slice) in &pixels {
        areas[slice] += 1.0;
    }
    // A sliver goes to the slice before it, the first one to the one after.
    let mut slices = Vec::new();
    let mut number = vec![0; areas.len()];
    let mut pending = Vec::new();
    for (slice, &area) in areas.iter().enumerate() {
        if area < LEAST * height * height {
            match slices.len() {
                0 => pending.push(slice),
                some => number[slice] = some - 1,
            }
            continue;
        }
        for sliver in pending.drain(..) {
            number[sliver] = slices.len();
        }
        number[slice] = slices.len();
        let cut = if slices.is_empty() { 0.0 } else { seams[slice - 1].cost };
        slices.push(Slice { id: first_new + slices.len() as u32, cut });
    }
    if slices.len() < 2 {
        return whole;
    }
    let mut around = vec![None::<Bounds>; slices.len()];
    for (i, slice) in pixels {
        let slice = number[slice];
        owned.owner[i] = slices[slice].id;
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        let pixel = Bounds { left: x, top: y, right: x + 1.0, bottom: y + 1.0 };
        around[slice] = Some(around[slice].map_or(pixel, |bounds| bounds.with(&pixel)));
    }
    owned.bounds[id as usize] = None;
    owned.bounds.extend(around);
    slices
}

/// A way from top to bottom.
struct Seam {
    /// Its column in each row, from the piece's upper left corner.
    way: Vec<usize>,
    cost: f32,
}

/// The ways from top to bottom that cross the least ink, from left to right.
fn seams(owned: &Owned, id: u32, bounds: &Bounds, height: f32) -> Vec<Seam> {
    let (columns, rows) = (bounds.width() as usize, bounds.height() as usize);
    let (left, top) = (bounds.left as usize, bounds.top as usize);
    let ink = |x: usize, y: usize| {
        let i = (top + y) * owned.ink.width() + left + x;
        if owned.owner[i] == id { f32::from(owned.ink.values()[i]) / 255.0 } else { 0.0 }
    };
    let middle = rows / 2;
    let upper = Ways::to_row(columns, (0..=middle).collect(), ink);
    let lower = Ways::to_row(columns, (middle..rows).rev().collect(), ink);
    // Through each column of the middle row; its own ink is in both halves.
    let crossed: Vec<f32> =
        (0..columns).map(|x| upper.cost(x) + lower.cost(x) - ink(x, middle)).collect();
    let apart = ((APART * height) as usize).max(1);
    let mut by_cost: Vec<usize> = (apart..columns.saturating_sub(apart)).collect();
    let centre = columns as f32 / 2.0;
    // Of a valley's floor, which is flat, the place in the middle of it.
    let floor = |x: usize| {
        let same = |&other: &usize| crossed[other] <= crossed[x] + 0.5;
        let to_left = (0..x).rev().take_while(same).count();
        let to_right = (x + 1..columns).take_while(same).count();
        to_left.abs_diff(to_right)
    };
    by_cost.sort_by(|&a, &b| {
        let order = crossed[a].round().total_cmp(&crossed[b].round());
        order
            .then_with(|| floor(a).cmp(&floor(b)))
            .then_with(|| (a as f32 - centre).abs().total_cmp(&(b as f32 - centre).abs()))
    });
    let mut chosen: Vec<usize> = Vec::new();
    for x in by_cost {
        let low = crossed[x] <= MOST_CROSSED * height;
        if low && chosen.iter().all(|&other| other.abs_diff(x) >= apart) {
            chosen.push(x);
        }
    }
    chosen.sort_unstable();
    let seam = |x: usize| {
        let mut way = upper.way(x);
        way.extend(lower.way(x).into_iter().rev().skip(1));
        Seam { way, cost: CUT + CROSSING * crossed[x] / height }
    };
    chosen.into_iter().map(seam).collect()
}

/// The cheapest ways from the first of some rows to each column of the last one.
struct Ways {
    columns: usize,
    costs: Vec<f32>,
    /// From where the way to each column of each row but the first comes.
    from: Vec<u32>,
}

impl Ways {
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

    /// The columns of the way to `x`, from the first row on.
    fn way(&self, x: usize) -> Vec<usize> {
        let mut way = vec![x];
        let mut at = x;
        for row in self.from.chunks(self.columns).rev() {
            at = row[at] as usize;
            way.push(at);
        }
        way.reverse();
        way
    }
}
