//! Strips along a picture's edges that are not paper: a table that shows beside the sheet, the bars
//! of a screenshot, the line that a scanner leaves.

use super::colour::{Rgb, distance};

/// A line of pixels along an edge is no paper if at least this share of it ...
const COVERED: f32 = 0.6;
/// ... differs from the paper's colour by at least this (0–441, in RGB).
const STRANGE: f32 = 36.0;
/// Behind it this share of a line at most differs: a strip's edge is parallel to the picture's. That of a
/// table beside a tilted sheet is not.
const CLEAR: f32 = 0.4;
/// In a picture that was cropped to its ink, a mark is at least this share of the edge long.
const CROPPED: f32 = 0.8;
/// A strip is at most this share of the picture's side thick.
const THICKEST: f32 = 0.3;
/// The soft edge of a strip, in pixels.
const SOFT: usize = 2;

/// The rectangle of pixels between the strips: left, top, right and bottom. `None` without strips.
/// `paper` gives the paper's colour at a place, and `longest` are the largest width and height of the
/// marks on it: a mark nearly as long as the edge shows that the picture was cropped to its ink.
pub(super) fn without_strips(
    pixels: &[Rgb],
    [width, height]: [usize; 2],
    paper: impl Fn(usize, usize) -> Rgb,
    longest: [usize; 2],
) -> Option<[usize; 4]> {
    let is_strange = |x: usize, y: usize| distance(pixels[y * width + x], paper(x, y)) >= STRANGE;
    let row = |y: usize| (0..width).filter(|&x| is_strange(x, y)).count() as f32 / width as f32;
    let column =
        |x: usize| (0..height).filter(|&y| is_strange(x, y)).count() as f32 / height as f32;
    let is_cropped = |axis: usize, side: usize| longest[axis] as f32 >= CROPPED * side as f32;
    let depth = |side: usize, line: &dyn Fn(usize) -> f32| {
        let most = (THICKEST * side as f32) as usize;
        let depth = (0..most).take_while(|&i| line(i) >= COVERED).count();
        let is_straight = line((depth + SOFT).min(side - 1)) < CLEAR;
        if depth > 0 && is_straight { depth + SOFT } else { 0 }
    };
    let (mut top, mut bottom, mut left, mut right) = (0, 0, 0, 0);
    if !is_cropped(0, width) {
        top = depth(height, &row);
        bottom = depth(height, &|i| row(height - 1 - i));
    }
    if !is_cropped(1, height) {
        left = depth(width, &column);
        right = depth(width, &|i| column(width - 1 - i));
    }
    let inner = [left, top, width.saturating_sub(right), height.saturating_sub(bottom)];
    let is_part = inner != [0, 0, width, height] && left < inner[2] && top < inner[3];
    is_part.then_some(inner)
}
