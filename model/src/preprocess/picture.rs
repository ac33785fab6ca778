//! Pictures.

use super::{
    frame::frame,
    ink::Ink,
    paper::colour::{Rgb, brightness, median},
    sheet::{Sheet, WORKING_SIDE},
    specks::without_specks,
    thicken::thicken,
};
use crate::glyph::{BLANK_BELOW, Glyph, SIDE};

/// Pixels with an alpha of at most this are transparent.
pub(super) const TRANSPARENT: u8 = 127;
/// Visible pixels whose brightness differs by less than this (of 255) have the same colour.
const ONE_COLOUR: u8 = 48;
/// What is visible on a transparent canvas is a card if it fills this share of its box: the boldest
/// digits fill about half ...
const CARD_FILLS: f32 = 0.65;
/// ... and if its shorter side is at least this share of the longer one.
const CARD_SIDES: f32 = 0.4;

/// A picture: RGBA bytes (alpha not premultiplied), row by row.
#[derive(Clone, Debug)]
pub struct Picture {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
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

    /// The glyph of the one symbol in this picture of ink. `None` if it is blank. For a checkpoint's
    /// pictures, [`Pictures::glyph`](super::Pictures::glyph) decides how they are read.
    ///
    /// Works for dark on light, light on dark, colour on colour, ink that is only in the alpha
    /// channel, and colours hidden under transparency.
    pub fn glyph(&self) -> Option<Glyph> {
        frame(&self.ink()?)
    }

    /// The ink of the one symbol in this picture, without specks, and with fine lines thickened to
    /// about the width of MNIST's. `None` if it is blank.
    pub fn ink(&self) -> Option<Ink> {
        Some(thicken(without_specks(Sheet::of(self, WORKING_SIDE)?.ink)))
    }

    /// The part of the picture between these pixels: left, top, right and bottom.
    pub(crate) fn cropped(&self, [left, top, right, bottom]: [usize; 4]) -> Self {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        let (width, height) = (right - left, bottom - top);
        let mut rgba = Vec::with_capacity(4 * width * height);
        for row in self.rgba.chunks(4 * self.width).skip(top).take(height) {
            rgba.extend_from_slice(&row[4 * left..4 * right]);
        }
        Self { width, height, rgba }
    }

    /// The same with a margin of a colour on all sides.
    pub(super) fn padded(&self, margin: usize, colour: Rgb) -> Self {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let [r, g, b] = colour.map(|value| value.round() as u8);
        let mut rgba = [r, g, b, 255].repeat(width * height);
        for (y, row) in self.rgba.chunks(4 * self.width).enumerate() {
            let at = 4 * ((y + margin) * width + margin);
            rgba[at..at + row.len()].copy_from_slice(row);
        }
        Self { width, height, rgba }
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
    pub(crate) fn block(&self, side: usize) -> usize {
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

    pub(super) fn pixels(&self) -> impl Iterator<Item = (Rgb, u8)> {
        self.rgba.chunks(4).map(|p| ([p[0], p[1], p[2]].map(f32::from), p[3]))
    }

    /// The alpha channel, if it contains the ink: some pixels are transparent, and the visible ones
    /// either have one colour, or are the minority and no card with writing on it.
    pub(super) fn alpha_ink(&self) -> Option<Vec<u8>> {
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
        (one_colour || smaller_part && !self.is_card()).then(|| alpha().collect())
    }

    /// Whether the visible pixels fill their box as a card does, and not as strokes do.
    fn is_card(&self) -> bool {
        let visible = (0..self.width * self.height).filter(|i| self.rgba[4 * i + 3] > TRANSPARENT);
        let (mut count, mut bounds) = (0, [usize::MAX, usize::MAX, 0, 0]);
        for i in visible {
            let (x, y) = (i % self.width, i / self.width);
            count += 1;
            let [left, top, right, bottom] = bounds;
            bounds = [left.min(x), top.min(y), right.max(x), bottom.max(y)];
        }
        let [left, top, right, bottom] = bounds;
        if count == 0 {
            return false;
        }
        let (width, height) = (right - left + 1, bottom - top + 1);
        // A 1 fills its box too.
        let is_wide = width.min(height) as f32 >= CARD_SIDES * width.max(height) as f32;
        is_wide && count as f32 >= CARD_FILLS * (width * height) as f32
    }

    /// The colours with transparent pixels blended onto the paper, which is taken to have the
    /// median colour of the visible pixels.
    pub(super) fn flattened(&self) -> Vec<Rgb> {
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
