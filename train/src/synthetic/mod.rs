//! Synthetic handwriting: the forms in which people write each label, and negatives, which are
//! out of distribution: no label fits them.
//!
//! ```text
//! shapes/*.txt ─ library ─┬─ of the labels ───┐
//! a user's drawings ──────┘                   ├─ vary ─► strokes ─► glyph
//! letters, signs, several symbols, scribbles ─┘        (model's pen and frame)
//! textures ─────────────────────────────────► picture ─► glyph
//! ```
//!
//! MNIST is scanned from the paper of one country: it was not written with a mouse or a finger,
//! and it lacks many forms that people use. And a network that has only seen digits takes
//! everything for one; it learns the difference from negatives. Each picture has a number and
//! follows from it alone.

mod generator;
mod library;
mod negatives;
mod scribble;
pub mod sheet;
mod texture;
mod touching;
pub mod vary;

pub use generator::{Generator, generator_version};
pub use negatives::NegativeKind;
pub use touching::Touching;
