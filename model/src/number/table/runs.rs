//! Long, thin runs of ink: what printed lines consist of.

use crate::{
    number::{bounds::Bounds, components::Components},
    order::sorted,
    preprocess::Ink,
};

/// Lines may be this thick, in pixels.
const FEW: usize = 3;
/// The share of a run that must be thin.
const COVERED: f32 = 0.6;
/// Pieces smaller than this, in pixels, do not tell the digits' height.
const SMALLEST: f32 = 8.0;
/// Pieces that are higher and wider than this share of the picture's longer side are tables rather than
/// digits, if there are others.
const LARGEST: f32 = 0.2;
/// Pieces that contain others which are at least this share as high are boxes.
const BOXED: f32 = 0.25;
/// The most pieces that are compared with each other.
const COMPARED: usize = 2000;

/// What runs of ink are lines. Lengths are in heights of a digit.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    /// The height of a digit in pixels.
    pub(super) height: f32,
    /// Pixels with at least this much ink (of 255) are part of a run.
    pub(super) ink: u8,
    /// The least length.
    pub(super) long: f32,
    /// The largest thickness, or a few pixels if that is more.
    pub(super) thin: f32,
    /// The largest gap.
    pub(super) gap: f32,
}

/// The height of a digit: the upper quartile of the pieces' heights, without those that are much
/// higher than their median, boxes, and specks.
pub(super) fn digit_height(components: &Components) -> Option<f32> {
    let side = components.ink.width().max(components.ink.height()) as f32;
    let may_be_digit =
        |own: &&Bounds| own.height() >= SMALLEST && own.height().min(own.width()) <= LARGEST * side;
    let all = components.bounds.iter().flatten().filter(may_be_digit);
    let all: Vec<&Bounds> = all.take(COMPARED).collect();
    let is_box = |own: &Bounds| {
        let contains = |other: &&&Bounds| {
            own.with(other) == *own && **other != own && other.height() >= BOXED * own.height()
        };
        all.iter().find(contains).is_some()
    };
    let heights = all.iter().filter(|own| !is_box(own)).map(|own| own.height());
    let heights = sorted(heights.collect(), |&height| height);
    let median = *heights.get(heights.len() / 2)?;
    let usual: Vec<f32> = heights.into_iter().filter(|&height| height <= 3.0 * median).collect();
    usual.get(usual.len() * 3 / 4).copied()
}

impl Runs {
    /// Whether each pixel is on a thin run of ink that is long enough, and level but for a pixel up or
    /// down on the way.
    pub(super) fn on(&self, ink: &Ink) -> Vec<bool> {
        let (width, values) = (ink.width(), ink.values());
        let thickest = ((self.thin * self.height) as usize).max(FEW);
        let [least, gap] = [self.long, self.gap].map(|share| (share * self.height) as usize);
        let mut is_line = vec![false; values.len()];
        let inked = |i: usize| values[i] >= self.ink;
        let near = |i: usize| {
            inked(i)
                || i >= width && inked(i - width)
                || values.get(i + width).is_some_and(|&value| value >= self.ink)
        };
        for y in 0..ink.height() {
            let mut x = 0;
            while x < width {
                let mut end = x;
                let mut missing = 0;
                for next in x..width {
                    if near(y * width + next) {
                        (end, missing) = (next + 1, 0);
                    } else if end == x || missing == gap {
                        break;
                    } else {
                        missing += 1;
                    }
                }
                if end - x >= least.max(1) {
                    let on: Vec<usize> =
                        (x..end).map(|x| y * width + x).filter(|&i| inked(i)).collect();
                    let is_thin =
                        |i: &usize| self.thickness(values, *i, width, thickest) <= thickest;
                    let thin: Vec<usize> = on.iter().copied().filter(is_thin).collect();
                    if thin.len() as f32 >= COVERED * on.len() as f32 {
                        thin.into_iter().for_each(|i| is_line[i] = true);
                    }
                }
                x = end.max(x + 1);
            }
        }
        is_line
    }

    /// The pixels of ink above and below pixel `i`, and itself, up to a few more than `most`.
    fn thickness(&self, values: &[u8], i: usize, width: usize, most: usize) -> usize {
        let inked = |&i: &usize| values[i] >= self.ink;
        let above = (0..=i).rev().step_by(width).skip(1).take(most + 1).take_while(inked).count();
        let below =
            (i..values.len()).step_by(width).skip(1).take(most + 1).take_while(inked).count();
        above + 1 + below
    }
}
