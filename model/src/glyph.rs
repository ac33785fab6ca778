//! The 28 × 28 picture that every part of Glyphic speaks: what MNIST is made
//! of, what the network reads, and what preprocessing makes of any input.

use thiserror::Error;

/// Side of a glyph in pixels.
pub const SIDE: usize = 28;
/// Pixels in a glyph.
pub const PIXELS: usize = SIDE * SIDE;
/// Side of the box, in glyph pixels, that the ink is scaled to fill (MNIST's).
pub const BOX: usize = 20;
/// Mean of MNIST's training pixels, on the scale 0–1 (computed from the 60,000
/// training pictures; the usual constant of this dataset).
pub const MEAN: f32 = 0.1307;
/// Standard deviation of MNIST's training pixels, on the scale 0–1.
pub const STD: f32 = 0.3081;
/// Version of everything between the raw input and the glyph. A checkpoint
/// records the version it was trained with; raise it whenever the same input
/// gives another glyph.
pub const PREPROCESSING_VERSION: u32 = 1;
/// A picture whose strongest ink is below this (of 255) is blank.
pub const BLANK_BELOW: u8 = 32;

/// A framed picture: [`SIDE`] × [`SIDE`] bytes in row order, ink 255 on 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Glyph([u8; PIXELS]);

/// The pixels given are not a glyph.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a glyph has {PIXELS} pixels ({SIDE} × {SIDE}, row by row), got {0}")]
pub struct WrongLength(pub usize);

impl Glyph {
    /// A glyph from its pixels, row by row, ink 255 on 0.
    pub fn new(pixels: [u8; PIXELS]) -> Self {
        Self(pixels)
    }

    /// The pixels, row by row.
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
