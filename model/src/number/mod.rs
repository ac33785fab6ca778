//! Whole numbers: finds and reads all digits of a drawing or a picture, on any number of lines.
//!
//! ```text
//! Strokes ─ strokes ─┐              ┌─ lattice ─► glyphs ─ Classifier ─► predictions ─┐
//!                    ├─ segments ───┤                                                 ├─► Reading
//! Picture ─ picture ─┘  (lines)     └────────────────────── best ─────────────────────┘
//! ```
//!
//! A segment is ink that is never divided further: a stroke, a connected piece of ink, or a slice
//! of a piece in which digits may touch.

mod bounds;
mod boxes;
mod components;
mod lattice;
mod lines;
mod order;
mod picture;
mod reading;
mod rulings;
mod slices;
mod strokes;

pub use bounds::Bounds;
pub use lattice::Lattice;
pub use reading::{ReadLine, Reading, Symbol};

use crate::{
    glyph::Glyph,
    preprocess::{Picture, Strokes},
};

impl Lattice {
    /// The candidates in a drawing. If `boxes` are given, each contains one symbol, and ink outside
    /// of them is left out.
    pub fn of_strokes(strokes: &Strokes, boxes: Option<&[Bounds]>) -> Self {
        strokes::lattice(strokes, boxes)
    }

    /// The candidates in a picture. If `boxes` (in its pixels) are given, each contains one symbol,
    /// and ink outside of them is left out.
    pub fn of_picture(picture: &Picture, boxes: Option<&[Bounds]>) -> Self {
        picture::lattice(picture, boxes)
    }

    /// A glyph as the only candidate; none if it is blank.
    pub fn of_glyph(glyph: &Glyph) -> Self {
        picture::of_glyph(glyph)
    }
}
