//! The rows and columns between the printed lines of a table.

use super::{
    curves::{Curve, LONG_PART, curves, without_doubles},
    given::places_around,
    lines::Lines,
    straight::Straight,
};
use crate::{
    number::bounds::Bounds,
    preprocess::{Homography, Ink, Point},
};

/// A line belongs to the table if at least this share of it is seen between its ends, ...
pub(super) const PRINTED: f32 = 0.7;
/// ... and of the whole table's side, or of one cell's: a short line between two cells, not the stroke of
/// a 1.
const LONG: f32 = 0.5;
const SIDE: f32 = 0.92;
pub(super) const FEW: usize = 2;
/// A line this close to the table's side, in heights of a digit, is its outermost.
const OUTERMOST: f32 = 0.2;
/// The outermost lines are no further from the table's sides than the room around it less this share.
const BESIDE: f32 = 0.6;
/// Two cells are one if less than this share of the line between them is seen.
const OPEN: f32 = 0.25;
/// A box's sides are within this many heights of a digit of those of its ink, which a digit may leave; their
/// parts are this long; and at least this share of each is seen.
const NEAR_SIDE: f32 = 0.45;
const LONG_OF_BOX: f32 = 0.4;
const SEEN_OF_BOX: f32 = 0.55;
/// Lines that go on beyond the outermost line across by this many heights of a digit have an open cell
/// there.
const BEYOND: f32 = 1.0;

/// The lines of a table.
pub(super) struct Grid {
    /// The lines between rows, from top to bottom.
    pub(super) rows: Vec<Curve>,
    /// The lines between columns, from left to right; along is down.
    pub(super) columns: Vec<Curve>,
    /// All lines along the rows and along the columns, those of double lines as well.
    pub(super) printed: [Vec<Curve>; 2],
    /// The cells that are one, if that is given rather than seen.
    pub(super) merged: Option<Vec<Place>>,
}

