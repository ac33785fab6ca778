//! Removes the lines of printed tables, boxes and forms, which do not go on to the picture's edges as
//! rulings do.

use super::runs::{Runs, digit_height};
use crate::{
    number::{bounds::Bounds, components::Components},
    preprocess::{Ink, pieces::neighbours, transposed},
};

/// A piece may be a table if it is at least this many digits high and wide ...
const LARGE: f32 = 1.8;
/// ... and covers at most this share of its bounds.
const SPARSE: f32 = 0.3;
/// Pixels with at least this much ink (of 255) are part of a line.
const LINE: u8 = 40;
/// Lines are at least this many heights of a digit long: longer than any stroke of a digit that is
/// straight and level.
const LONG: f32 = 1.3;
/// Lines are at most this many heights of a digit thick.
const THIN: f32 = 0.16;
/// Below this much ink a pixel beside a line is its soft edge.
const SOFT: u8 = 128;

/// The ink without the lines of tables. `None` if there is no table.
pub(in crate::number) fn without_tables(components: &Components) -> Option<Ink> {
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
    let runs = Runs { height, ink: LINE, long: LONG, thin: THIN, gap: 0.0 };
    let level = runs.on(ink);
    let upright = transposed(&runs.on(&ink.transposed()), ink.height());
    Some(erased(ink, |i| level[i] || upright[i]))
}

/// The ink without some pixels and the soft edges around them.
pub(super) fn erased(ink: &Ink, is_line: impl Fn(usize) -> bool) -> Ink {
    let mut rest = ink.clone();
    let (width, count) = (ink.width(), ink.values().len());
    for i in (0..count).filter(|&i| is_line(i)) {
        for next in neighbours(i, width, count) {
            if ink.values()[next] < SOFT || next == i {
                rest.clear(next);
            }
        }
    }
    rest
}
