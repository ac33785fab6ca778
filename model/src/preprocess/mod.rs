//! Preprocessing: from any picture or pen strokes to a [`Glyph`](crate::Glyph), without tensors or
//! devices.
//!
//! ```text
//! Picture (RGBA) ─picture::ink─ thicken ─┐
//!                                        ├─► Ink (any size, ink 255 on 0) ─frame─► Glyph (28 × 28)
//! Strokes (points) ──strokes::ink────────┘
//! ```
//!
//! Both end in [`frame`], so drawings, uploads and training pictures are prepared by the same code.

mod frame;
mod picture;
pub(crate) mod pieces;
mod strokes;
mod thicken;

pub use frame::frame;
pub use picture::Picture;
pub(crate) use picture::Sheet;
pub use strokes::{MAX_POINTS, PEN_WIDTH, Point, StrokeError, Strokes};
pub(crate) use thicken::thicken;

/// An ink map of any size: 255 for full ink, 0 for paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ink {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Ink {
    /// An ink map of `width` × `height` pixels from its values, row by row. `None` if the number of
    /// values is not `width * height`.
    pub fn new(width: usize, height: usize, values: Vec<u8>) -> Option<Self> {
        (width.checked_mul(height) == Some(values.len())).then_some(Self { width, height, values })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row.
    pub fn values(&self) -> &[u8] {
        &self.values
    }
}