/// A cell, or several that are printed as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
    /// How many rows and columns it goes over.
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Grid {
    /// The table whose lines go along the ink's sides. `None` without rows or columns.
    pub(super) fn of(table: &Straight) -> Option<Self> {
        let height = table.height;
        let printed = printed(table, LONG_PART);
        let [rows, columns] = printed.each_ref().map(|lines| without_doubles(lines, height));
        let mut grid = Self { rows, columns, printed, merged: None };
        grid.close(height);
        grid.keep_printed(table);
        grid.keep_doubles(height);
        let is_table = grid.rows.len() > 1 && grid.columns.len() > 1;
        if is_table { Some(grid) } else { Self::single_box(table) }
    }

    /// A single box, whose lines are in pieces where a digit touches them.
    fn single_box(table: &Straight) -> Option<Self> {
        let [along_rows, along_columns] = printed(table, LONG_OF_BOX);
        let [width, height] = [table.ink.width(), table.ink.height()];
        let rows = outermost(along_rows, height, table)?;
        let columns = outermost(along_columns, width, table)?;
        let is_seen = |lines: &[Curve], across: &[Curve]| {
            lines.iter().all(|line| seen_all_along(line, across) >= SEEN_OF_BOX)
        };
        let is_box = is_seen(&rows, &columns) && is_seen(&columns, &rows);
        let printed = [rows.clone(), columns.clone()];
        is_box.then_some(Self { rows, columns, printed, merged: None })
    }

    /// Adds lines where most others end beyond the outermost one that crosses them: open sides.
    fn close(&mut self, height: f32) {
        let columns = open_sides(&self.rows, &self.columns, height);
        let rows = open_sides(&self.columns, &self.rows, height);
        add(&mut self.columns, columns);
        add(&mut self.rows, rows);
    }

    /// Leaves out lines on which no side of a cell is printed, such as a number that is crossed out.
    fn keep_printed(&mut self, table: &Straight) {
        let outer = |size: usize, line: &Curve| {
            let place = line.at[line.at.len() / 2];
            let away = (place - table.room).abs().min((size as f32 - table.room - place).abs());
            away <= OUTERMOST * table.height
        };
        let is_outer_row = |line: &Curve| outer(table.ink.height(), line);
        let is_outer_column = |line: &Curve| outer(table.ink.width(), line);
        let (mut rows, mut columns) = (self.rows.clone(), self.columns.clone());
        loop {
            let before = (rows.len(), columns.len());
            rows.retain(|line| is_whole(line) && is_strong(line, &columns, &is_outer_row));
            columns.retain(|line| is_whole(line) && is_strong(line, &rows, &is_outer_column));
            if before == (rows.len(), columns.len()) {
                break;
            }
        }
        self.rows.retain(|line| has(&rows, line) || is_whole(line) && has_side(line, &columns));
        self.columns.retain(|line| has(&columns, line) || is_whole(line) && has_side(line, &rows));
    }

    /// Leaves out other lines that are not beside those of the table, or are shorter.
    fn keep_doubles(&mut self, height: f32) {
        let kept = [(&self.rows, &self.columns), (&self.columns, &self.rows)];
        for (all, (kept, across)) in self.printed.iter_mut().zip(kept) {
            all.retain(|line| {
                let is_long = seen_all_along(line, across) >= LONG;
                is_long && kept.iter().any(|other| line.is_double(other, height))
            });
            all.extend(
                kept.iter()
                    .filter(|line| !all.iter().any(|other| other.at == line.at))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
    }

    /// The number of rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows.len().saturating_sub(1), self.columns.len().saturating_sub(1))
    }

    /// Where the line above a row meets the line left of a column.
    pub(super) fn crossing(&self, row: usize, column: usize) -> Point {
        let [x, y] = crossing(&self.rows[row], &self.columns[column]);
        [x, y]
    }

    /// The bounds of a place, up to the middles of its lines.
    pub(super) fn bounds(&self, place: Place) -> Bounds {
        let corner =
            |row: usize, column: usize| self.crossing(place.row + row, place.column + column);
        let corners = [(0, 0), (0, place.columns), (place.rows, 0), (place.rows, place.columns)];
        let corners = corners.map(|(row, column)| corner(row, column));
        Bounds::around(&corners).unwrap_or(Bounds::from([0.0; 4]))
    }

    /// The row and the column of a pixel, if it is in the table, and whether it is within so many
    /// thicknesses of a line, and a pixel more.
    pub(super) fn cell(&self, [x, y]: Point, reach: f32) -> Option<(usize, usize, bool)> {
        let row = self.rows.partition_point(|line| line.place(x) <= y);
        let column = self.columns.partition_point(|line| line.place(y) <= x);
        let around = [
            (self.rows.get(row.wrapping_sub(1))?, self.rows.get(row)?, x, y),
            (self.columns.get(column.wrapping_sub(1))?, self.columns.get(column)?, y, x),
        ];
        let is_near = around.iter().any(|(before, after, along, across)| {
            let away = [across - before.place(*along), after.place(*along) - across];
            let reach = [before, after].map(|line| reach * line.thickness + 1.0);
            away[0] <= reach[0] || away[1] <= reach[1]
        });
        Some((row - 1, column - 1, is_near))
    }

    /// Where its lines are in the picture that `map` leads to. `None` if they cannot be a table's.
    pub(super) fn lines(&self, map: &Homography, merged: Vec<[usize; 4]>) -> Option<Lines> {
        let (rows, columns) = self.size();
        let crossing = |row: usize, column: usize| map.apply(self.crossing(row, column));
        Lines::through([rows, columns], crossing, merged)
    }

    /// All places, row by row.
    pub(super) fn places(&self) -> Vec<Place> {
        match &self.merged {
            Some(merged) => places_around(merged, self.size()),
            None => self.seen_places(),
        }
    }

    /// The places between which lines are seen.
    fn seen_places(&self) -> Vec<Place> {
        let (rows, columns) = self.size();
        let mut group: Vec<usize> = (0..rows * columns).collect();
        fn root(group: &mut [usize], mut i: usize) -> usize {
            while group[i] != i {
                group[i] = group[group[i]];
                i = group[i];
            }
            i
        }
        for row in 0..rows {
            for column in 0..columns {
                let i = row * columns + column;
                let is_open_below =
                    row + 1 < rows && seen(&self.rows[row + 1], &self.columns, column) < OPEN;
                let is_open_right =
                    column + 1 < columns && seen(&self.columns[column + 1], &self.rows, row) < OPEN;
                for (is_open, next) in [(is_open_below, i + columns), (is_open_right, i + 1)] {
                    if is_open {
                        let (a, b) = (root(&mut group, i), root(&mut group, next));
                        group[a.max(b)] = a.min(b);
                    }
                }
            }
        }
        let roots: Vec<usize> = (0..group.len()).map(|i| root(&mut group, i)).collect();
        let mut places = vec![None; roots.len()];
        let mut sizes = vec![0; roots.len()];
        for (i, &root) in roots.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            sizes[root] += 1;
            let place = places[root].get_or_insert(Place { row, column, rows: 1, columns: 1 });
            let left = place.column.min(column);
            place.columns = (place.column + place.columns).max(column + 1) - left;
            place.column = left;
            place.rows = row + 1 - place.row;
        }
        let is_whole = |root: usize| {
            places[root].is_some_and(|place: Place| place.rows * place.columns == sizes[root])
        };
        // What is not a rectangle is left as single cells: the lines between them are only faint.
        let single =
            |i: usize| Place { row: i / columns, column: i % columns, rows: 1, columns: 1 };
        (0..roots.len())
            .filter_map(|i| match is_whole(roots[i]) {
                true => places[i],
                false => Some(single(i)),
            })
            .collect()
    }
}

