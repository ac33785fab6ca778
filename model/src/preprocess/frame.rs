//! Framing: the last step of preprocessing, which MNIST's own pictures went through too.
//!
//! The steps are those of Yadav and Bottou, "Cold Case: the Lost MNIST Digits" (NeurIPS 2019), who
//! reconstructed how MNIST was made: crop to a square around the ink, area-average to 20 × 20,
//! scale the darkest ink to 255, and shift by whole pixels so that the centre of mass is in the
//! middle of 28 × 28.

use super::{
    area::{Square, area_average},
    ink::Ink,
};
use crate::glyph::{BLANK_BELOW, BOX, Glyph, PIXELS, SIDE};

/// Smallest side of the square that is cropped around the ink, in source pixels, so that a speck is
/// not enlarged to a full box.
const SMALLEST_CROP: usize = 10;

/// Pixels with at least this much ink (of 255) are strokes ...
const STROKE: u8 = BLANK_BELOW;
/// ... and their soft edge is this wide, in source pixels, or one pixel of the glyph if that is more.
const SOFT_EDGE: usize = 2;

/// Frames ink as MNIST frames its digits. `None` if no value reaches [`BLANK_BELOW`].
pub fn frame(ink: &Ink) -> Option<Glyph> {
    if ink.values.iter().all(|&value| value < BLANK_BELOW) {
        return None;
    }
    let mut boxed = area_average(ink, &crop(ink)?, BOX, 0.0);
    stretch_to_full_ink(&mut boxed);
    Some(centre_by_mass(&boxed))
}

/// Ink enlarged or reduced so that it fills the glyph up to its edges, for several symbols at once: more
/// of each is seen than in [`frame`]'s box. `None` if no value reaches [`BLANK_BELOW`].
pub(crate) fn fill(ink: &Ink) -> Option<Glyph> {
    if ink.values.iter().all(|&value| value < BLANK_BELOW) {
        return None;
    }
    let mut filled = area_average(ink, &crop(ink)?, SIDE, 0.0);
    stretch_to_full_ink(&mut filled);
    Some(Glyph::new(std::array::from_fn(|i| filled[i].round() as u8)))
}

/// The square around the strokes and their soft edges. It may extend beyond the ink map's edges,
/// where there is no ink. Faint values far from any stroke, such as a scanner's noise, do not count,
/// or one of them would move the digit into a corner.
fn crop(ink: &Ink) -> Option<Square> {
    let strokes = Span::of(ink, |_, _, value| value >= STROKE)?;
    let reach = (strokes.longest() / BOX).max(SOFT_EDGE);
    let near = |x: usize, y: usize| {
        (strokes.left.saturating_sub(reach)..=strokes.right + reach).contains(&x)
            && (strokes.top.saturating_sub(reach)..=strokes.bottom + reach).contains(&y)
    };
    let inked = Span::of(ink, |x, y, value| value > 0 && near(x, y))?;
    let (width, height) = (inked.right - inked.left + 1, inked.bottom - inked.top + 1);
    let side = width.max(height).max(SMALLEST_CROP);
    Some(Square {
        left: inked.left as isize - ((side - width) / 2) as isize,
        top: inked.top as isize - ((side - height) / 2) as isize,
        side,
    })
}

/// The first and last columns and rows of some pixels.
struct Span {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Span {
    /// That of the pixels which `counts` accepts by their column, row and value. `None` without any.
    fn of(ink: &Ink, counts: impl Fn(usize, usize, u8) -> bool) -> Option<Self> {
        let mut span: Option<Self> = None;
        for (y, row) in ink.values.chunks(ink.width).enumerate() {
            let inside = |&x: &usize| counts(x, y, row[x]);
            let Some(first) = (0..row.len()).find(inside) else { continue };
            let last = (0..row.len()).rev().find(inside).unwrap_or(first);
            let before = span.unwrap_or(Self { left: first, top: y, right: last, bottom: y });
            span = Some(Self {
                left: before.left.min(first),
                top: before.top,
                right: before.right.max(last),
                bottom: y,
            });
        }
        span
    }

    /// The longer side in pixels.
    fn longest(&self) -> usize {
        (self.right - self.left).max(self.bottom - self.top) + 1
    }
}

fn stretch_to_full_ink(boxed: &mut [f64]) {
    let darkest = boxed.iter().copied().fold(0.0, f64::max);
    if darkest > 0.0 {
        boxed.iter_mut().for_each(|value| *value *= 255.0 / darkest);
    }
}

/// Places the box so that the centre of mass is within (13.5, 14.5] on both axes, which is pixel
/// index 14, without pushing ink over the edge.
fn centre_by_mass(boxed: &[f64]) -> Glyph {
    let values: Vec<u8> = boxed.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    let rows = || values.chunks(BOX);
    let inked_rows = rows().map(|row| row.iter().map(|&v| u32::from(v)).sum());
    let top = offset(inked_rows.collect());
    let inked_columns = (0..BOX).map(|x| rows().map(|row| u32::from(row[x])).sum());
    let left = offset(inked_columns.collect());

    let mut pixels = [0; PIXELS];
    for (y, row) in rows().enumerate() {
        for (x, &value) in row.iter().enumerate().filter(|&(_, &value)| value > 0) {
            let (px, py) = ((x as isize + left) as usize, (y as isize + top) as usize);
            pixels[py * SIDE + px] = value;
        }
    }
    Glyph::new(pixels)
}

/// The shift along one axis, given the total ink at each position of that axis.
fn offset(ink: Vec<u32>) -> isize {
    let total: f64 = ink.iter().map(|&v| f64::from(v)).sum();
    if total == 0.0 {
        return 0;
    }
    let moment: f64 = ink.iter().enumerate().map(|(i, &v)| (i as f64 + 0.5) * f64::from(v)).sum();
    let wanted = (15.0 - moment / total).floor() as isize;
    let first = ink.iter().position(|&v| v > 0).unwrap_or(0) as isize;
    let last = ink.iter().rposition(|&v| v > 0).unwrap_or(0) as isize;
    wanted.clamp(-first, SIDE as isize - 1 - last)
}
