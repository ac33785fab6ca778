//! A picture as a coarse grid of cells: the colour of each, and how much its pixels differ.

use super::colour::{Rgb, distance, median};

/// The most cells along the longer side.
const CELLS: usize = 128;

/// In pictures whose longer side is below this, in pixels, a cell is one pixel.
const SMALL: usize = 56;

/// A grid of cells over a picture. Its colours are the medians of the cells' pixels, so that thin
/// strokes leave hardly a trace.
pub(super) struct Cells {
    /// The side of a cell, in pixels.
    pub(super) side: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) colours: Vec<Rgb>,
    /// The largest difference between a pixel and the cell's colour.
    pub(super) contrast: Vec<f32>,
}

impl Cells {
    pub(super) fn of(pixels: &[Rgb], width: usize, height: usize) -> Self {
        let longest = width.max(height);
        // Cells of one pixel would be as grainy as the picture.
        let side = longest.div_ceil(CELLS).max(if longest < SMALL { 1 } else { 2 });
        let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
        let mut cells = Self {
            side,
            columns,
            rows,
            colours: Vec::with_capacity(columns * rows),
            contrast: Vec::with_capacity(columns * rows),
        };
        let mut own = Vec::with_capacity(side * side);
        for row in 0..rows {
            for column in 0..columns {
                own.clear();
                for y in row * side..((row + 1) * side).min(height) {
                    let line = &pixels[y * width..(y + 1) * width];
                    own.extend_from_slice(&line[column * side..((column + 1) * side).min(width)]);
                }
                let colour = median(&own);
                let most = own.iter().map(|&pixel| distance(pixel, colour)).fold(0.0, f32::max);
                cells.colours.push(colour);
                cells.contrast.push(most);
            }
        }
        cells
    }

    /// The cell of a pixel.
    pub(super) fn at(&self, x: usize, y: usize) -> usize {
        y / self.side * self.columns + x / self.side
    }

    /// How many cells are between a cell and the nearest edge of the picture.
    pub(super) fn to_edge(&self, i: usize) -> usize {
        let (x, y) = (i % self.columns, i / self.columns);
        x.min(y).min(self.columns - 1 - x).min(self.rows - 1 - y)
    }

    /// The cell and those around it, also at corners.
    pub(super) fn around(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        let (x, y, columns) = (i % self.columns, i / self.columns, self.columns);
        let beside = x.saturating_sub(1)..=(x + 1).min(columns - 1);
        let rows = y.saturating_sub(1)..=(y + 1).min(self.rows - 1);
        rows.flat_map(move |row| beside.clone().map(move |column| row * columns + column))
    }

    pub(super) fn len(&self) -> usize {
        self.colours.len()
    }

    /// The cells beside, above and below.
    pub(super) fn neighbours(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        let (x, y, columns) = (i % self.columns, i / self.columns, self.columns);
        let (last_x, last_y) = (self.columns - 1, self.rows - 1);
        [
            (x > 0).then(|| i - 1),
            (x < last_x).then(|| i + 1),
            (y > 0).then(|| i - columns),
            (y < last_y).then(|| i + columns),
        ]
        .into_iter()
        .flatten()
    }

    pub(super) fn on_edge(&self, i: usize) -> bool {
        let (x, y) = (i % self.columns, i / self.columns);
        x == 0 || y == 0 || x + 1 == self.columns || y + 1 == self.rows
    }
}
