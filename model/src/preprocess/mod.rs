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
mod homography;
mod ink;
mod paper;
mod picture;
pub(crate) mod pieces;
mod sheet;
mod strokes;
mod thicken;

pub use frame::frame;
pub use homography::Homography;
pub use ink::Ink;
pub(crate) use ink::turned;
pub use picture::Picture;
pub(crate) use sheet::Sheet;
pub use sheet::WORKING_SIDE;
pub use strokes::{MAX_POINTS, PEN_WIDTH, Point, StrokeError, Strokes};
pub(crate) use thicken::thicken;
