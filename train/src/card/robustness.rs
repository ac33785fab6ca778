//! The robustness test: accuracy on pictures of digits that are changed in ten ways at five
//! strengths each, and preprocessed like uploads.

use anyhow::Result;
use glyphic_model::{
    Classifier, Glyph,
    glyph::SIDE,
    preprocess::{Picture, Pictures},
};
use glyphic_runtime::decode::decode;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use rand::{RngExt, rngs::StdRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    evaluate::evaluate,
    example::Example,
    random::{Purpose, rng, signed},
};

/// Picture pixels for each pixel of a glyph, along a side.
const ENLARGED: usize = 4;
/// Side of the pictures.
const SIDE_OF_PICTURE: usize = ENLARGED * SIDE;
/// Grey of paper and of ink.
const PAPER: f32 = 235.0;
const INK: f32 = 30.0;

/// Accuracy under one kind of change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Robustness {
    /// The name of the change.
    pub change: String,
    /// The unit of its strengths.
    pub unit: String,
    /// The strengths.
    pub strengths: Vec<f32>,
    /// Accuracy (0–1) at each.
    pub accuracy: Vec<f64>,
    /// Examples at each.
    pub examples: usize,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing is changed, but the picture is read as an upload.
    None,
    /// The digit is smaller and not in the middle.
    Shift,
    /// The digit is smaller.
    Scale,
    /// The digit is turned, either way.
    Rotation,
    /// The digit is slanted, either way.
    Shear,
    /// The pen is wider or thinner.
    StrokeWidth,
    /// The picture is out of focus.
    Blur,
    /// Grain on all pixels.
    Noise,
    /// A square hides a part of the digit.
    Occlusion,
    /// Light ink on dark paper, with less and less contrast.
    Polarity,
    /// The picture is compressed more and more.
    Jpeg,
}

/// All changes: the name of each, the unit of its strengths, and the strengths.
pub const CHANGES: [(Change, &str, &str, [f32; 5]); 11] = [
    (Change::None, "none", "", [0.0; 5]),
    (Change::Shift, "shift", "% of the picture", [5.0, 10.0, 15.0, 20.0, 25.0]),
    (Change::Scale, "scale", "% of its size", [75.0, 60.0, 45.0, 30.0, 20.0]),
    (Change::Rotation, "rotation", "degrees", [10.0, 20.0, 30.0, 40.0, 50.0]),
    (Change::Shear, "shear", "tangent", [0.15, 0.3, 0.45, 0.6, 0.75]),
    (Change::StrokeWidth, "stroke width", "glyph pixels more or less", [-1.0, -0.5, 0.5, 1.0, 1.5]),
    (Change::Blur, "blur", "glyph pixels", [0.25, 0.5, 0.75, 1.0, 1.5]),
    (Change::Noise, "noise", "standard deviation of 255", [10.0, 20.0, 35.0, 50.0, 70.0]),
    (Change::Occlusion, "occlusion", "% of its side, hidden", [10.0, 20.0, 30.0, 40.0, 50.0]),
    (Change::Polarity, "inverted polarity", "% of the contrast", [100.0, 70.0, 45.0, 30.0, 20.0]),
    (Change::Jpeg, "JPEG", "quality", [80.0, 50.0, 30.0, 15.0, 5.0]),
];

/// Accuracy on the examples under each change.
pub fn measure(
    classifier: &Classifier,
    pictures: Pictures,
    examples: &[Example],
    mut step: impl FnMut(&str),
) -> Result<Vec<Robustness>> {
    let mut all = Vec::new();
    for (change, name, unit, strengths) in &CHANGES {
        step(name);
        // The unchanged pictures are measured once.
        let strengths = if *change == Change::None { &strengths[..1] } else { &strengths[..] };
        let mut accuracy = Vec::new();
        for &strength in strengths {
            let changed: Vec<Option<Glyph>> = examples
                .par_iter()
                .enumerate()
                .map(|(i, example)| {
                    read_changed(&example.glyph, pictures, *change, strength, i as u64)
                })
                .collect();
            let visible: Vec<Example> = changed
                .into_iter()
                .zip(examples)
                .filter_map(|(glyph, example)| Some(Example { glyph: glyph?, ..*example }))
                .collect();
            // A glyph that became blank counts as wrong.
            let right = evaluate(classifier, &visible)?.score.accuracy * visible.len() as f64;
            accuracy.push(right / examples.len().max(1) as f64);
        }
        all.push(Robustness {
            change: (*name).to_owned(),
            unit: (*unit).to_owned(),
            strengths: strengths.to_vec(),
            accuracy,
            examples: examples.len(),
        });
    }
    Ok(all)
}

