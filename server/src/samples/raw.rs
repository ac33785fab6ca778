//! An input as it was drawn, photographed or computed, and the glyph in it.

use bytes::Bytes;
use glyphic_model::{
    Glyph,
    glyph::WrongLength,
    number::{Bounds, Lattice},
    preprocess::{StrokeError, Strokes},
};
use glyphic_runtime::decode::{DecodeError, decode, pixels};
use thiserror::Error;

use super::sample::Form;

/// Most pixels of a picture that is decoded in a few milliseconds.
const LIGHT_PIXELS: u64 = 1 << 19;
/// Most bytes of such a picture's file: a JPEG may hide many scans in a small picture.
const LIGHT_BYTES: usize = 128 << 10;
/// Most points of a drawing that is drawn in a few milliseconds.
const LIGHT_POINTS: usize = 4096;
/// Most strokes of such a drawing: the segmentations grow with them.
const LIGHT_STROKES: usize = 48;

/// An input, without what it was packed in.
#[derive(Clone, Debug)]
pub enum Raw {
    /// An image file.
    Image(Bytes),
    /// Pen strokes.
    Strokes(Strokes),
    /// A glyph.
    Pixels(Box<Glyph>),
}

/// Why an input cannot be read.
#[derive(Debug, Error)]
pub enum RawError {
    /// The image cannot be decoded.
    #[error(transparent)]
    Image(#[from] DecodeError),
    /// The strokes cannot be drawn.
    #[error(transparent)]
    Strokes(#[from] StrokeError),
    /// The pixels are not a glyph.
    #[error(transparent)]
    Pixels(#[from] WrongLength),
}

impl Raw {
    /// Whether making a glyph or a lattice of it may take more than some milliseconds: a photograph,
    /// or a drawing of very many points.
    pub fn is_heavy(&self) -> bool {
        match self {
            // What is no image is refused at once.
            Self::Image(bytes) => {
                pixels(bytes).is_ok_and(|pixels| pixels > LIGHT_PIXELS || bytes.len() > LIGHT_BYTES)
            }
            Self::Strokes(strokes) => {
                let points: usize = strokes.points().iter().map(Vec::len).sum();
                points > LIGHT_POINTS || strokes.points().len() > LIGHT_STROKES
            }
            Self::Pixels(_) => false,
        }
    }

    /// Decodes and frames. `None` if it is blank. A large image may take some hundred
    /// milliseconds: do not call this on the async runtime's threads.
    pub fn glyph(&self) -> Result<Option<Glyph>, RawError> {
        match self {
            Self::Image(bytes) => Ok(decode(bytes)?.glyph()),
            Self::Strokes(strokes) => Ok(strokes.glyph()),
            Self::Pixels(glyph) => Ok((!glyph.is_blank()).then(|| Glyph::clone(glyph))),
        }
    }

    /// All segmentations of it, into a number or a single digit; `boxes` as for [`Lattice`].
    /// It is as slow as [`glyph`](Self::glyph).
    pub fn lattice(&self, boxes: Option<&[Bounds]>) -> Result<Lattice, RawError> {
        Ok(match self {
            Self::Image(bytes) => Lattice::of_picture(&decode(bytes)?, boxes),
            Self::Strokes(strokes) => Lattice::of_strokes(strokes, boxes),
            Self::Pixels(glyph) => Lattice::of_glyph(glyph),
        })
    }

    /// Its form, and its bytes as they are kept.
    pub fn into_bytes(self) -> (Form, Vec<u8>) {
        match self {
            Self::Image(bytes) => (Form::Image, bytes.into()),
            Self::Strokes(strokes) => {
                (Form::Strokes, serde_json::to_vec(&strokes).unwrap_or_default())
            }
            Self::Pixels(glyph) => (Form::Pixels, glyph.pixels().to_vec()),
        }
    }
}
