//! Any picture to ink: finds out which colour is the paper and which is the pen.

mod background;
mod colour;
mod tophat;

use super::{frame::frame, ink::Ink, pieces::pieces, thicken::thicken};
use crate::glyph::{BLANK_BELOW, Glyph, SIDE};
use background::{Background, GRAIN};
use colour::{Rgb, brightness, median};
use tophat::subtract_surroundings;

/// Pictures are averaged down until their longest side is at most this, in pixels. It is enough for
/// a digit a tenth as high as the photo, and bounds the work.
pub const WORKING_SIDE: usize = 1024;
/// Pixels with an alpha of at most this are transparent.
const TRANSPARENT: u8 = 127;
/// Visible pixels whose brightness differs by less than this (of 255) have the same colour.
const ONE_COLOUR: u8 = 48;
/// In a noisy picture, a piece of ink smaller than this share of the largest piece is dust.
const DUST_SHARE: f64 = 0.02;

/// An upright picture: RGBA bytes (alpha not premultiplied), row by row.
#[derive(Clone, Debug)]
pub struct Picture {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
}

/// The ink of a whole picture.
pub(crate) struct Sheet {
    pub(crate) ink: Ink,
    /// The side of one ink pixel, in pixels of the picture.
    pub(crate) scale: usize,
}

impl Picture {
    /// A picture from its RGBA bytes. `None` if a side is 0 or the number of
    /// bytes is not `4 * width * height`.
    ///
    /// If all pixels are transparent to the same degree, the alpha channel is ignored, because
    /// nothing would be visible otherwise.
    pub fn new(width: usize, height: usize, mut rgba: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(4)?;
        if bytes == 0 || rgba.len() != bytes {
            return None;
        }
        let alpha = || rgba.chunks(4).map(|pixel| pixel[3]);
        // Nearly always the first pixel is opaque and ends this loop.
        if alpha().all(|alpha| alpha <= TRANSPARENT) {
            let (least, most) = (alpha().min()?, alpha().max()?);
            if most - least < BLANK_BELOW {
                rgba.chunks_mut(4).for_each(|pixel| pixel[3] = 255);
            }
        }
        Some(Self { width, height, rgba })
    }

    /// The picture as a glyph without preprocessing, if it is framed already: 28 × 28, white ink on
    /// black with an empty margin, as in MNIST. `None` for any other picture.
    pub fn framed(&self) -> Option<Glyph> {
        if [self.width, self.height] != [SIDE; 2] {
            return None;
        }
        let pixels: Vec<u8> = self.rgba.chunks(4).map(|p| p[1]).collect();
        let is_grey = self.rgba.chunks(4).all(|p| p[0] == p[1] && p[1] == p[2] && p[3] == 255);
        let on_margin = |i: usize| [i % SIDE, i / SIDE].iter().any(|&at| at == 0 || at == SIDE - 1);
        let margin_is_empty =
            pixels.iter().enumerate().all(|(i, &ink)| !on_margin(i) || ink < BLANK_BELOW);
        (is_grey && margin_is_empty).then(|| Glyph::try_from(pixels.as_slice()).ok()).flatten()
    }

    /// The glyph of the one symbol in this picture. `None` if it is blank.
    ///
    /// Works for dark on light, light on dark, colour on colour, ink that is only in the alpha
    /// channel, and colours hidden under transparency.
    pub fn glyph(&self) -> Option<Glyph> {
        frame(&self.ink()?)
    }

    /// The picture's ink, with fine lines thickened to about the width of MNIST's. `None` if it is
    /// blank.
    pub fn ink(&self) -> Option<Ink> {
        Some(thicken(self.sheet()?.ink))
    }

    /// The picture's ink as it is, without thickening fine lines. `None` if it is blank.
    pub(crate) fn sheet(&self) -> Option<Sheet> {
        let picture = self.averaged_to(WORKING_SIDE);
        let (width, height) = (picture.width, picture.height);
        let values = match picture.alpha_ink() {
            Some(alpha) => alpha,
            None => ink_on_paper(&picture.flattened(), width, height)?,
        };
        let ink = Ink::new(width, height, values)?;
        Some(Sheet { ink, scale: self.block(WORKING_SIDE) })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Its RGBA bytes, row by row.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// The side of the block of pixels that is averaged into one, so that the longest side is at
    /// most `side`.
    fn block(&self, side: usize) -> usize {
        self.width.max(self.height).div_ceil(side.max(1))
    }

    /// Averages whole blocks of pixels so that the longest side is at most `side` pixels. Colours are
    /// weighted by their alpha. Averaged to [`WORKING_SIDE`], it has the same glyph as before.
    pub fn averaged_to(&self, side: usize) -> std::borrow::Cow<'_, Self> {
        let block = self.block(side);
        if block <= 1 {
            return std::borrow::Cow::Borrowed(self);
        }
        let (width, height) = (self.width.div_ceil(block), self.height.div_ceil(block));
        let mut sums = vec![[0u32; 5]; width * height];
        for (y, row) in self.rgba.chunks(4 * self.width).enumerate() {
            let line = &mut sums[y / block * width..][..width];
            for (pixels, sum) in row.chunks(4 * block).zip(line) {
                for pixel in pixels.chunks(4) {
                    let alpha = u32::from(pixel[3]);
                    for channel in 0..3 {
                        sum[channel] += u32::from(pixel[channel]) * alpha;
                    }
                    sum[3] += alpha;
                    sum[4] += 1;
                }
            }
        }
        let rgba = sums
            .iter()
            .flat_map(|&[r, g, b, alpha, count]| {
                let weight = alpha.max(1);
                [r / weight, g / weight, b / weight, alpha / count].map(|v| v as u8)
            })
            .collect();
        std::borrow::Cow::Owned(Self { width, height, rgba })
    }