/// The glyph of an upload of the changed picture.
pub fn read_changed(
    glyph: &Glyph,
    pictures: Pictures,
    change: Change,
    strength: f32,
    number: u64,
) -> Option<Glyph> {
    let mut rng = rng(strength.to_bits().into(), Purpose::Robustness, number);
    let grey = picture(glyph, change, strength, &mut rng);
    let picture = match change {
        Change::Jpeg => decode(&jpeg(&grey, strength as u8)?).ok()?,
        _ => {
            let rgba = grey.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect();
            Picture::new(SIDE_OF_PICTURE, SIDE_OF_PICTURE, rgba)?
        }
    };
    pictures.glyph(&picture)
}

/// The changed picture, dark on light, row by row.
fn picture(glyph: &Glyph, change: Change, strength: f32, rng: &mut StdRng) -> Vec<u8> {
    let angle = std::f32::consts::TAU * rng.random::<f32>();
    let side = if rng.random() { 1.0 } else { -1.0 };
    let mut place = Placement::default();
    let mut paper_and_ink = (PAPER, INK);
    let mut noise = 0.0;
    match change {
        Change::Shift => {
            // The digit is made smaller, so that it stays within the picture.
            let reach = strength / 100.0 * SIDE as f32;
            place.shift = [reach * angle.cos(), reach * angle.sin()];
            place.scale = 0.6;
        }
        Change::Scale => place.scale = strength / 100.0,
        Change::Rotation => place.rotation = side * strength.to_radians(),
        Change::Shear => {
            place.shear = side * strength;
            place.scale = 0.75;
        }
        Change::Polarity => paper_and_ink = (INK, INK + (PAPER - INK) * strength / 100.0),
        Change::Noise => noise = strength,
        Change::None | Change::StrokeWidth | Change::Blur | Change::Occlusion | Change::Jpeg => {}
    }
    let mut ink: Vec<f32> =
        (0..SIDE_OF_PICTURE * SIDE_OF_PICTURE).map(|i| place.ink(glyph, i)).collect();
    match change {
        Change::StrokeWidth => ink = widened(&ink, strength * ENLARGED as f32 / 2.0),
        Change::Blur => ink = blurred(&ink, strength * ENLARGED as f32),
        Change::Occlusion => hide(&mut ink, strength / 100.0, rng),
        _ => {}
    }
    let (paper, pen) = paper_and_ink;
    ink.iter()
        .map(|ink| {
            // The sum of three uniform numbers is close enough to a normal one.
            let normal: f32 = (0..3).map(|_| signed(rng)).sum();
            (paper + (pen - paper) * ink + noise * normal).clamp(0.0, 255.0) as u8
        })
        .collect()
}

/// Where a glyph is placed on the picture.
struct Placement {
    /// Glyph pixels to the right and down.
    shift: [f32; 2],
    scale: f32,
    rotation: f32,
    shear: f32,
}

impl Default for Placement {
    fn default() -> Self {
        Self { shift: [0.0, 0.0], scale: 1.0, rotation: 0.0, shear: 0.0 }
    }
}

impl Placement {
    /// The ink (0–1) of a picture's pixel, interpolated between the glyph's nearest four.
    fn ink(&self, glyph: &Glyph, pixel: usize) -> f32 {
        let middle = SIDE as f32 / 2.0;
        let at = |i: usize, shift: f32| (i as f32 + 0.5) / ENLARGED as f32 - middle - shift;
        let x = at(pixel % SIDE_OF_PICTURE, self.shift[0]) / self.scale;
        let y = at(pixel / SIDE_OF_PICTURE, self.shift[1]) / self.scale;
        let (sin, cos) = self.rotation.sin_cos();
        let (x, y) = (cos * x + sin * y, cos * y - sin * x);
        let (x, y) = (x + self.shear * y + middle - 0.5, y + middle - 0.5);
        let value = |column: f32, row: f32| {
            let inside = |at: f32| (0.0..SIDE as f32).contains(&at);
            let at = row as usize * SIDE + column as usize;
            if inside(column) && inside(row) { f32::from(glyph.pixels()[at]) / 255.0 } else { 0.0 }
        };
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        let row = |row: f32| (1.0 - across) * value(left, row) + across * value(left + 1.0, row);
        (1.0 - down) * row(top) + down * row(top + 1.0)
    }
}

/// The ink of a pen that is wider by `by` picture pixels on each side, or thinner below 0.
fn widened(ink: &[f32], by: f32) -> Vec<f32> {
    let reach = by.abs().ceil() as isize;
    let pick: fn(f32, f32) -> f32 = if by > 0.0 { f32::max } else { f32::min };
    around(ink, reach, |values, dx, dy, picked| {
        if (dx * dx + dy * dy) as f32 <= by * by { pick(picked, values) } else { picked }
    })
}

