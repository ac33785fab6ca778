//! Pictures for the network that reads pairs: numbers are composed of digits that touch, and cut as
//! pictures are cut when they are read. Whose ink a part is made of says what it is: a digit, a pair, or
//! neither.

use glyphic_model::{
    Glyph,
    glyph::SIDE,
    number::pairs::{NEITHER, windows},
    preprocess::{Ink, Strokes},
};
use image::{GrayImage, imageops};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{generator::Generator, vary::Variation};
use crate::{
    example::Example,
    random::{Purpose, rng, signed},
};

/// Rows above and below the digits.
const MARGIN: usize = 24;
/// A part has a digit if it has at least this share of its ink: cuts are not clean, ...
const WHOLE: f32 = 0.85;
/// ... and does not if it has at most this. What is between says nothing.
const NONE: f32 = 0.15;
/// The share of the parts that are neither which is kept: there are many.
const KEPT: f32 = 0.2;
/// The share of the numbers in which other symbols than digits are, and of the symbols in these that are.
const OTHER: f32 = 0.25;
const OTHERS: f32 = 0.7;

/// Draws numbers whose digits touch.
pub struct Touching<'a> {
    /// Draws digits with a pen.
    pub generator: &'a Generator,
    /// Scanned digits; their labels are 0 to 9.
    pub scanned: &'a [Example],
}

/// A digit's ink, and where its pen began and ended.
struct Digit {
    label: usize,
    ink: Ink,
    /// Of a digit that was drawn: its first and last point, in pixels.
    ends: Option<[[f32; 2]; 2]>,
}

impl Touching<'_> {
    /// The examples from the number with this index: its labels are those of the network for pairs.
    pub fn examples(&self, seed: u64, number: u64) -> Vec<Example> {
        let mut rng = rng(seed, Purpose::Touching, number);
        let Some((ink, owned)) = self.number(&mut rng) else { return Vec::new() };
        let mut examples = Vec::new();
        for window in windows(ink) {
            let Some(label) = label(&window.pixels, &owned) else { continue };
            if label != NEITHER || rng.random::<f32>() < KEPT {
                examples.push(Example { glyph: window.glyph, label });
            }
        }
        examples
    }

    /// A number's ink, and for each digit its label and its own ink.
    fn number(&self, rng: &mut StdRng) -> Option<(Ink, Vec<Owned>)> {
        let count = [1, 2, 2, 2, 2, 3, 3, 3, 3, 4][rng.random_range(0..10)];
        let height = rng.random_range(40.0..100.0);
        let pen = height * rng.random_range(0.035..0.15);
        let has_others = rng.random::<f32>() < OTHER;
        let count = if has_others { 1 + count / 3 } else { count };
        let drawn = has_others || rng.random::<f32>() < 0.6;
        let digits: Vec<Digit> = (0..count)
            .filter_map(|_| {
                let own = height * rng.random_range(0.82..1.18);
                let is_other = has_others && rng.random::<f32>() < OTHERS;
                match drawn {
                    true => self.drawn(is_other, own, pen, rng),
                    false => self.scanned(own, rng),
                }
            })
            .collect();
        let rows = 2 * MARGIN + (1.5 * height) as usize;
        let mut line = Line { rows, columns: 0, digits: Vec::new() };
        for digit in digits {
            line.append(digit, height, pen, rng);
        }
        line.composed(rng)
    }

    /// A digit drawn with a pen, or another symbol.
    fn drawn(&self, is_other: bool, height: f32, pen: f32, rng: &mut StdRng) -> Option<Digit> {
        let Generator { of_labels, letters, signs, .. } = self.generator;
        let (label, shape) = match is_other {
            true => {
                let others = if rng.random::<f32>() < 0.7 { letters } else { signs };
                (NEITHER, others.choose(rng)?)
            }
            false => {
                let (label, shapes) = of_labels.choose(rng)?;
                (*label, shapes.choose(rng)?)
            }
        };
        let strokes = Variation::default().strokes(&shape.strokes(rng)?, rng);
        let strokes = Strokes::new(strokes).ok()?;
        let points = || strokes.points().iter().flatten();
        let [left, top] = [0, 1].map(|axis| points().map(|p| p[axis]).fold(f32::MAX, f32::min));
        let bottom = points().map(|p| p[1]).fold(f32::MIN, f32::max);
        // A digit that lies, such as a flat 1, is not made as large as its height asks for.
        let scale = ((height - pen) / (bottom - top).max(0.5)).max(1.0);
        let place =
            |p: &[f32; 2]| [(p[0] - left) * scale + pen / 2.0, (p[1] - top) * scale + pen / 2.0];
        let ends = [points().next().map(place)?, points().last().map(place)?];
        Some(Digit { label, ink: strokes.drawn(scale, pen)?, ends: Some(ends) })
    }

    /// A scanned digit, enlarged.
    fn scanned(&self, height: f32, rng: &mut StdRng) -> Option<Digit> {
        let Example { glyph, label } = self.scanned.choose(rng)?;
        let [left, top, right, bottom] = inked(glyph)?;
        let small = GrayImage::from_fn(right - left, bottom - top, |x, y| {
            image::Luma([glyph.pixels()[(top + y) as usize * SIDE + (left + x) as usize]])
        });
        let scale = height / (bottom - top) as f32;
        let aspect = 1.0 + 0.2 * signed(rng);
        let side = |pixels: u32, scale: f32| ((pixels as f32 * scale) as u32).max(1);
        let (width, height) = (side(right - left, scale * aspect), side(bottom - top, scale));
        let large = imageops::resize(&small, width, height, imageops::FilterType::CatmullRom);
        // Scans have sharp edges.
        let contrast = rng.random_range(1.0..4.0);
        let level = rng.random_range(90.0..150.0);
        let values = large.pixels().map(|pixel| {
            (128.0 + contrast * (f32::from(pixel.0[0]) - level)).clamp(0.0, 255.0) as u8
        });
        let ink = Ink::new(width as usize, height as usize, values.collect())?;
        Some(Digit { label: *label, ink, ends: None })
    }
}