    fn pixels(&self) -> impl Iterator<Item = (Rgb, u8)> {
        self.rgba.chunks(4).map(|p| ([p[0], p[1], p[2]].map(f32::from), p[3]))
    }

    /// The alpha channel, if it contains the ink: some pixels are transparent, and the visible ones
    /// either have one colour or are the minority.
    fn alpha_ink(&self) -> Option<Vec<u8>> {
        let alpha = || self.rgba.chunks(4).map(|p| p[3]);
        if alpha().all(|a| a > TRANSPARENT) {
            return None;
        }
        let visible: Vec<f32> =
            self.pixels().filter(|&(_, a)| a > TRANSPARENT).map(|(c, _)| brightness(c)).collect();
        let darkest = visible.iter().copied().fold(f32::MAX, f32::min);
        let lightest = visible.iter().copied().fold(f32::MIN, f32::max);
        let one_colour = lightest - darkest < f32::from(ONE_COLOUR);
        let smaller_part = visible.len() * 2 < self.width * self.height;
        (one_colour || smaller_part).then(|| alpha().collect())
    }

    /// The colours with transparent pixels blended onto the paper, which is taken to have the
    /// median colour of the visible pixels.
    fn flattened(&self) -> Vec<Rgb> {
        let opaque = self.rgba.chunks(4).all(|p| p[3] == 255);
        if opaque {
            return self.pixels().map(|(colour, _)| colour).collect();
        }
        let visible: Vec<Rgb> =
            self.pixels().filter(|&(_, a)| a > TRANSPARENT).map(|(c, _)| c).collect();
        let paper = median(&visible);
        self.pixels()
            .map(|(colour, alpha)| {
                let alpha = f32::from(alpha) / 255.0;
                std::array::from_fn(|i| alpha * colour[i] + (1.0 - alpha) * paper[i])
            })
            .collect()
    }
}

/// How far each pixel differs from the paper in the direction of the pen's colour, stretched to
/// 0–255. Because this direction is measured, the same code works for light and dark paper and for
/// pens of any colour. `None` if the picture is blank.
fn ink_on_paper(colours: &[Rgb], width: usize, height: usize) -> Option<Vec<u8>> {
    let background = Background::of(colours, width, height);
    let difference = |i: usize| -> Rgb {
        let paper = background.at(i % width, i / width);
        std::array::from_fn(|channel| colours[i][channel] - paper[channel])
    };
    let direction = pen_direction((0..colours.len()).map(difference))?;
    let along_pen = |d: Rgb| (0..3).map(|channel| d[channel] * direction[channel]).sum::<f32>();
    let mut values: Vec<f32> = (0..colours.len()).map(|i| along_pen(difference(i))).collect();

    let (floor, full) = if background.is_flat() {
        (background.noise(), values.iter().copied().fold(0.0, f32::max))
    } else {
        subtract_surroundings(&mut values, width, height);
        let floor = grain(&values);
        (floor, strong_ink(&values, floor)?)
    };
    if full - floor < f32::from(BLANK_BELOW) {
        return None;
    }
    for value in &mut values {
        *value = ((*value - floor) / (full - floor)).clamp(0.0, 1.0) * 255.0;
    }
    let mut ink: Vec<u8> = values.iter().map(|v| v.round() as u8).collect();
    if !background.is_flat() {
        remove_dust(&mut ink, width);
    }
    Some(ink)
}

/// The unit vector from the paper's colour to the pen's: the mean difference. Each pixel is
/// weighted by its squared difference, so that ink counts and the paper's grain does not. `None` if
/// nothing differs.
fn pen_direction(differences: impl Iterator<Item = Rgb>) -> Option<Rgb> {
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

/// The level above which a value is not the paper's grain. Median and median deviation are used
/// because the ink among the values would shift a mean and widen a standard deviation.
fn grain(values: &[f32]) -> f32 {
    let middle = |mut values: Vec<f32>| {
        let rank = values.len() / 2;
        *values.select_nth_unstable_by(rank, f32::total_cmp).1
    };
    let level = middle(values.to_vec());
    let deviation = middle(values.iter().map(|v| (v - level).abs()).collect());
    // The median deviation of normal noise is 0.6745 standard deviations.
    level + GRAIN * (deviation / 0.6745).max(1.0)
}

/// The value that counts as full ink in a noisy picture: the upper quartile of the values above the
/// noise. The largest values are partly noise themselves. `None` if no value is above the noise.
fn strong_ink(values: &[f32], floor: f32) -> Option<f32> {
    let mut inked: Vec<f32> = values.iter().copied().filter(|&v| v > floor).collect();
    let rank = inked.len().checked_sub(1)? * 3 / 4;
    Some(*inked.select_nth_unstable_by(rank, f32::total_cmp).1)
}

/// Removes the pieces of ink that are much smaller than the largest one.
fn remove_dust(ink: &mut [u8], width: usize) {
    let (piece_of, sizes) = pieces(ink, width, 1);
    let mut areas = vec![0usize; sizes.len()];
    for (&value, &piece) in ink.iter().zip(&piece_of) {
        areas[piece as usize] += usize::from(value >= BLANK_BELOW);
    }
    let largest = areas.iter().copied().max().unwrap_or(0) as f64;
    for (value, &piece) in ink.iter_mut().zip(&piece_of) {
        if (areas[piece as usize] as f64) < largest * DUST_SHARE {
            *value = 0;
        }
    }
}
