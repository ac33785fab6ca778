//! Boxes that are printed apart from each other, as the cells of one table.

use super::{Cell, Table};
use crate::{
    number::{bounds::Bounds, lines::lines},
    order::sorted,
};

/// Boxes are in the same column if their left edges differ by at most this share of their width.
const BELOW: f32 = 0.4;
/// Rows or columns of boxes that share their sides are part of the same table if they are apart by at most
/// this share of a box's shorter side.
const APART: f32 = 0.8;
/// Rows and columns of boxes are put together if the table that results is full to this share: otherwise
/// one of them is a box that was divided by a long 1.
const FILLED: f32 = 0.95;

/// The tables, single boxes, rows and columns of boxes put together into one. `bounds` are those of each
/// table's cells on the page.
pub(super) fn with_boxes(tables: Vec<Table>, bounds: &[Vec<Bounds>]) -> Vec<Table> {
    let is_strip = |table: &Table| table.rows.min(table.columns) == 1;
    let strips: Vec<bool> = tables.iter().map(is_strip).collect();
    let are_near = |one: &[Bounds], other: &[Bounds]| {
        let (Some(own), Some(beside)) = (Bounds::around_all(one), Bounds::around_all(other)) else {
            return false;
        };
        let side = |own: &Bounds| own.width().min(own.height());
        let shorter = one.iter().chain(other).map(side).fold(f32::MAX, f32::min);
        own.gap_beside(&beside).max(own.gap_below(&beside)) <= APART * shorter
    };
    let has_near = |i: usize| {
        (0..tables.len()).any(|j| j != i && strips[j] && are_near(&bounds[i], &bounds[j]))
    };
    let is_box = |i: usize| bounds[i].len() == 1;
    let boxes: Vec<usize> = (0..tables.len()).filter(|&i| is_box(i)).collect();
    let with_strips: Vec<usize> =
        (0..tables.len()).filter(|&i| is_box(i) || strips[i] && has_near(i)).collect();
    let places =
        |chosen: &[usize]| chosen.iter().flat_map(|&i| bounds[i].clone()).collect::<Vec<_>>();
    let chosen = match filled(&arranged(&places(&with_strips))) >= FILLED {
        true => with_strips,
        false => boxes,
    };
    if chosen.len() < 2 {
        return tables;
    }
    let at = arranged(&places(&chosen));
    let (mut cells, mut all): (Vec<Cell>, Vec<Table>) = (Vec::new(), Vec::new());
    for (i, table) in tables.into_iter().enumerate() {
        match chosen.contains(&i) {
            true => cells.extend(table.cells),
            false => all.push(table),
        }
    }
    for (cell, (row, column)) in cells.iter_mut().zip(&at) {
        (cell.place.row, cell.place.column) = (*row, *column);
    }
    let (rows, columns) = size(&at);
    if let Some(bounds) = Bounds::around_all(cells.iter().map(|cell| &cell.bounds)) {
        let cells = sorted(cells, |cell| (cell.place.row * columns + cell.place.column) as f32);
        all.push(Table { bounds, lines: None, rows, columns, cells });
    }
    all
}

/// The row and the column of each box.
fn arranged(places: &[Bounds]) -> Vec<(usize, usize)> {
    let columns = columns(places);
    let mut rows: Vec<(f32, Vec<usize>)> = Vec::new();
    for line in lines(places) {
        let top = line.pieces.iter().map(|&i| places[i].middle()[1]).fold(f32::MAX, f32::min);
        // Boxes far apart in the same row are on several lines.
        match rows.iter_mut().find(|(_, row)| is_beside(places, row, &line.pieces)) {
            Some((_, row)) => row.extend(line.pieces),
            None => rows.push((top, line.pieces)),
        }
    }
    let mut at: Vec<(usize, usize)> = columns.into_iter().map(|column| (0, column)).collect();
    for (row, (_, pieces)) in sorted(rows, |row| row.0).into_iter().enumerate() {
        pieces.into_iter().for_each(|i| at[i].0 = row);
    }
    at
}

/// The number of rows and columns.
fn size(at: &[(usize, usize)]) -> (usize, usize) {
    let most = |all: &mut dyn Iterator<Item = usize>| all.max().map_or(0, |last| last + 1);
    (most(&mut at.iter().map(|at| at.0)), most(&mut at.iter().map(|at| at.1)))
}

/// The share of a table of so many rows and columns that there are boxes for.
fn filled(at: &[(usize, usize)]) -> f32 {
    let (rows, columns) = size(at);
    at.len() as f32 / (rows * columns).max(1) as f32
}

/// Whether the middles of some boxes are beside others.
fn is_beside(places: &[Bounds], row: &[usize], line: &[usize]) -> bool {
    let span = |pieces: &[usize]| Bounds::around_all(pieces.iter().map(|&i| &places[i]));
    let (Some(row), Some(line)) = (span(row), span(line)) else { return false };
    let middle = line.middle()[1];
    (row.top..row.bottom).contains(&middle) && row.gap_beside(&line) > 0.0
}

/// The column of each box.
fn columns(places: &[Bounds]) -> Vec<usize> {
    let order = sorted((0..places.len()).collect(), |&i| places[i].left);
    let mut columns = vec![0; places.len()];
    let mut column = 0;
    let mut first: Option<Bounds> = None;
    for i in order {
        let own = places[i];
        match first {
            Some(begun) if own.left - begun.left <= BELOW * begun.width().min(own.width()) => {}
            Some(_) => {
                column += 1;
                first = Some(own);
            }
            None => first = Some(own),
        }
        columns[i] = column;
    }
    columns
}