/// The bounds of a glyph's ink: left, top, right and bottom.
fn inked(glyph: &Glyph) -> Option<[u32; 4]> {
    let inked = (0..SIDE * SIDE).filter(|&i| glyph.pixels()[i] >= 64);
    inked.fold(None, |bounds, i| {
        let (x, y) = ((i % SIDE) as u32, (i / SIDE) as u32);
        let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)])
    })
}

/// A digit's label and its own ink, in rows as wide as the number's.
type Owned = (usize, Vec<u8>);

/// Digits beside each other.
struct Line {
    rows: usize,
    columns: usize,
    /// Each digit, its left and its upper edge.
    digits: Vec<(Digit, usize, usize)>,
}

impl Line {
    /// Adds a digit at the right, so that it touches the last one, nearly does, or runs into it.
    fn append(&mut self, digit: Digit, height: f32, pen: f32, rng: &mut StdRng) {
        let middle = self.rows as f32 / 2.0 + 0.12 * height * signed(rng);
        let top = (middle - digit.ink.height() as f32 / 2.0).max(0.0) as usize;
        let top = top.min(self.rows.saturating_sub(digit.ink.height()));
        let Some((last, left, above)) = self.digits.last() else {
            self.columns = digit.ink.width();
            return self.digits.push((digit, 0, top));
        };
        // By the bounds, by the ink, or so that a stroke leads from one to the other.
        let by_bounds = (left + last.ink.width()) as f32;
        let (mut at, mut joined) = (by_bounds, None);
        match rng.random_range(0..10) {
            0..4 => at += height * rng.random_range(-0.18..0.03) - pen * rng.random_range(0.0..1.0),
            4..9 => {
                let gap = gap((last, *above), (&digit, top));
                at -= gap + height * rng.random_range(-0.02..0.1);
            }
            _ => {
                at += height * rng.random_range(-0.05..0.2);
                joined = last.ends.zip(digit.ends).map(|(before, after)| (before[1], after[0]));
            }
        }
        let at = (at.max(*left as f32 + 0.2 * height)).max(0.0) as usize;
        let origin = [*left as f32, *above as f32];
        self.columns = self.columns.max(at + digit.ink.width());
        let digit = match joined {
            Some((from, to)) => {
                let from = [from[0] + origin[0], from[1] + origin[1]];
                let to = [to[0] + at as f32, to[1] + top as f32];
                self.with_ligature(digit, [at, top], from, to, pen)
            }
            None => (digit, at, top),
        };
        self.digits.push(digit);
    }