/// The ink under a Gaussian blur of this standard deviation, in picture pixels.
fn blurred(ink: &[f32], deviation: f32) -> Vec<f32> {
    let reach = (2.5 * deviation).ceil() as isize;
    let weight = |d: isize| (-((d * d) as f32) / (2.0 * deviation * deviation)).exp();
    let total: f32 = (-reach..=reach).map(weight).sum();
    let along = |ink: &[f32], step: isize| -> Vec<f32> {
        let side = SIDE_OF_PICTURE as isize;
        (0..ink.len() as isize)
            .map(|i| {
                let part = |d: isize| {
                    let place = if step == 1 { i % side + d } else { i / side + d };
                    let inside = (0..side).contains(&place);
                    if inside { weight(d) * ink[(i + d * step) as usize] } else { 0.0 }
                };
                (-reach..=reach).map(part).sum::<f32>() / total
            })
            .collect()
    };
    along(&along(ink, 1), SIDE_OF_PICTURE as isize)
}

/// Folds the values around each pixel, starting with its own.
fn around(ink: &[f32], reach: isize, fold: impl Fn(f32, isize, isize, f32) -> f32) -> Vec<f32> {
    let side = SIDE_OF_PICTURE as isize;
    (0..ink.len() as isize)
        .map(|i| {
            let (x, y) = (i % side, i / side);
            let mut folded = ink[i as usize];
            for dy in (-reach).max(-y)..=reach.min(side - 1 - y) {
                for dx in (-reach).max(-x)..=reach.min(side - 1 - x) {
                    folded = fold(ink[(i + dy * side + dx) as usize], dx, dy, folded);
                }
            }
            folded
        })
        .collect()
}

/// Hides a square with this share of the digit's side, at a random place on the digit's box.
fn hide(ink: &mut [f32], share: f32, rng: &mut StdRng) {
    // The box is 20 of 28 pixels, in the middle or close to it.
    let margin = SIDE_OF_PICTURE / 7;
    let whole = SIDE_OF_PICTURE - 2 * margin;
    let side = (share * whole as f32) as usize;
    let mut from = || margin + rng.random_range(0..=whole - side);
    let (left, top) = (from(), from());
    for y in top..top + side {
        ink[y * SIDE_OF_PICTURE + left..][..side].fill(0.0);
    }
}

fn jpeg(grey: &[u8], quality: u8) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let side = SIDE_OF_PICTURE as u32;
    let encoder = JpegEncoder::new_with_quality(&mut file, quality);
    encoder.write_image(grey, side, side, ExtendedColorType::L8).ok()?;
    Some(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use glyphic_model::preprocess::Strokes;

    fn seven() -> Glyph {
        let strokes = vec![vec![[10.0, 10.0], [70.0, 10.0], [40.0, 110.0]]];
        Strokes::new(strokes).unwrap().glyph().unwrap()
    }

    fn ink(glyph: &Glyph) -> f32 {
        glyph.pixels().iter().map(|&ink| f32::from(ink) / 255.0).sum()
    }

    fn distance(a: &Glyph, b: &Glyph) -> f32 {
        let pairs = a.pixels().iter().zip(b.pixels());
        pairs.map(|(&a, &b)| f32::from(a.abs_diff(b))).sum::<f32>() / a.pixels().len() as f32
    }

    #[test]
    fn preprocessing_undoes_what_it_should_and_nothing_else() {
        let glyph = seven();
        let read =
            |change, strength| read_changed(&glyph, Pictures::Ink, change, strength, 3).unwrap();
        let unchanged = distance(&glyph, &read(Change::None, 0.0));
        assert!(unchanged < 8.0, "{unchanged}");
        for (change, strength) in
            [(Change::Shift, 15.0), (Change::Scale, 60.0), (Change::Polarity, 70.0)]
        {
            let moved = distance(&glyph, &read(change, strength));
            assert!(moved < 12.0, "{change:?}: {moved}");
        }
        for (change, strength) in
            [(Change::Rotation, 40.0), (Change::Shear, 0.6), (Change::Occlusion, 50.0)]
        {
            let changed = distance(&glyph, &read(change, strength));
            assert!(changed > unchanged + 3.0, "{change:?}: {changed}");
        }
    }

    #[test]
    fn a_wider_pen_leaves_more_ink_and_a_thinner_one_less() {
        let glyph = seven();
        let wider =
            |strength| read_changed(&glyph, Pictures::Ink, Change::StrokeWidth, strength, 0);
        let ink = |strength| ink(&wider(strength).unwrap());
        assert!(ink(1.5) > ink(0.5) && ink(0.5) > ink(-1.0));
    }

    #[test]
    fn ink_is_found_after_every_change() {
        for (change, name, _, strengths) in CHANGES {
            for strength in strengths {
                // Strong noise is taken for the paper's grain.
                let drowned = change == Change::Noise && strength >= 50.0;
                let read = read_changed(&seven(), Pictures::Ink, change, strength, 1);
                assert!(read.is_some() || drowned, "{name} {strength}");
            }
        }
    }
}
