//! From the colours of paper and pen to ink.

use super::{Paper, colour::Rgb, plain::Plain};
use crate::{glyph::BLANK_BELOW, order::nth, preprocess::pieces::pieces};

/// Ink differs from uneven paper by at least this many standard deviations of its grain.
const GRAIN: f32 = 5.0;
/// In a photo, this share of the strongest ink is full ink: the strongest is partly noise.
const FULL_INK: f32 = 0.8;
/// In a noisy picture, a piece of ink smaller than this share of the largest piece is dust ...
const DUST_SHARE: f64 = 0.02;
/// ... if its area is below that of a square with this share of the picture's longer side: the largest
/// piece may be a printed table.
const DUST_SIDE: f64 = 1.0 / 300.0;

/// How far each pixel differs from the paper in the direction of the pen's colour, stretched to
/// 0–255. Because this direction is measured, the same code works for light and dark paper and for
/// pens of any colour. `None` if the picture is blank.
pub(super) fn ink(pixels: &[Rgb], paper: &Paper, width: usize, height: usize) -> Option<Vec<u8>> {
    let plain = Plain::of(pixels, width, height).filter(|_| paper.fills_picture());
    match plain {
        Some(plain) => on_plain_paper(pixels, &plain),
        None => on_uneven_paper(pixels, paper, width),
    }
}

fn on_plain_paper(pixels: &[Rgb], plain: &Plain) -> Option<Vec<u8>> {
    let difference = |pixel: &Rgb| std::array::from_fn(|i| pixel[i] - plain.colour[i]);
    let values = along_pen(pixels.iter().map(difference).collect())?;
    let full = values.iter().copied().fold(0.0, f32::max);
    stretched(&values, plain.noise, full)
}

fn on_uneven_paper(pixels: &[Rgb], paper: &Paper, width: usize) -> Option<Vec<u8>> {
    let place = |i: usize| (i % width, i / width);
    let difference = |i: usize| {
        let (x, y) = place(i);
        if paper.covers(x, y) { paper.difference(pixels[i], x, y) } else { [0.0; 3] }
    };
    let values = along_pen((0..pixels.len()).map(difference).collect())?;
    let on_sheet = |i: &usize| {
        let (x, y) = place(*i);
        paper.covers(x, y)
    };
    let floor = grain((0..values.len()).filter(on_sheet).map(|i| values[i]).collect())?;
    let full = FULL_INK * paper.strongest(&values, width);
    let mut ink = stretched(&values, floor, full)?;
    remove_dust(&mut ink, width);
    Some(ink)
}

/// The part of each difference from the paper that is in the direction of the pen's colour. `None`
/// if nothing differs.
fn along_pen(differences: Vec<Rgb>) -> Option<Vec<f32>> {
    let direction = pen_direction(&differences)?;
    let along = |d: &Rgb| (0..3).map(|channel| d[channel] * direction[channel]).sum();
    Some(differences.iter().map(along).collect())
}

/// Stretches the values from `floor` to `full` to 0–255. `None` if there is too little between them.
fn stretched(values: &[f32], floor: f32, full: f32) -> Option<Vec<u8>> {
    if full - floor < f32::from(BLANK_BELOW) {
        return None;
    }
    let ink =
        |value: &f32| (((value - floor) / (full - floor)).clamp(0.0, 1.0) * 255.0).round() as u8;
    Some(values.iter().map(ink).collect())
}

/// The unit vector from the paper's colour to the pen's: the mean difference. Each pixel is
/// weighted by its squared difference, so that ink counts and the paper's grain does not. `None` if
/// nothing differs.
fn pen_direction(differences: &[Rgb]) -> Option<Rgb> {
    let mut sum = [0.0f64; 3];
    for d in differences {
        let squared: f32 = d.iter().map(|v| v * v).sum();
        for channel in 0..3 {
            sum[channel] += f64::from(d[channel] * squared);
        }
    }
    let length = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
    (length > 0.0).then(|| sum.map(|v| (v / length) as f32))
}

/// The level above which a value is not the paper's grain. The spread of the values below the median
/// tells the grain, because ink and rulings are above it. `None` without values.
fn grain(mut values: Vec<f32>) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let mut quantile = |share: f32| {
        let rank = (values.len() as f32 * share) as usize;
        nth(&mut values, rank)
    };
    // The 16th percentile of normal noise is one standard deviation below its median.
    let (level, low) = (quantile(0.5), quantile(0.16));
    Some(level + GRAIN * (level - low).max(1.0))
}

/// Removes the pieces of ink that are much smaller than the largest one.
fn remove_dust(ink: &mut [u8], width: usize) {
    let (piece_of, sizes) = pieces(ink, width, 1);
    let mut areas = vec![0usize; sizes.len()];
    for (&value, &piece) in ink.iter().zip(&piece_of) {
        areas[piece as usize] += usize::from(value >= BLANK_BELOW);
    }
    let largest = areas.iter().copied().max().unwrap_or(0) as f64;
    let longest = width.max(ink.len() / width.max(1)) as f64;
    let dust = (DUST_SHARE * largest).min((DUST_SIDE * longest).powi(2));
    for (value, &piece) in ink.iter_mut().zip(&piece_of) {
        if (areas[piece as usize] as f64) < dust {
            *value = 0;
        }
    }
}
