//! Which pieces of ink are on the same line.

use super::bounds::Bounds;
use crate::order::{order, sorted};

/// Pieces lower than this share of the tallest, such as bars and dots, do not form a line of their
/// own; they join the nearest one.
const TALL: f32 = 0.4;
/// A piece continues a line if it overlaps one of the line's last pieces vertically by at least
/// this share of the lower one's height. Only the last two are compared, so that a line may slope.
const SHARED: f32 = 0.35;
/// Pieces further apart than this many heights are on different lines, even in the same row.
const APART: f32 = 3.0;

/// A line of pieces.
pub(super) struct LineOfPieces {
    /// The indices of its pieces, in no particular order.
    pub(super) pieces: Vec<usize>,
    /// The height of its digits.
    pub(super) height: f32,
    bounds: Bounds,
}

/// Groups pieces into lines, from top to bottom; lines in the same row from left to right.
pub(super) fn lines(pieces: &[Bounds]) -> Vec<LineOfPieces> {
    let height = typical_height(pieces);
    let lefts: Vec<f32> = pieces.iter().map(|bounds| bounds.left).collect();
    let (tall, small): (Vec<usize>, Vec<usize>) =
        order(&lefts).into_iter().partition(|&i| pieces[i].height() >= TALL * height);
    let mut lines: Vec<LineOfPieces> = Vec::new();
    for piece in tall {
        let bounds = pieces[piece];
        let fits = |line: &LineOfPieces| {
            let near = line.pieces.iter().rev().take(2).map(|&i| pieces[i]);
            let shared = near.map(|last| -last.gap_below(&bounds) / lower_height(&last, &bounds));
            let close = line.bounds.gap_beside(&bounds) <= APART * height;
            shared.reduce(f32::max).filter(|&shared| close && shared >= SHARED)
        };
        let best = lines.iter_mut().filter_map(|line| fits(line).map(|shared| (shared, line)));
        match best.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, line)) => line.add(piece, bounds),
            None => lines.push(LineOfPieces { pieces: vec![piece], height: 0.0, bounds }),
        }
    }
    for piece in small {
        let bounds = pieces[piece];
        let away = |line: &LineOfPieces| {
            let each = line.pieces.iter().map(|&i| distance(&pieces[i], &bounds));
            each.fold(f32::MAX, f32::min)
        };
        match lines.iter_mut().min_by(|a, b| away(a).total_cmp(&away(b))) {
            // The line's own bounds stay those of its tall pieces.
            Some(line) => line.pieces.push(piece),
            None => lines.push(LineOfPieces { pieces: vec![piece], height: 0.0, bounds }),
        }
    }
    for line in &mut lines {
        let own: Vec<Bounds> = line.pieces.iter().map(|&i| pieces[i]).collect();
        line.height = typical_height(&own);
    }
    in_reading_order(lines)
}

impl LineOfPieces {
    fn add(&mut self, piece: usize, bounds: Bounds) {
        self.pieces.push(piece);
        self.bounds = self.bounds.with(&bounds);
    }
}

/// The median height of the pieces that are not much lower than the tallest; above 0.
pub(super) fn typical_height(pieces: &[Bounds]) -> f32 {
    let heights = || pieces.iter().map(Bounds::height);
    let tallest = heights().fold(0.0, f32::max);
    let tall = sorted(heights().filter(|&height| height >= TALL * tallest).collect(), |&h| h);
    let longest = pieces.iter().map(Bounds::width).fold(0.0, f32::max);
    // A single dash has hardly any height; its length tells the size of the writing.
    tall.get(tall.len() / 2).copied().unwrap_or(0.0).max(longest / 8.0).max(f32::MIN_POSITIVE)
}

fn lower_height(a: &Bounds, b: &Bounds) -> f32 {
    a.height().min(b.height()).max(f32::MIN_POSITIVE)
}

fn distance(a: &Bounds, b: &Bounds) -> f32 {
    a.gap_beside(b).max(0.0).hypot(a.gap_below(b).max(0.0))
}

/// Lines in rows from top to bottom. The highest remaining line begins a row, which the next lines
/// join as long as they are beside it and their centres are above its lower edge.
fn in_reading_order(lines: Vec<LineOfPieces>) -> Vec<LineOfPieces> {
    let mut ordered: Vec<LineOfPieces> = Vec::new();
    let mut rest = sorted(lines, |line| line.bounds.middle()[1]).into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut row = vec![first];
        let beside = |row: &[LineOfPieces], line: &LineOfPieces| {
            line.bounds.middle()[1] < row[0].bounds.bottom
                && row.iter().all(|other| other.bounds.gap_beside(&line.bounds) > 0.0)
        };
        while let Some(next) = rest.next_if(|line| beside(&row, line)) {
            row.push(next);
        }
        ordered.extend(sorted(row, |line| line.bounds.left));
    }
    ordered
}
