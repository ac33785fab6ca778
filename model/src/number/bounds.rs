//! Bounding boxes.

use serde::Serialize;

use crate::preprocess::{Homography, Point};

/// A bounding box, x to the right and y down, in the units of the strokes or the pixels of the
/// picture. In JSON it is `[x, y, width, height]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f32; 4]")]
pub struct Bounds {
    /// Its left edge.
    pub left: f32,
    /// Its upper edge.
    pub top: f32,
    /// Its right edge, at least `left`.
    pub right: f32,
    /// Its lower edge, at least `top`.
    pub bottom: f32,
}

impl From<[f32; 4]> for Bounds {
    fn from([left, top, width, height]: [f32; 4]) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }
}

impl From<Bounds> for [f32; 4] {
    fn from(bounds: Bounds) -> Self {
        [bounds.left, bounds.top, bounds.width(), bounds.height()]
    }
}

impl Bounds {
    /// The bounds of points. `None` without any.
    pub fn around<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<Self> {
        let each = points.into_iter().map(|&[x, y]| Self { left: x, top: y, right: x, bottom: y });
        each.reduce(|all, one| all.with(&one))
    }

    /// The bounds of both.
    pub fn with(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The bounds of all. `None` without any.
    pub fn around_all<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        all.into_iter().copied().reduce(|all, one| all.with(&one))
    }

    /// A box from x, y, width and height. `None` if one of them is NaN or beyond ±10⁶, or a side is
    /// negative.
    pub fn checked(numbers: [f32; 4]) -> Option<Self> {
        let are_numbers = numbers.iter().all(|v| v.abs() <= 1e6);
        (are_numbers && numbers[2] >= 0.0 && numbers[3] >= 0.0).then(|| numbers.into())
    }

    /// The width, from left to right.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// The height, from top to bottom.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The centre: x, y.
    pub fn middle(&self) -> Point {
        [(self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0]
    }

    /// Whether a point is inside, edges included.
    pub fn holds(&self, [x, y]: Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// The horizontal gap between the two; negative if they overlap.
    pub(super) fn gap_beside(&self, other: &Self) -> f32 {
        self.left.max(other.left) - self.right.min(other.right)
    }

    /// The vertical gap between the two; negative if they overlap.
    pub(super) fn gap_below(&self, other: &Self) -> f32 {
        self.top.max(other.top) - self.bottom.min(other.bottom)
    }

    /// The same box in units that are smaller by the factor `scale`.
    pub fn scaled(&self, scale: f32) -> Self {
        Self {
            left: self.left * scale,
            top: self.top * scale,
            right: self.right * scale,
            bottom: self.bottom * scale,
        }
    }

    /// The box around this box's corners on another plane.
    pub(super) fn mapped(&self, map: &Homography) -> Self {
        let Self { left, top, right, bottom } = *self;
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
        Self::around(&corners.map(|corner| map.apply(corner))).unwrap_or(*self)
    }
}
