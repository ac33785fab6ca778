//! Area averaging: a square of a picture on fewer pixels, each the mean of the area that it covers.

use super::ink::Ink;

/// A square, in pixels. It may extend beyond the edges of its picture.
pub(super) struct Square {
    pub(super) left: isize,
    pub(super) top: isize,
    pub(super) side: usize,
}

/// The square averaged onto `count` × `count` cells, row by row, weighted by exact area; values
/// 0–255. Pixels beyond the edges have the value `beyond`. A square smaller than the cells is
/// enlarged by the same rule.
pub(super) fn area_average(ink: &Ink, square: &Square, count: usize, beyond: f64) -> Vec<f64> {
    let columns = cells(count, square.side, square.left, ink.width);
    let rows = cells(count, square.side, square.top, ink.height);
    let area = (square.side as f64 / count as f64).powi(2);
    let mut averages = Vec::with_capacity(count * count);
    for (row_parts, height) in &rows {
        for (column_parts, width) in &columns {
            let mut sum = beyond * (area - width * height);
            for &(y, height) in row_parts {
                let row = &ink.values[y * ink.width..(y + 1) * ink.width];
                let line: f64 = column_parts.iter().map(|&(x, w)| w * f64::from(row[x])).sum();
                sum += height * line;
            }
            averages.push(sum / area);
        }
    }
    averages
}

/// The source pixels that a cell covers along one axis, with the share of each (above 0, at most 1),
/// and the sum of the shares.
type Cell = (Vec<(usize, f64)>, f64);

/// The cells along one axis. Pixels beyond the map's edge are left out.
fn cells(count: usize, side: usize, start: isize, limit: usize) -> Vec<Cell> {
    let step = side as f64 / count as f64;
    (0..count)
        .map(|cell| {
            let (from, to) = (cell as f64 * step, (cell + 1) as f64 * step);
            let parts: Vec<(usize, f64)> = (from as usize..(to.ceil() as usize).min(side))
                .filter_map(|i| {
                    let covered = to.min((i + 1) as f64) - from.max(i as f64);
                    let source = usize::try_from(start + i as isize).ok()?;
                    (source < limit && covered > 1e-9).then_some((source, covered))
                })
                .collect();
            let covered = parts.iter().map(|&(_, share)| share).sum();
            (parts, covered)
        })
        .collect()
}
