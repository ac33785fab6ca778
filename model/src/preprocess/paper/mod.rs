//! Finds the sheet of paper in a picture: which part of the picture it is, and its colour at each
//! place.

mod cells;
pub(super) mod colour;
mod corners;
mod ink;
mod plain;
mod region;
mod strips;
mod surfaces;
mod surroundings;

use super::strokes::Point;
use crate::order::nth;
use cells::Cells;
use colour::{Rgb, distance};
pub(crate) use corners::quadrilateral;
use region::{sheet, spread};
use strips::without_strips;
use surroundings::{eroded, longest_marks};

/// Colours around a cell further apart than this are on both sides of a shadow's edge.
const SHADOW: f32 = 20.0;

/// In less light than this (0–255), noise would be enlarged to ink.
const DARKEST: f32 = 30.0;

/// How many cells may have stronger ink than what counts as the strongest: it may be noise.
const FEW_CELLS: usize = 6;

/// The sheet of paper in a picture.
pub(super) struct Paper {
    width: usize,
    height: usize,
    cells: Cells,
    /// The largest width and height of what is neither paper nor reaches the edge, in cells.
    longest_mark: [usize; 2],
    /// The cells of the sheet.
    mask: Vec<bool>,
    /// The first and the last row and column of what may be other sheets, as rectangles of cells.
    others: Vec<[usize; 4]>,
    /// Whether each cell is on the sheet and away from its edge.
    on_sheet: Vec<bool>,
    /// The paper's colour in each cell.
    colours: Vec<Rgb>,
    /// The least and the largest value of each channel in each cell and those around it.
    darkest: Vec<Rgb>,
    lightest: Vec<Rgb>,
}

impl Paper {
    /// Finds the sheet among the pixels of a picture.
    pub(super) fn of(pixels: &[Rgb], width: usize, height: usize) -> Self {
        let cells = Cells::of(pixels, width, height);
        let found = sheet(&cells);
        let on_sheet = eroded(&cells, &found.mask);
        let known = (0..cells.len()).map(|i| on_sheet[i] && found.paper[i]).collect();
        let colours = spread(&cells, known);
        let [darkest, lightest] = [f32::min, f32::max].map(|pick| around(&cells, &colours, pick));
        let longest_mark = longest_marks(&cells, |i| !found.paper[i]);
        Self {
            width,
            height,
            longest_mark,
            cells,
            mask: found.mask,
            others: found.others,
            on_sheet,
            colours,
            darkest,
            lightest,
        }
    }

    /// The part of the picture without strips along its edges that are not paper: left, top, right and
    /// bottom in pixels. `None` if there are none.
    pub(super) fn without_strips(&self, pixels: &[Rgb]) -> Option<[usize; 4]> {
        let place = |x: usize, y: usize| self.colours[self.cells.at(x, y)];
        let longest = self.longest_mark.map(|cells| cells * self.cells.side);
        without_strips(pixels, [self.width, self.height], place, longest)
    }

    /// The ink on it, 0–255 for each pixel of its picture. `None` if it is blank.
    pub(super) fn ink(&self, pixels: &[Rgb]) -> Option<Vec<u8>> {
        ink::ink(pixels, self, self.width, self.height)
    }

    /// Whether the sheet fills the picture.
    pub(super) fn fills_picture(&self) -> bool {
        self.on_sheet.iter().all(|&on| on)
    }

    /// The corners of the sheet in pixels, clockwise from the upper left one, if it is a
    /// quadrilateral with other things around it.
    pub(super) fn corners(&self) -> Option<[Point; 4]> {
        corners::corners(&self.cells, &self.mask)
    }

    /// The least rectangle of pixels around the sheet: left, top, right and bottom.
    pub(super) fn bounds(&self) -> [usize; 4] {
        let mut bounds = [usize::MAX, usize::MAX, 0, 0];
        for i in (0..self.cells.len()).filter(|&i| self.mask[i]) {
            let (x, y) = (i % self.cells.columns, i / self.cells.columns);
            let [left, top, right, bottom] = &mut bounds;
            (*left, *top) = ((*left).min(x), (*top).min(y));
            (*right, *bottom) = ((*right).max(x + 1), (*bottom).max(y + 1));
        }
        bounds.map(|cell| cell * self.cells.side)
    }

    /// Parts of the picture with what may be other sheets, the most likely one first: left, top, right and
    /// bottom in pixels.
    pub(super) fn others(&self) -> impl Iterator<Item = [usize; 4]> {
        let limits = [self.width, self.height, self.width, self.height];
        let pixels = move |(place, limit): (usize, usize)| (place * self.cells.side).min(limit);
        self.others.iter().map(move |part| std::array::from_fn(|i| pixels((part[i], limits[i]))))
    }

    /// Whether a pixel is on the sheet.
    pub(super) fn covers(&self, x: usize, y: usize) -> bool {
        self.on_sheet[self.cells.at(x, y)]
    }

    /// The largest of the values, one for each pixel, except for those in a few cells.
    pub(super) fn strongest(&self, values: &[f32], width: usize) -> f32 {
        let mut largest = vec![0.0f32; self.cells.len()];
        for (i, &value) in values.iter().enumerate() {
            let cell = self.cells.at(i % width, i / width);
            largest[cell] = largest[cell].max(value);
        }
        let rank = largest.len().saturating_sub(1 + FEW_CELLS);
        nth(&mut largest, rank)
    }

    /// How far a pixel's colour differs from the paper's around it, relative to the light there.
    /// Where the light changes, colours between the darkest and the lightest paper are paper.
    pub(super) fn difference(&self, colour: Rgb, x: usize, y: usize) -> Rgb {
        let cell = self.cells.at(x, y);
        let (darkest, lightest) = (self.darkest[cell], self.lightest[cell]);
        let paper: Rgb = if distance(darkest, lightest) > SHADOW {
            std::array::from_fn(|i| colour[i].clamp(darkest[i], lightest[i]))
        } else {
            self.colours[cell]
        };
        let light = (paper.iter().sum::<f32>() / 3.0).max(DARKEST);
        std::array::from_fn(|i| (colour[i] - paper[i]) * 255.0 / light)
    }
}

/// The least or largest value of each channel (as `pick` chooses) in each cell and those around it.
fn around(cells: &Cells, colours: &[Rgb], pick: fn(f32, f32) -> f32) -> Vec<Rgb> {
    let one = |i: usize| {
        cells.around(i).fold(colours[i], |most, next| {
            std::array::from_fn(|channel| pick(most[channel], colours[next][channel]))
        })
    };
    (0..cells.len()).map(one).collect()
}