/// The line nearest to each of two sides of the ink that are `size` apart, the first one first.
fn outermost(lines: Vec<Curve>, size: usize, table: &Straight) -> Option<Vec<Curve>> {
    let place = |line: &Curve| line.at[line.at.len() / 2];
    let nearest = |side: f32| {
        let away = |line: &&Curve| (place(line) - side).abs();
        let near = lines.iter().filter(|line| away(line) <= NEAR_SIDE * table.height);
        near.min_by(|a, b| away(a).total_cmp(&away(b))).cloned()
    };
    let sides = [nearest(table.room)?, nearest(size as f32 - table.room)?];
    (!sides[0].is_double(&sides[1], table.height)).then(|| sides.to_vec())
}

/// The printed lines along the rows and along the columns, whose parts have at least this length, in
/// heights of a digit.
pub(super) fn printed(table: &Straight, long: f32) -> [Vec<Curve>; 2] {
    let own = |ink: &Ink| {
        let mut own = curves(ink, table.height, long);
        // Beyond it are the lines of others.
        let inside = BESIDE * table.room..=ink.height() as f32 - BESIDE * table.room;
        own.retain(|line| inside.contains(&line.at[ink.width() / 2]));
        own
    };
    [own(&table.ink), own(&table.ink.transposed())]
}

/// Whether a line is printed, beside given ones that cross it. Where only a few cells are beside each
/// other, it goes from one line to the next: the stroke of a 1 is nearly as long.
pub(super) fn is_printed(line: &Curve, across: &[Curve]) -> bool {
    across.len() > FEW && seen_all_along(line, across) >= LONG || has_side(line, across)
}

/// Where a line along the rows meets one along the columns.
fn crossing(row: &Curve, column: &Curve) -> Point {
    let mut y = row.place(column.at[column.at.len() / 2]);
    let mut x = column.place(y);
    for _ in 0..3 {
        y = row.place(x);
        x = column.place(y);
    }
    [x, y]
}

/// The share of a line that is seen along the cell after line `i` of those that cross it.
fn seen(line: &Curve, across: &[Curve], i: usize) -> f32 {
    seen_between(line, &across[i], &across[i + 1])
}

/// The share of a line that is seen between two that cross it, without the crossings.
fn seen_between(line: &Curve, first: &Curve, last: &Curve) -> f32 {
    let [from, to] = [first, last].map(|other| meeting(line, other));
    line.seen_between(from + first.thickness, to - last.thickness)
}

/// How far along a line another crosses it, nearly.
fn meeting(line: &Curve, other: &Curve) -> f32 {
    let near = other.place(line.at[line.at.len() / 2]);
    other.place(line.place(near))
}

/// The share of a line that is seen between the first and the last of those that cross it.
pub(super) fn seen_all_along(line: &Curve, across: &[Curve]) -> f32 {
    let (Some(first), Some(last)) = (across.first(), across.last()) else { return 0.0 };
    seen_between(line, first, last)
}

/// Whether most of a line is seen between its ends. Open sides are not printed.
fn is_whole(line: &Curve) -> bool {
    line.ends().is_none_or(|[first, last]| line.seen_between(first, last) >= PRINTED)
}

/// Whether a line goes along the table, or along its outermost side. Where only a few cells are beside
/// each other, the stroke of a 1 is as long as that.
fn is_strong(line: &Curve, across: &[Curve], is_outer: &dyn Fn(&Curve) -> bool) -> bool {
    let is_open_side = line.ends().is_none();
    let may_be_long = across.len() > FEW || is_outer(line);
    is_open_side || may_be_long && seen_all_along(line, across) >= LONG
}

/// Whether a line goes from one of the lines that cross it to the next.
fn has_side(line: &Curve, across: &[Curve]) -> bool {
    (1..across.len()).any(|i| seen(line, across, i - 1) >= SIDE)
}

fn has(lines: &[Curve], line: &Curve) -> bool {
    lines.iter().any(|other| other.at == line.at)
}

/// Where lines end beyond the first and the last line that crosses them, if most of them do.
fn open_sides(lines: &[Curve], across: &[Curve], height: f32) -> [Option<Curve>; 2] {
    let (Some(first), Some(last)) = (across.first(), across.last()) else { return [None, None] };
    let length = first.at.len();
    let middle = |curve: &Curve| curve.at[length / 2];
    let all: Vec<[f32; 2]> = lines.iter().filter_map(Curve::ends).collect();
    let starts = all.iter().map(|ends| ends[0]);
    let starts: Vec<f32> = starts.filter(|&at| at < middle(first) - BEYOND * height).collect();
    let ends = all.iter().map(|ends| ends[1]);
    let ends: Vec<f32> = ends.filter(|&at| at > middle(last) + BEYOND * height).collect();
    let most = |places: &[f32]| 2 * places.len() > lines.len();
    [
        most(&starts)
            .then(|| Curve::unseen(starts.iter().copied().fold(f32::MAX, f32::min), length)),
        most(&ends).then(|| Curve::unseen(ends.iter().copied().fold(0.0, f32::max), length)),
    ]
}

fn add(lines: &mut Vec<Curve>, [first, last]: [Option<Curve>; 2]) {
    if let Some(first) = first {
        lines.insert(0, first);
    }
    lines.extend(last);
}
