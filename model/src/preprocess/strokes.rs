//! Pen strokes to ink with MNIST's line width, independent of the canvas and the pen.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{frame::frame, ink::Ink};
use crate::glyph::{BOX, Glyph};

/// Line width in glyph pixels. On 1,500 of MNIST's training pictures, twice the mean distance from
/// the skeleton to the edge has a median of 2.57 and quartiles of 2.16 and 3.06.
pub const PEN_WIDTH: f32 = 2.5;
/// The most points that a drawing may have, in all strokes together.
pub const MAX_POINTS: usize = 20_000;
/// Raster cells per glyph pixel and axis: fine enough for smooth edges after averaging.
const SUPERSAMPLE: f32 = 4.0;

/// A point of a stroke: x to the right, y down, in any unit.
pub type Point = [f32; 2];

/// A drawing: strokes in the order drawn, each from pen down to pen up.
///
/// ```
/// use glyphic_model::preprocess::Strokes;
///
/// // A 7: a bar and a leg, drawn without lifting the pen.
/// let seven = Strokes::new(vec![vec![[10.0, 10.0], [60.0, 10.0], [30.0, 90.0]]])?;
/// let glyph = seven.glyph().expect("there is ink");
/// assert!(!glyph.is_blank());
///
/// // Without strokes there is no glyph.
/// assert_eq!(Strokes::new(vec![])?.glyph(), None);
/// # Ok::<(), glyphic_model::preprocess::StrokeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Strokes(Vec<Vec<Point>>);

/// Why strokes were rejected.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StrokeError {
    /// More than [`MAX_POINTS`] points.
    #[error("a drawing may have at most {MAX_POINTS} points, this one has {0}")]
    TooManyPoints(usize),
    /// A coordinate is not a number, is infinite, or is beyond ±10⁶.
    #[error("stroke {stroke}, point {point}: coordinates must be numbers between -1e6 and 1e6")]
    BadCoordinate {
        /// Index of the stroke, from 0.
        stroke: usize,
        /// Index of the point in its stroke, from 0.
        point: usize,
    },
}

impl Strokes {
    /// A drawing from the points of its strokes. Strokes without points are dropped. A drawing
    /// without strokes is allowed; it is blank.
    ///
    /// # Errors
    /// There are more than [`MAX_POINTS`] points, or a coordinate is not a number within ±10⁶.
    pub fn new(strokes: Vec<Vec<Point>>) -> Result<Self, StrokeError> {
        // A stroke without points counts as one point, because it takes memory too.
        let points = strokes.iter().map(|stroke| stroke.len().max(1)).sum();
        if points > MAX_POINTS {
            return Err(StrokeError::TooManyPoints(points));
        }
        for (stroke, points) in strokes.iter().enumerate() {
            if let Some(point) = points.iter().flatten().position(|v| v.is_nan() || v.abs() > 1e6) {
                return Err(StrokeError::BadCoordinate { stroke, point: point / 2 });
            }
        }
        Ok(Self(strokes.into_iter().filter(|points| !points.is_empty()).collect()))
    }

    /// The points of each stroke, in the order drawn; none is empty.
    pub fn points(&self) -> &[Vec<Point>] {
        &self.0
    }

    /// The glyph of this drawing. `None` if nothing was drawn.
    pub fn glyph(&self) -> Option<Glyph> {
        self.glyph_with_pen(PEN_WIDTH)
    }

    /// The glyph drawn with a pen of another width, in glyph pixels, above 0 and at most half of
    /// [`BOX`]. It is for training; serving always uses [`glyph`](Self::glyph). `None` if nothing
    /// was drawn.
    pub fn glyph_with_pen(&self, width: f32) -> Option<Glyph> {
        frame(&self.ink(width)?)
    }

    /// Draws the strokes with a round pen, scaled so that they fill the glyph's box including the
    /// pen's width, with [`SUPERSAMPLE`] cells per pixel.
    fn ink(&self, pen_width: f32) -> Option<Ink> {
        let [left, top, right, bottom] = self.bounds()?;
        let pen = pen_width * SUPERSAMPLE;
        let longest = (right - left).max(bottom - top);
        let side = BOX as f32 * SUPERSAMPLE;
        let scale = if longest > 0.0 { (side - pen) / longest } else { 0.0 };
        self.drawn(scale, pen)
    }

    /// The strokes drawn with a round pen of a width in pixels, `scale` pixels per unit; the ink
    /// begins at the left and upper edges. `None` if nothing was drawn.
    pub fn drawn(&self, scale: f32, pen_width: f32) -> Option<Ink> {
        let [left, top, right, bottom] = self.bounds()?;
        let radius = pen_width / 2.0;
        let to_cells = |[x, y]: Point| [(x - left) * scale + radius, (y - top) * scale + radius];
        let side = |length: f32| (length * scale + pen_width).ceil() as usize + 1;
        let mut raster = Raster::new(side(right - left), side(bottom - top));
        for stroke in &self.0 {
            let mut from = to_cells(stroke[0]);
            raster.capsule(from, from, radius);
            for &point in &stroke[1..] {
                let to = to_cells(point);
                raster.capsule(from, to, radius);
                from = to;
            }
        }
        Ink::new(raster.width, raster.height, raster.cells)
    }

    /// The least and the largest coordinates: left, top, right, bottom. `None` without points.
    fn bounds(&self) -> Option<[f32; 4]> {
        let points = || self.0.iter().flatten();
        let [left, top] = [0, 1].map(|axis| points().map(|p| p[axis]).fold(f32::MAX, f32::min));
        let [right, bottom] = [0, 1].map(|axis| points().map(|p| p[axis]).fold(f32::MIN, f32::max));
        points().next().map(|_| [left, top, right, bottom])
    }
}

/// A grid of ink being drawn on.
struct Raster {
    width: usize,
    height: usize,
    cells: Vec<u8>,
}

impl Raster {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![0; width * height] }
    }

    /// Inks every cell within `radius` of the segment from `a` to `b`, with a soft edge one cell
    /// wide.
    fn capsule(&mut self, a: Point, b: Point, radius: f32) {
        let reach = radius + 1.0;
        let span = |u: f32, v: f32, side: usize| {
            let from = (u.min(v) - reach).floor().max(0.0) as usize;
            from..=((u.max(v) + reach).ceil().max(0.0) as usize).min(side - 1)
        };
        let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
        let length_squared = dx * dx + dy * dy;
        for y in span(a[1], b[1], self.height) {
            // A row meets only a part of a long slanted segment, so only that part's columns are
            // visited.
            let share = |edge: f32| ((edge - a[1]) / dy).clamp(0.0, 1.0);
            let (from, to) = match dy.abs() > 1.0 {
                true => (share(y as f32 - reach), share(y as f32 + 1.0 + reach)),
                false => (0.0, 1.0),
            };
            for x in span(a[0] + from * dx, a[0] + to * dx, self.width) {
                let [px, py] = [x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]];
                let along = if length_squared > 0.0 {
                    ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let distance = (px - along * dx).hypot(py - along * dy);
                let ink = ((radius - distance + 0.5).clamp(0.0, 1.0) * 255.0) as u8;
                let cell = &mut self.cells[y * self.width + x];
                *cell = ink.max(*cell);
            }
        }
    }
}
