//! Ink maps: what pictures and strokes become before they are framed.

use super::{Homography, Point};

/// An ink map of any size: 255 for full ink, 0 for paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ink {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<u8>,
}

impl Ink {
    /// An ink map of `width` × `height` pixels from its values, row by row. `None` if the number of
    /// values is not `width * height`.
    pub fn new(width: usize, height: usize, values: Vec<u8>) -> Option<Self> {
        (width.checked_mul(height) == Some(values.len())).then_some(Self { width, height, values })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The ink that `map` takes from each pixel of `width` × `height` to this ink.
    pub(crate) fn through(&self, map: &Homography, width: usize, height: usize) -> Self {
        let place = |i: usize| map.apply([(i % width) as f32 + 0.5, (i / width) as f32 + 0.5]);
        let values = (0..width * height).map(|i| self.at(place(i))).collect();
        Self { width, height, values }
    }

    /// The ink at a place, interpolated linearly; none beyond the edges.
    fn at(&self, [x, y]: Point) -> u8 {
        let (left, top) = ((x - 0.5).floor(), (y - 0.5).floor());
        let (u, v) = (x - 0.5 - left, y - 0.5 - top);
        let pixel = |x: f32, y: f32| {
            let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
            if inside { f32::from(self.values[y as usize * self.width + x as usize]) } else { 0.0 }
        };
        let row = |y: f32| pixel(left, y) * (1.0 - u) + pixel(left + 1.0, y) * u;
        (row(top) * (1.0 - v) + row(top + 1.0) * v).round() as u8
    }

    /// The ink above this share of full ink, stretched to 0–255.
    pub(crate) fn stronger(&self, share: f32) -> Self {
        let least = share * 255.0;
        let value = |&v: &u8| ((f32::from(v) - least).max(0.0) / (1.0 - share)).round() as u8;
        Self {
            width: self.width,
            height: self.height,
            values: self.values.iter().map(value).collect(),
        }
    }

    /// Leaves no ink at pixel `i`.
    pub(crate) fn clear(&mut self, i: usize) {
        self.values[i] = 0;
    }

    /// The same with rows and columns swapped.
    pub(crate) fn transposed(&self) -> Self {
        let values = transposed(&self.values, self.width);
        Self { width: self.height, height: self.width, values }
    }

    /// The same turned clockwise by a quarter.
    pub(crate) fn turned(&self) -> Self {
        Self { width: self.height, height: self.width, values: turned(&self.values, self.width) }
    }
}

/// Values in rows of `width`, with rows and columns swapped.
pub(crate) fn transposed<T: Copy>(values: &[T], width: usize) -> Vec<T> {
    let height = values.len() / width.max(1);
    let column = |x: usize| (0..height).map(move |y| values[y * width + x]);
    (0..width).flat_map(column).collect()
}

/// Values in rows of `width`, turned clockwise by a quarter.
pub(crate) fn turned<T: Copy>(values: &[T], width: usize) -> Vec<T> {
    let height = values.len() / width.max(1);
    let column = |x: usize| (0..height).rev().map(move |y| values[y * width + x]);
    (0..width).flat_map(column).collect()
}
