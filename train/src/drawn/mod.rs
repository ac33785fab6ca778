//! Ordinary drawings of the digits, made of the shapes that people write and
//! varied as hands vary them. MNIST's pictures, scanned from the paper of one
//! country, are no drawings: a network that is taught drawings of something new
//! must see that there are drawings of digits too, and must be asked afterwards
//! whether it still reads them.

mod digits;

use std::array::from_fn;

use glyphic_model::preprocess::{Point, Strokes};

use crate::{
    batches::{Purpose, rng},
    data::Example,
    vary::Variation,
};
use digits::DIGITS;

/// Drawings of each shape in the set to check on.
const EACH: u64 = 40;
/// Points between two of a shape's.
const PARTS: usize = 6;

/// The drawings to check on: of every shape of those of `labels` that are known,
/// the same ones each time.
pub fn to_check_on(labels: &[String]) -> Vec<Example> {
    shapes(labels).iter().flat_map(|shape| (0..EACH).filter_map(|i| shape.drawing(i))).collect()
}

/// About `count` drawings to train on, none of which is checked on.
pub fn to_train_on(labels: &[String], count: usize) -> Vec<Example> {
    let shapes = shapes(labels);
    let each = count.div_ceil(shapes.len().max(1)) as u64;
    shapes.iter().flat_map(|shape| (EACH..EACH + each).filter_map(|i| shape.drawing(i))).collect()
}

/// A shape that is written for a label.
struct Shape {
    label: usize,
    strokes: Strokes,
    /// Its place among all shapes, from which its variations are made.
    number: u64,
}

impl Shape {
    /// Its variation of this number.
    fn drawing(&self, variation: u64) -> Option<Example> {
        let mut rng = rng(self.number, Purpose::Drawn, variation);
        let glyph = Variation::default().glyph(&self.strokes, &mut rng)?;
        Some(Example { glyph, label: self.label })
    }
}

fn shapes(labels: &[String]) -> Vec<Shape> {
    let known = DIGITS.iter().zip(0u64..).filter_map(|((text, shape), number)| {
        let label = labels.iter().position(|known| known == text)?;
        Some(Shape { label, strokes: Strokes::new(smooth(shape)).ok()?, number })
    });
    known.collect()
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
                b + t
                    * ((c - a) / 2.0
                        + t * (a - 2.5 * b + 2.0 * c - d / 2.0
                            + t * ((d - a) / 2.0 + 1.5 * (b - c))))
            }));
        }
    }
    line
}
