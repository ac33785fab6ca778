//! Preprocessing: from any picture or pen strokes to a [`Glyph`](crate::Glyph), without tensors or
//! devices.
//!
//! ```text
//! Picture (RGBA) ─picture::ink─ specks ─ thicken ┐
//!                                                ├─► Ink (any size, ink 255 on 0) ─frame─► Glyph (28 × 28)
//! Strokes (points) ──strokes::ink────────────────┘
//! Picture (RGBA) ──whole::glyph──────────────────────────────────────scaled──────► Glyph
//! ```
//!
//! Ink ends in [`frame`], so drawings, uploads and training pictures are prepared by the same code. A
//! checkpoint says which of the two ways its pictures go ([`Pictures`]).

mod area;
mod frame;
mod homography;
mod ink;
mod paper;
mod picture;
mod pictures;
pub(crate) mod pieces;
mod sheet;
mod specks;
mod strokes;
mod thicken;
mod tight;
mod whole;

pub(crate) use frame::fill;
pub use frame::frame;
pub use homography::Homography;
pub use ink::Ink;
pub(crate) use ink::{transposed, turned};
pub(crate) use paper::quadrilateral;
pub use picture::Picture;
pub use pictures::Pictures;
pub(crate) use sheet::Sheet;
pub use sheet::WORKING_SIDE;
pub use strokes::{MAX_POINTS, PEN_WIDTH, Point, StrokeError, Strokes};
pub(crate) use thicken::thicken;
