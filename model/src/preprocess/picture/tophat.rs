//! Subtracts the surroundings from the ink: the white top-hat of mathematical morphology. It
//! removes shadows, folds and vignettes of any shape, as long as they are wider than a pen's line.

/// Side of the grid on which the surroundings are computed.
const GRID: usize = 96;
/// Anything wider than this share of the picture's longer side belongs to the surroundings.
const WIDEST_LINE: f64 = 0.25;

/// Subtracts from each value the level of its surroundings: the map's morphological opening, which
/// is a minimum filter followed by a maximum filter. It is computed on a coarse grid, because
/// surroundings change slowly, and interpolated.
pub(super) fn subtract_surroundings(values: &mut [f32], width: usize, height: usize) {
    let cell = width.max(height).div_ceil(GRID);
    let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
    let grid = cell_means(values, width, cell, columns, rows);
    let reach = (WIDEST_LINE * columns.max(rows) as f64 / 2.0).ceil() as usize;
    let eroded = filter(&grid, columns, rows, reach, f32::min);
    let opened = filter(&eroded, columns, rows, reach, f32::max);
    for (y, row) in values.chunks_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value -= interpolate(&opened, columns, rows, cell, x, y);
        }
    }
}

/// The mean value of each cell of the grid.
fn cell_means(values: &[f32], width: usize, cell: usize, columns: usize, rows: usize) -> Vec<f32> {
    let mut sums = vec![(0.0f32, 0.0f32); columns * rows];
    for (y, row) in values.chunks(width).enumerate() {
        for (x, value) in row.iter().enumerate() {
            let (sum, count) = &mut sums[y / cell * columns + x / cell];
            *sum += value;
            *count += 1.0;
        }
    }
    sums.iter().map(|(sum, count)| sum / count).collect()
}

/// The smallest or largest value (as `pick` chooses) within `reach` cells on both axes.
fn filter(
    grid: &[f32],
    columns: usize,
    rows: usize,
    reach: usize,
    pick: fn(f32, f32) -> f32,
) -> Vec<f32> {
    let along = |i: usize, limit: usize| i.saturating_sub(reach)..(i + reach + 1).min(limit);
    let cells = || (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let horizontal: Vec<f32> = cells()
        .map(|(x, y)| {
            along(x, columns).map(|i| grid[y * columns + i]).reduce(pick).unwrap_or_default()
        })
        .collect();
    cells()
        .map(|(x, y)| {
            along(y, rows).map(|i| horizontal[i * columns + x]).reduce(pick).unwrap_or_default()
        })
        .collect()
}

/// The grid's value at a pixel, interpolated linearly between the centres of cells.
fn interpolate(grid: &[f32], columns: usize, rows: usize, cell: usize, x: usize, y: usize) -> f32 {
    let place = |i: usize, limit: usize| {
        let at = ((i as f32 + 0.5) / cell as f32 - 0.5).clamp(0.0, (limit - 1) as f32);
        (at as usize, (at as usize + 1).min(limit - 1), at.fract())
    };
    let ((left, right, u), (top, bottom, v)) = (place(x, columns), place(y, rows));
    let row = |y: usize| grid[y * columns + left] * (1.0 - u) + grid[y * columns + right] * u;
    row(top) * (1.0 - v) + row(bottom) * v
}
