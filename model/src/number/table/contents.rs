//! What is written in the cells of a table.

use super::{
    curves::Curve,
    grid::{Grid, Place},
};
use crate::{
    number::components::Components,
    preprocess::{Ink, pieces::NO_PIECE},
};

/// A piece of ink with at least this share of its pixels in one cell is in it; of others, each pixel is
/// in the cell where it is.
const INSIDE: f32 = 0.7;
/// A stroke meets a printed line where ink goes on beyond it for this many pixels.
const MEETS: f32 = 0.6;
/// What is left of a printed line is within this many times its thickness of its middle, and a pixel
/// more.
const REST: f32 = 1.5;

/// Pixels with at least this much ink (of 255) connect, and a piece is written if some of it has at least
/// this much: a pencil is much fainter than printed lines.
const CORE: u8 = 24;
const FAINT: u8 = 48;

/// The ink in a place, and where its upper left corner is in the table's ink.
pub(super) struct Content {
    pub(super) place: Place,
    pub(super) ink: Option<(Ink, [usize; 2])>,
}

/// What is written in each place of the table.
pub(super) fn contents(ink: &Ink, grid: &Grid) -> Vec<Content> {
    let components = Components::at_level(without_lines(ink, grid), CORE, FAINT);
    let places = grid.places();
    let (_, columns) = grid.size();
    let mut place_at = vec![0; grid.size().0 * columns];
    for (i, place) in places.iter().enumerate() {
        for row in place.row..place.row + place.rows {
            for column in place.column..place.column + place.columns {
                place_at[row * columns + column] = i;
            }
        }
    }
    let mut own: Vec<Vec<usize>> = places.iter().map(|_| Vec::new()).collect();
    for piece in pixels_by_piece(&components) {
        let cells = piece.iter().map(|&i| grid.cell(components.pixel(i).middle(), REST));
        let at: Vec<Option<(usize, bool)>> = cells
            .map(|cell| {
                cell.map(|(row, column, is_near)| (place_at[row * columns + column], is_near))
            })
            .collect();
        // The rest of a line, or of where two meet.
        if at.iter().all(|at| at.is_none_or(|(_, is_near)| is_near)) {
            continue;
        }
        let only = usual(&at.iter().flatten().map(|at| at.0).collect::<Vec<_>>(), at.len());
        for (i, at) in piece.into_iter().zip(at) {
            if let Some(place) = only.or(at.map(|at| at.0)) {
                own[place].push(i);
            }
        }
    }
    let each = places.into_iter().zip(own);
    each.map(|(place, pixels)| Content { place, ink: cut_out(&components.ink, &pixels) }).collect()
}

/// The ink without the lines of the table.
fn without_lines(ink: &Ink, grid: &Grid) -> Ink {
    let (width, height) = (ink.width(), ink.height());
    let mut values = ink.values().to_vec();
    let [rows, columns] = &grid.printed;
    for line in rows {
        for x in 0..width {
            let column = Column { first: x, step: width, length: height };
            column.erase(&mut values, line, line.at[x]);
        }
    }
    for line in columns {
        for y in 0..height {
            let column = Column { first: y * width, step: 1, length: width };
            column.erase(&mut values, line, line.at[y]);
        }
    }
    Ink::new(width, height, values).unwrap_or_else(|| ink.clone())
}

/// The pixels across a line at one place along it.
struct Column {
    first: usize,
    step: usize,
    length: usize,
}

impl Column {
    /// Erases a line at `place`. Of a stroke that meets it, the part that it hides is drawn again: all
    /// of it if the stroke goes on at the other side, otherwise as much as it lacks to be as thick as the
    /// line, as strokes are.
    fn erase(&self, values: &mut [u8], line: &Curve, place: f32) {
        let index = |at: usize| self.first + at * self.step;
        let inked = |values: &[u8], at: usize| values[index(at)] >= line.level;
        let thickness = line.thickness;
        let edges = [place - thickness / 2.0, place + thickness / 2.0];
        let [first, last] = edges.map(|edge| (edge.max(0.0).round() as usize).min(self.length));
        let (start, end) = match (first..last).find(|&at| inked(values, at)) {
            Some(at) => (
                (0..at).rev().find(|&at| !inked(values, at)).map_or(0, |at| at + 1),
                (at..self.length).find(|&at| !inked(values, at)).unwrap_or(self.length),
            ),
            // It is fainter here.
            None => (first, last),
        };
        let meets = [edges[0] - start as f32, end as f32 - edges[1]].map(|pixels| pixels > MEETS);
        let beyond = [first.saturating_sub(start), end.saturating_sub(last)];
        let stroke =
            |side: usize| values[index([first.saturating_sub(1), last][side].min(self.length - 1))];
        let lacking = |side: usize| (thickness.round() as usize).saturating_sub(beyond[side]);
        let strokes = [stroke(0), stroke(1)];
        let drawn = |at: usize| match meets {
            [true, true] => strokes[0].max(strokes[1]),
            [true, false] if at < first + lacking(0) => strokes[0],
            [false, true] if at + lacking(1) >= last => strokes[1],
            _ => 0,
        };
        // With the line's soft edges, where no stroke meets it.
        let value = |at: usize| values[index(at)];
        let mut from = start.min(first);
        while from > 0
            && value(from - 1) >= CORE
            && (from == start || value(from - 1) <= value(from))
        {
            from -= 1;
        }
        let mut to = end.max(last);
        while to < self.length && value(to) >= CORE && (to == end || value(to) <= value(to - 1)) {
            to += 1;
        }
        let from = if meets[0] { first } else { from };
        let to = if meets[1] { last } else { to };
        for at in from..to {
            values[index(at)] = if (first..last).contains(&at) { drawn(at) } else { 0 };
        }
    }
}

/// The pixels of each piece.
fn pixels_by_piece(components: &Components) -> Vec<Vec<usize>> {
    let mut pieces = vec![Vec::new(); components.bounds.len()];
    for (i, &piece) in components.owner.iter().enumerate().filter(|&(_, &piece)| piece != NO_PIECE)
    {
        pieces[piece as usize].push(i);
    }
    pieces.retain(|pixels| !pixels.is_empty());
    pieces
}

/// The value that at least a share of [`INSIDE`] of `count` have, if any.
fn usual(values: &[usize], count: usize) -> Option<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let &middle = sorted.get(sorted.len() / 2)?;
    let same = sorted.iter().filter(|&&value| value == middle).count();
    (same as f32 >= INSIDE * count as f32).then_some(middle)
}

/// These pixels of the ink, and where they are. `None` without any.
fn cut_out(ink: &Ink, pixels: &[usize]) -> Option<(Ink, [usize; 2])> {
    let columns = || pixels.iter().map(|i| i % ink.width());
    let rows = || pixels.iter().map(|i| i / ink.width());
    let (left, top) = (columns().min()?, rows().min()?);
    let (width, height) = (columns().max()? + 1 - left, rows().max()? + 1 - top);
    let mut values = vec![0; width * height];
    for &i in pixels {
        values[(i / ink.width() - top) * width + i % ink.width() - left] = ink.values()[i];
    }
    // The strongest ink becomes full ink.
    let most = values.iter().copied().max().map_or(1, u32::from).max(1);
    values.iter_mut().for_each(|value| *value = (u32::from(*value) * 255 / most) as u8);
    Ink::new(width, height, values).map(|ink| (ink, [left, top]))
}
