//! The 28 × 28 picture that all parts of Glyphic share: MNIST consists of such pictures, the
//! network reads them, and preprocessing turns any input into one.

use thiserror::Error;

/// Side of a glyph in pixels.
pub const SIDE: usize = 28;
/// Pixels in a glyph.
pub const PIXELS: usize = SIDE * SIDE;
/// Side of the box, in glyph pixels, that the ink is scaled to fill, as in MNIST.
pub const BOX: usize = 20;
/// Mean of the pixels of MNIST's 60,000 training pictures, on the scale 0–1.
pub const MEAN: f32 = 0.1307;
/// Standard deviation of the same pixels, on the scale 0–1.
pub const STD: f32 = 0.3081;
/// Version of the preprocessing, which is everything between the raw input and the glyph. A
/// checkpoint records the version that it was trained with. Raise it with every change that turns
/// the same input into a different glyph.
pub const PREPROCESSING_VERSION: u32 = 1;
/// A glyph whose strongest ink is below this value (of 255) is blank.
pub const BLANK_BELOW: u8 = 32;

/// A framed picture of one symbol: [`SIDE`] × [`SIDE`] bytes, row by row, 255 for full ink and 0
/// for paper.
///
/// ```
/// use glyphic_model::{Glyph, glyph::SIDE};
///
/// // A vertical line: a rough 1.
/// let mut pixels = [0; SIDE * SIDE];
/// for y in 4..24 {
///     pixels[y * SIDE + 14] = 255;
/// }
/// assert!(!Glyph::new(pixels).is_blank());
///
/// // From a slice, the length is checked.
/// assert!(Glyph::try_from(&pixels[1..]).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Glyph([u8; PIXELS]);

/// A slice does not have the number of pixels of a glyph.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a glyph has {PIXELS} pixels ({SIDE} × {SIDE}, row by row), got {0}")]
pub struct WrongLength(pub usize);

impl Glyph {
    /// A glyph from its pixels, row by row, 255 for full ink and 0 for paper.
    pub fn new(pixels: [u8; PIXELS]) -> Self {
        Self(pixels)
    }

    /// The pixels, row by row, 0 (paper) to 255 (full ink).
    pub fn pixels(&self) -> &[u8; PIXELS] {
        &self.0
    }

    /// Whether there is no ink to read (see [`BLANK_BELOW`]).
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(|&ink| ink < BLANK_BELOW)
    }
}

impl TryFrom<&[u8]> for Glyph {
    type Error = WrongLength;

    /// A glyph from its pixels, if there are [`PIXELS`] of them.
    fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
        match bytes.try_into() {
            Ok(pixels) => Ok(Self(pixels)),
            Err(_) => Err(WrongLength(bytes.len())),
        }
    }
}

impl std::fmt::Debug for Glyph {
    /// Draws the glyph in characters, so that a failed test shows the picture.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHADES: &[u8; 10] = b" .:-=+*#%@";
        writeln!(f)?;
        for row in self.0.chunks(SIDE) {
            let line: String =
                row.iter().map(|&ink| char::from(SHADES[usize::from(ink) * 9 / 255])).collect();
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
