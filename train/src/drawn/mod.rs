//! Ordinary drawings of the digits, made of the shapes that people write and
//! varied as hands vary them. They tell whether a network still knows what a pen
//! draws: MNIST's pictures, scanned from paper of one country, do not.

mod digits;

use std::array::from_fn;

use glyphic_model::preprocess::{Point, Strokes};

use crate::{
    batches::{Purpose, rng},
    data::Example,
    vary::Variation,
};
use digits::DIGITS;

/// Drawings of each shape.
const EACH: u64 = 40;
/// Points between two of a shape's.
const PARTS: usize = 6;

/// Drawings of every shape of those of `labels` that are known, the same ones
/// each time.
pub fn drawn(labels: &[String]) -> Vec<Example> {
    let known = DIGITS.iter().zip(0u64..).filter_map(|((label, shape), number)| {
        let label = labels.iter().position(|known| known == label)?;
        Some((label, Strokes::new(smooth(shape)).ok()?, number))
    });
    known
        .flat_map(|(label, strokes, number)| {
            (0..EACH).filter_map(move |i| {
                let mut rng = rng(number, Purpose::Drawn, i);
                let glyph = Variation::default().glyph(&strokes, &mut rng)?;
                Some(Example { glyph, label })
            })
        })
        .collect()
}

/// Curves through the points of each stroke. A point that is there twice is a
/// corner.
fn smooth(shape: &[&[Point]]) -> Vec<Vec<Point>> {
    shape.iter().map(|stroke| curve(stroke)).collect()
}

/// Catmull and Rom's curve (1974), in pieces of [`PARTS`].
fn curve(points: &[Point]) -> Vec<Point> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut line = vec![at(0)];
    for i in 0..points.len().saturating_sub(1) as isize {
        let [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        if b == c {
            continue;
        }
        for part in 1..=PARTS {
            let t = part as f32 / PARTS as f32;
            line.push(from_fn(|axis| {
                let [a, b, c, d] = [a[axis], b[axis], c[axis], d[axis]];
                b + t * ((c - a) / 2.0
                    + t * (a - 2.5 * b + 2.0 * c - d / 2.0
                        + t * ((d - a) / 2.0 + 1.5 * (b - c))))
            }));
        }
    }
    line
}
