//! Paper of one colour: drawings, screenshots and clean scans.

use super::colour::{Rgb, distance, median};
use crate::order::nth;

/// Border pixels within this distance (0–441, in RGB) of the border's median colour are plain
/// paper.
const PLAIN: f32 = 12.0;
/// The share of the border that must be plain for the paper to count as one colour.
const PLAIN_SHARE: f64 = 0.9;

/// Paper of one colour.
pub(super) struct Plain {
    pub(super) colour: Rgb,
    /// The largest difference (0–441, in RGB) that is still paper.
    pub(super) noise: f32,
}

impl Plain {
    /// The paper's colour, if nearly all of the picture's edge has one. An exact constant keeps
    /// faint ink.
    pub(super) fn of(pixels: &[Rgb], width: usize, height: usize) -> Option<Self> {
        let border: Vec<Rgb> = border(width, height).map(|i| pixels[i]).collect();
        let colour = median(&border);
        let mut plain: Vec<f32> =
            border.iter().map(|&c| distance(c, colour)).filter(|&d| d <= PLAIN).collect();
        if (plain.len() as f64) < PLAIN_SHARE * border.len() as f64 {
            return None;
        }
        // On a clean border nearly all pixels are equal, and the rest is faint ink that crosses it.
        // The ninth decile is the paper's own variation without that ink.
        let rank = plain.len() * 9 / 10;
        let common = nth(&mut plain, rank);
        Some(Self { colour, noise: 2.0 * common })
    }
}

/// The indices of the pixels on the edge.
fn border(width: usize, height: usize) -> impl Iterator<Item = usize> {
    (0..width * height).filter(move |i| {
        let (x, y) = (i % width, i / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    })
}