    /// A digit with a stroke that leads to it.
    fn with_ligature(
        &self,
        digit: Digit,
        [left, top]: [usize; 2],
        from: [f32; 2],
        to: [f32; 2],
        pen: f32,
    ) -> (Digit, usize, usize) {
        let whole = (digit, left, top);
        let drawn = Strokes::new(vec![vec![from, to]]).ok().and_then(|line| line.drawn(1.0, pen));
        let Some(line) = drawn else { return whole };
        let corner = |axis: usize| (from[axis].min(to[axis]) - pen / 2.0).max(0.0) as usize;
        let place = [corner(0), corner(1)];
        let (digit, ..) = &whole;
        let parts = [(&digit.ink, [left, top]), (&line, place)];
        let [x, y] = [0, 1].map(|axis| parts[0].1[axis].min(parts[1].1[axis]));
        let right = parts.iter().map(|(ink, at)| at[0] + ink.width()).max().unwrap_or(0);
        let bottom = parts.iter().map(|(ink, at)| at[1] + ink.height()).max().unwrap_or(0);
        let (width, height) = (right - x, bottom - y);
        let mut values = vec![0; width * height];
        for (ink, at) in parts {
            put(ink, [at[0] - x, at[1] - y], &mut values, width);
        }
        let Some(ink) = Ink::new(width, height, values) else { return whole };
        (Digit { label: whole.0.label, ink, ends: None }, x, y)
    }

    /// The ink of all digits, and each one's own.
    fn composed(self, rng: &mut StdRng) -> Option<(Ink, Vec<Owned>)> {
        let right = self.digits.iter().map(|(digit, left, _)| left + digit.ink.width()).max()?;
        let bottom = self.digits.iter().map(|(digit, _, top)| top + digit.ink.height()).max()?;
        let (width, height) = (right + 2, bottom.max(self.rows) + 2);
        let mut all = vec![0; width * height];
        let mut owned = Vec::new();
        for (digit, left, top) in &self.digits {
            let mut own = vec![0; width * height];
            put(&digit.ink, [*left, *top], &mut own, width);
            put(&digit.ink, [*left, *top], &mut all, width);
            owned.push((digit.label, own));
        }
        if rng.random::<f32>() < 0.3 {
            let picture = GrayImage::from_raw(width as u32, height as u32, all)?;
            all = imageops::blur(&picture, rng.random_range(0.5..1.5)).into_raw();
        }
        Some((Ink::new(width, height, all)?, owned))
    }
}

/// Adds ink to values in rows of `width`, where it is darker.
fn put(ink: &Ink, [left, top]: [usize; 2], values: &mut [u8], width: usize) {
    for (y, row) in ink.values().chunks(ink.width()).enumerate() {
        let from = (top + y) * width + left;
        for (value, &own) in values[from..from + row.len()].iter_mut().zip(row) {
            *value = own.max(*value);
        }
    }
}

/// How many columns are free between two digits at their heights, if they stand side by side by their
/// bounds.
fn gap((first, above): (&Digit, usize), (second, top): (&Digit, usize)) -> f32 {
    let row = |digit: &Digit, y: usize| -> Option<Vec<u8>> {
        let width = digit.ink.width();
        (y < digit.ink.height()).then(|| digit.ink.values()[y * width..][..width].to_vec())
    };
    let is_ink = |&ink: &u8| ink >= 128;
    let free = |y: usize| {
        let before = row(first, y.checked_sub(above)?)?;
        let before = before.iter().rev().position(is_ink)?;
        // A stroke has a width: rows nearby count too.
        let nearby = y.saturating_sub(2)..=y + 2;
        let after =
            nearby.filter_map(|y| row(second, y.checked_sub(top)?)?.iter().position(is_ink));
        Some(before + after.min()?)
    };
    (0..above + first.ink.height()).filter_map(free).min().unwrap_or(0) as f32
}

/// What these pixels are, in the labels of the network for pairs. `None` if it is not clear.
fn label(pixels: &[usize], owned: &[Owned]) -> Option<usize> {
    let mut whole = Vec::new();
    let mut is_clear = true;
    for (i, (_, own)) in owned.iter().enumerate() {
        let sum = |values: &mut dyn Iterator<Item = u8>| values.map(u64::from).sum::<u64>() as f32;
        let all = sum(&mut own.iter().copied());
        let share = sum(&mut pixels.iter().map(|&pixel| own[pixel])) / all.max(1.0);
        match share {
            WHOLE.. => whole.push(i),
            0.0..=NONE => {}
            0.25..0.75 => return Some(NEITHER),
            _ => is_clear = false,
        }
    }
    if !is_clear {
        return None;
    }
    let digit = |i: usize| owned[i].0;
    Some(match whole[..] {
        [one] => digit(one),
        [first, second] if second == first + 1 && digit(first).max(digit(second)) < NEITHER => {
            10 + 10 * digit(first) + digit(second)
        }
        _ => NEITHER,
    })
}
