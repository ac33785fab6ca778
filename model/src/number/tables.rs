//! Removes the lines of printed tables, boxes and forms, which do not go on to the picture's edges as
//! rulings do.

use super::{bounds::Bounds, components::Components};
use crate::{order::sorted, preprocess::Ink};

/// Pixels with at least this much ink (of 255) are part of a line.
const LINE: u8 = 40;
/// A piece may be a table if it is at least this many digits high and wide ...
const LARGE: f32 = 1.8;
/// ... and covers at most this share of its bounds.
const SPARSE: f32 = 0.3;
/// Runs of ink of at least this many heights of a digit are lines: longer than any stroke of a digit
/// that is straight and level.
const LONG: f32 = 1.3;
/// Lines are at most this many heights thick.
const THIN: f32 = 0.16;
/// The share of a run that must be thin.
const COVERED: f32 = 0.6;
/// Pieces smaller than this, in pixels, do not tell the digits' height.
const SMALLEST: f32 = 8.0;

/// The ink without the lines of tables. `None` if there is no table.
pub(super) fn without_tables(components: &Components) -> Option<Ink> {
    let height = digit_height(components)?;
    let area = components.areas();
    let is_table = |(own, &area): (&Option<Bounds>, &f32)| {
        own.is_some_and(|own| {
            own.height() >= LARGE * height
                && own.width() >= LARGE * height
                && area <= SPARSE * own.width() * own.height()
        })
    };
    if !components.bounds.iter().zip(&area).any(is_table) {
        return None;
    }
    let ink = &components.ink;
    let level = long_runs(ink, height);
    let upright = long_runs(&ink.turned(), height);
    // Turned back: column x of the ink is row x of the turned ink, from right to left.
    let (width, rows) = (ink.width(), ink.height());
    let is_line = |i: usize| level[i] || upright[i % width * rows + rows - 1 - i / width];
    let mut values = ink.values().to_vec();
    for i in (0..values.len()).filter(|&i| is_line(i)) {
        // Including its soft edge.
        for next in crate::preprocess::pieces::neighbours(i, width, ink.values().len()) {
            if ink.values()[next] < SOFT || next == i {
                values[next] = 0;
            }
        }
    }
    Ink::new(width, rows, values)
}

/// Below this much ink a pixel beside a line is its soft edge.
const SOFT: u8 = 128;

/// The height of a digit: the upper quartile of the pieces' heights, without those that are much
/// higher than their median, and specks.
fn digit_height(components: &Components) -> Option<f32> {
    let all = components.bounds.iter().flatten().map(|own| own.height());
    let heights = sorted(all.filter(|&height| height >= SMALLEST).collect(), |&height| height);
    let median = *heights.get(heights.len() / 2)?;
    let usual: Vec<f32> = heights.into_iter().filter(|&height| height <= 3.0 * median).collect();
    usual.get(usual.len() * 3 / 4).copied()
}

/// Whether each pixel is on a thin, level run of ink that is longer than digits are high.
fn long_runs(ink: &Ink, height: f32) -> Vec<bool> {
    let (width, values) = (ink.width(), ink.values());
    let thickest = ((THIN * height) as usize).max(3);
    let least = ((LONG * height) as usize).max(1);
    let mut is_line = vec![false; values.len()];
    for (y, row) in values.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|&&value| value >= LINE).count();
            if run >= least {
                let thin: Vec<usize> = (x..x + run)
                    .map(|x| y * width + x)
                    .filter(|&i| thickness(values, i, width, thickest) <= thickest)
                    .collect();
                if thin.len() as f32 >= COVERED * run as f32 {
                    thin.into_iter().for_each(|i| is_line[i] = true);
                }
            }
            x += run.max(1);
        }
    }
    is_line
}

/// The pixels of ink above and below pixel `i`, and itself, up to a few more than `most`.
fn thickness(values: &[u8], i: usize, width: usize, most: usize) -> usize {
    let inked = |&i: &usize| values[i] >= LINE;
    let above = (0..=i).rev().step_by(width).skip(1).take(most + 1).take_while(inked).count();
    let below = (i..values.len()).step_by(width).skip(1).take(most + 1).take_while(inked).count();
    above + 1 + below
}
