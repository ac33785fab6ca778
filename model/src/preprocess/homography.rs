//! Perspective maps between places in a picture.

use super::strokes::Point;

/// A map of the plane that keeps straight lines straight: how one plane is seen in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Homography([[f64; 3]; 3]);

impl Homography {
    /// The map that changes nothing.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// Multiplies coordinates by `factor`.
    pub fn scale(factor: f64) -> Self {
        Self([[factor, 0.0, 0.0], [0.0, factor, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Adds `x` and `y`.
    pub fn shift(x: f64, y: f64) -> Self {
        Self([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    /// From a picture that was turned clockwise by a quarter to the picture of this `height`
    /// that it was before.
    pub(crate) fn unturned(height: usize) -> Self {
        Self([[0.0, 1.0, 0.0], [-1.0, 0.0, height as f64], [0.0, 0.0, 1.0]])
    }

    /// The map that takes each of the points `from` to the one of `to` at the same position. `None`
    /// if three of them are on a line.
    pub(crate) fn between(from: [Point; 4], to: [Point; 4]) -> Option<Self> {
        // Each pair of points gives two of the eight equations for the map's numbers; the ninth is 1.
        let mut rows = [[0.0f64; 9]; 8];
        for (i, (from, to)) in from.into_iter().zip(to).enumerate() {
            let ([x, y], [u, v]) = (from.map(f64::from), to.map(f64::from));
            rows[2 * i] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            rows[2 * i + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        let m = solve(rows)?;
        Some(Self([[m[0], m[1], m[2]], [m[3], m[4], m[5]], [m[6], m[7], 1.0]]))
    }

    /// The map back. `None` if this one takes everything to a line.
    pub(crate) fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        // Without the factor of the determinant, which `apply` divides away.
        let cofactor = |row: usize, column: usize| {
            let [(a, b), (c, d)] = [row, column].map(|i| ((i + 1) % 3, (i + 2) % 3));
            m[a][c] * m[b][d] - m[a][d] * m[b][c]
        };
        let inverse: [[f64; 3]; 3] =
            std::array::from_fn(|row| std::array::from_fn(|column| cofactor(column, row)));
        let determinant: f64 = (0..3).map(|i| m[0][i] * inverse[i][0]).sum();
        (determinant.abs() > f64::MIN_POSITIVE).then_some(Self(inverse))
    }

    /// This map after `first`.
    pub fn after(&self, first: &Self) -> Self {
        Self(std::array::from_fn(|row| {
            std::array::from_fn(|column| (0..3).map(|i| self.0[row][i] * first.0[i][column]).sum())
        }))
    }

    /// Where a point is mapped to.
    pub fn apply(&self, [x, y]: Point) -> Point {
        let [x, y] = [f64::from(x), f64::from(y)];
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        [(u / w) as f32, (v / w) as f32]
    }
}

/// Solves linear equations by Gaussian elimination: each row has the factors of the unknowns and then
/// the value. `None` if there is no single solution.
fn solve<const N: usize, const M: usize>(mut rows: [[f64; M]; N]) -> Option<[f64; N]> {
    for pivot in 0..N {
        let size = |&row: &usize| rows[row][pivot].abs();
        let best = (pivot..N).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        rows.swap(pivot, best);
        if rows[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        let lead = rows[pivot];
        for (_, row) in rows.iter_mut().enumerate().filter(|&(i, _)| i != pivot) {
            let factor = row[pivot] / lead[pivot];
            row.iter_mut().zip(lead).for_each(|(cell, lead)| *cell -= factor * lead);
        }
    }
    Some(std::array::from_fn(|i| rows[i][N] / rows[i][i]))
}
