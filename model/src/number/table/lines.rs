//! Where the lines of a table are in a picture: as they were found, or as somebody says they are.

use serde::{Deserialize, Serialize};

use super::{MAX_CELLS, grid::Place};
use crate::preprocess::{Homography, Point};

/// Most tables whose lines are given: each is seen from above by itself.
pub const MAX_GIVEN: usize = 16;
/// The corners of the unit square, in the order of a table's corners.
const UNIT: [Point; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
/// A side of a table is at least this long, in pixels of the picture.
const SHORTEST: f32 = 8.0;
/// No place in a picture is further away than this, in pixels.
const FARTHEST: f32 = 1e6;

/// The lines of a table, which are straight: those of paper that is not flat are only about there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The corners of the table in the picture, clockwise from the one that is the upper left one to a
    /// reader.
    pub corners: [Point; 4],
    /// The lines that divide the columns, as shares of the upper edge's length, from 0 to 1. In a table
    /// that is seen from the side, they are those of the table as seen from above.
    pub columns: Vec<f32>,
    /// The lines that divide the rows, as shares of the left edge's length, from 0 to 1.
    pub rows: Vec<f32>,
    /// The cells that are printed as one: the first row and column, and how many of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<[usize; 4]>,
}

impl Lines {
    /// What is wrong with the lines of some tables, if they cannot be those of tables.
    ///
    /// # Errors
    /// It says what.
    pub fn check(tables: &[Self]) -> Result<(), String> {
        if tables.is_empty() || tables.len() > MAX_GIVEN {
            return Err(format!("there must be 1 to {MAX_GIVEN} tables, not {}", tables.len()));
        }
        for (i, table) in tables.iter().enumerate() {
            table.problem().map_or(Ok(()), |problem| Err(format!("in table {i}, {problem}")))?;
        }
        let cells: usize = tables.iter().map(Self::count).sum();
        match cells > MAX_CELLS {
            true => Err(format!("there are {cells} cells; at most {MAX_CELLS} are read")),
            false => Ok(()),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let rise = |lines: &[f32]| {
            let [Some(first), Some(last)] = [lines.first(), lines.last()] else { return false };
            // Of a NaN, none of this is true.
            *first == 0.0 && *last == 1.0 && lines.windows(2).all(|pair| pair[0] < pair[1])
        };
        let are_inside = self.merged.iter().all(|&[row, column, rows, columns]| {
            let ends = [(row, rows, self.rows.len()), (column, columns, self.columns.len())];
            ends.iter().all(|&(first, count, lines)| {
                count > 0 && first.checked_add(count).is_some_and(|end| end < lines)
            })
        });
        if !rise(&self.columns) || !rise(&self.rows) {
            Some("columns and rows must rise from 0 to 1")
        } else if !is_convex(&self.corners) {
            Some("the corners must go around it clockwise, some pixels apart")
        } else if !are_inside {
            Some("merged cells must be inside")
        } else {
            None
        }
    }

    /// The number of its cells.
    fn count(&self) -> usize {
        (self.rows.len() - 1).saturating_mul(self.columns.len() - 1)
    }

    /// The merged cells, as places in the grid.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let place =
            |&[row, column, rows, columns]: &[usize; 4]| Place { row, column, rows, columns };
        self.merged.iter().map(place)
    }

    /// The straight lines nearest to those that meet at `crossing(row, column)` in the picture, so many
    /// rows and columns of them. `None` if the outermost ones are no quadrilateral.
    pub(super) fn through(
        [rows, columns]: [usize; 2],
        crossing: impl Fn(usize, usize) -> Point,
        merged: Vec<[usize; 4]>,
    ) -> Option<Self> {
        let corner = |row: bool, column: bool| {
            crossing(if row { rows } else { 0 }, if column { columns } else { 0 })
        };
        let corners =
            [corner(false, false), corner(false, true), corner(true, true), corner(true, false)];
        let to_unit = Homography::between(corners, UNIT)?;
        let share = |row: usize, column: usize| to_unit.apply(crossing(row, column));
        let middle = |ends: [f32; 2]| (ends[0] + ends[1]) / 2.0;
        let column = |i: usize| middle([share(0, i)[0], share(rows, i)[0]]);
        let row = |i: usize| middle([share(i, 0)[1], share(i, columns)[1]]);
        Some(Self { corners, columns: rising(columns, column), rows: rising(rows, row), merged })
    }
}

/// The shares of all lines, the outermost ones exactly.
fn rising(last: usize, share: impl Fn(usize) -> f32) -> Vec<f32> {
    let exact = |i: usize| match i {
        0 => 0.0,
        i if i == last => 1.0,
        i => share(i),
    };
    (0..=last).map(exact).collect()
}

/// Whether the corners go around a quadrilateral clockwise, with y down, and turn right at each.
fn is_convex(corners: &[Point; 4]) -> bool {
    let side = |i: usize| [0, 1].map(|axis| corners[(i + 1) % 4][axis] - corners[i % 4][axis]);
    (0..4).all(|i| {
        let ([ax, ay], [bx, by]) = (side(i), side(i + 1));
        let is_near = corners[i].iter().all(|place| place.abs() <= FARTHEST);
        is_near && ax.hypot(ay) >= SHORTEST && ax * by - ay * bx > 0.0
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines(change: impl Fn(&mut Lines)) -> Lines {
        let mut lines = Lines {
            corners: [[10.0, 10.0], [110.0, 20.0], [120.0, 220.0], [5.0, 200.0]],
            columns: vec![0.0, 0.3, 1.0],
            rows: vec![0.0, 0.25, 0.5, 1.0],
            merged: vec![[1, 0, 2, 2]],
        };
        change(&mut lines);
        lines
    }

    #[test]
    fn lines_must_be_those_of_tables() {
        assert_eq!(Lines::check(&[lines(|_| ())]), Ok(()));
        let wrong: [fn(&mut Lines); 12] = [
            |lines| lines.columns = vec![0.0],
            |lines| lines.columns = vec![],
            |lines| lines.columns[1] = 1.0,
            |lines| lines.columns[1] = f32::NAN,
            |lines| lines.rows[0] = -0.1,
            |lines| lines.rows[3] = 1.5,
            |lines| lines.corners.reverse(),
            |lines| lines.corners[2] = [11.0, 11.0],
            |lines| lines.corners[2] = [f32::INFINITY, 0.0],
            |lines| lines.corners = [[0.0; 2]; 4],
            |lines| lines.merged[0] = [2, 0, 2, 1],
            |lines| lines.merged[0] = [usize::MAX, 0, 2, 1],
        ];
        for (i, wrong) in wrong.into_iter().enumerate() {
            assert!(Lines::check(&[lines(wrong)]).is_err(), "{i}");
        }
        let many = lines(|lines| lines.rows = (0..=2049).map(|i| i as f32 / 2049.0).collect());
        assert!(Lines::check(&[many]).unwrap_err().contains("4098 cells"));
        assert!(Lines::check(&[]).is_err());
        assert!(Lines::check(&vec![lines(|_| ()); MAX_GIVEN + 1]).is_err());
    }

    #[test]
    fn lines_are_those_that_meet_at_the_crossings() {
        let all = lines(|_| ());
        let map = Homography::between(UNIT, all.corners).unwrap();
        let crossing = |row: usize, column: usize| map.apply([all.columns[column], all.rows[row]]);
        let found = Lines::through([3, 2], crossing, all.merged.clone()).unwrap();
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(&found.columns, &all.columns) && close(&found.rows, &all.rows), "{found:?}");
        assert!(close(found.corners.as_flattened(), all.corners.as_flattened()), "{found:?}");
    }
}
