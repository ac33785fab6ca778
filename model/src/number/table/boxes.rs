//! Boxes that are printed apart from each other, as the cells of one table.

use super::Table;
use crate::{
    number::{bounds::Bounds, lines::lines},
    order::sorted,
};

/// Boxes are in the same column if their left edges differ by at most this share of their width.
const BELOW: f32 = 0.4;

/// The tables, those with a single cell put together into one. `bounds` are their bounds on the page.
pub(super) fn with_boxes(tables: Vec<Table>, bounds: &[Bounds]) -> Vec<Table> {
    let is_box = |table: &Table| table.rows * table.columns == 1;
    if tables.iter().filter(|table| is_box(table)).count() < 2 {
        return tables;
    }
    let (mut boxes, mut all): (Vec<Option<Table>>, Vec<Table>) = (Vec::new(), Vec::new());
    let mut places = Vec::new();
    for (table, own) in tables.into_iter().zip(bounds) {
        if is_box(&table) {
            places.push(*own);
            boxes.push(Some(table));
        } else {
            all.push(table);
        }
    }
    let columns = columns(&places);
    let mut rows: Vec<(f32, Vec<usize>)> = Vec::new();
    for line in lines(&places) {
        let top = line.pieces.iter().map(|&i| places[i].middle()[1]).fold(f32::MAX, f32::min);
        // Boxes far apart in the same row are on several lines.
        match rows.iter_mut().find(|(_, row)| is_beside(&places, row, &line.pieces)) {
            Some((_, row)) => row.extend(line.pieces),
            None => rows.push((top, line.pieces)),
        }
    }
    let mut cells = Vec::new();
    for (row, (_, pieces)) in sorted(rows, |row| row.0).into_iter().enumerate() {
        for i in sorted(pieces, |&i| places[i].left) {
            let own = boxes[i].take().into_iter().flat_map(|table| table.cells);
            cells.extend(own.map(|mut cell| {
                (cell.place.row, cell.place.column) = (row, columns[i]);
                cell
            }));
        }
    }
    let count =
        |at: fn(&super::Cell) -> usize| cells.iter().map(at).max().map_or(0, |last| last + 1);
    let (rows, columns) = (count(|cell| cell.place.row), count(|cell| cell.place.column));
    if let Some(bounds) = Bounds::around_all(cells.iter().map(|cell| &cell.bounds)) {
        all.push(Table { bounds, lines: None, rows, columns, cells });
    }
    all
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
