//! Thickens fine lines to the width of MNIST's thinner ones. Without it, averaging a large picture
//! onto 20 × 20 would fade the lines of a fine pen away.

use super::{ink::Ink, strokes::PEN_WIDTH};
use crate::glyph::BOX;

/// Ink whose longer side is below this, in pixels, is left alone: it is near MNIST's own scale, and
/// MNIST has thin lines too.
const SMALLEST_SIDE: usize = 3 * BOX;
/// The width to which thin lines are thickened, as a share of MNIST's median: that of its thinner
/// digits. Lines that already have this width are left alone, so that the result changes gradually
/// with the width.
const THIN: f32 = 0.8;
/// Pixels with at least this much ink (of 255) count as line.
pub(super) const LINE: u8 = 128;

/// Thickens lines that are thinner than [`THIN`] times [`PEN_WIDTH`] to that width.
pub(crate) fn thicken(ink: Ink) -> Ink {
    let is_line = |i: usize| ink.values[i] >= LINE;
    let Some((side, width)) = measure(&ink, is_line) else { return ink };
    let wanted = THIN * PEN_WIDTH / BOX as f32 * side as f32;
    if side < SMALLEST_SIDE || width >= wanted {
        return ink;
    }
    let radius = (wanted - width) / 2.0;
    let margin = radius.ceil() as usize + 1;
    // Room for the line to grow over the edge of the picture.
    let (columns, rows) = (ink.width + 2 * margin, ink.height + 2 * margin);
    let mut distances = vec![f32::MAX; columns * rows];
    for i in (0..ink.values.len()).filter(|&i| is_line(i)) {
        distances[(i / ink.width + margin) * columns + i % ink.width + margin] = 0.0;
    }
    distance_transform(&mut distances, columns);
    let values = distances.iter().map(|d| ((radius - d + 1.0).clamp(0.0, 1.0) * 255.0) as u8);
    Ink { width: columns, height: rows, values: values.collect() }
}

/// The longer side of the lines' bounds, and the lines' width, in pixels. The width follows from
/// area and outline, because the area of a long line is half its outline times its width. `None`
/// without lines.
pub(super) fn measure(ink: &Ink, is_line: impl Fn(usize) -> bool) -> Option<(usize, f32)> {
    let (mut area, mut edges) = (0usize, 0usize);
    let (mut left, mut top, mut right, mut bottom) = (usize::MAX, usize::MAX, 0, 0);
    for y in 0..ink.height {
        for x in (0..ink.width).filter(|x| is_line(y * ink.width + x)) {
            area += 1;
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
            let i = y * ink.width + x;
            edges += usize::from(x == 0 || !is_line(i - 1));
            edges += usize::from(x + 1 == ink.width || !is_line(i + 1));
            edges += usize::from(y == 0 || !is_line(i - ink.width));
            edges += usize::from(y + 1 == ink.height || !is_line(i + ink.width));
        }
    }
    if area == 0 {
        return None;
    }
    let side = (right - left).max(bottom - top) + 1;
    // Pixel edges overstate the length of an outline by 4/π on average.
    let outline = edges as f32 * std::f32::consts::FRAC_PI_4;
    Some((side, 2.0 * area as f32 / outline))
}

/// Replaces each value by the distance to the nearest 0, in two sweeps over the neighbours:
/// Borgefors' chamfer distance with √2 for diagonals, which is at most 8 % too long.
fn distance_transform(distances: &mut [f32], columns: usize) {
    const DIAGONAL: f32 = std::f32::consts::SQRT_2;
    let last = distances.len();
    for i in 0..last {
        let (x, mut best) = (i % columns, distances[i]);
        if x > 0 {
            best = best.min(distances[i - 1] + 1.0);
        }
        if i >= columns {
            best = best.min(distances[i - columns] + 1.0);
            if x > 0 {
                best = best.min(distances[i - columns - 1] + DIAGONAL);
            }
            if x + 1 < columns {
                best = best.min(distances[i - columns + 1] + DIAGONAL);
            }
        }
        distances[i] = best;
    }
    for i in (0..last).rev() {
        let (x, mut best) = (i % columns, distances[i]);
        if x + 1 < columns {
            best = best.min(distances[i + 1] + 1.0);
        }
        if i + columns < last {
            best = best.min(distances[i + columns] + 1.0);
            if x + 1 < columns {
                best = best.min(distances[i + columns + 1] + DIAGONAL);
            }
            if x > 0 {
                best = best.min(distances[i + columns - 1] + DIAGONAL);
            }
        }
        distances[i] = best;
    }
}
