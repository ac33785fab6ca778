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
mod elsewhere;
mod lattice;
mod lines;
pub mod pairs;
mod paths;
mod picture;
mod question;
mod reading;
mod rulings;
mod sides;
mod slices;
mod strokes;
pub mod table;
mod whole;

pub use bounds::Bounds;
pub use lattice::Lattice;
pub use question::{Question, Reader, Step};
pub use reading::{ReadLine, Reading, Symbol};

use crate::{
    glyph::Glyph,
    preprocess::{Picture, Pictures, Strokes},
};

impl Lattice {
    /// The candidates in a drawing. If `boxes` are given, each contains one symbol, and ink outside
    /// of them is left out.
    pub fn of_strokes(strokes: &Strokes, boxes: Option<&[Bounds]>) -> Self {
        strokes::lattice(strokes, boxes)
    }

    /// The candidates in a picture of ink. If `boxes` (in its pixels) are given, each contains one symbol,
    /// and ink outside of them is left out. `turns` is how often the picture has to be turned
    /// clockwise by a quarter to be upright; `None` if that is to be found out, which needs more than
    /// one symbol. With boxes, `None` is 0.
    pub fn of_picture(picture: &Picture, boxes: Option<&[Bounds]>, turns: Option<usize>) -> Self {
        picture::lattice(picture, boxes, turns)
    }

    /// A glyph as the only candidate; none if it is blank.
    pub fn of_glyph(glyph: &Glyph) -> Self {
        whole::of_glyph(glyph)
    }
}

impl Pictures {
    /// The candidates in a picture: of ink as [`Lattice::of_picture`] finds them. A picture as it is
    /// has one symbol, or one in each of the `boxes`, and is turned only if `turns` says so.
    pub fn lattice(
        self,
        picture: &Picture,
        boxes: Option<&[Bounds]>,
        turns: Option<usize>,
    ) -> Lattice {
        match self {
            Self::Ink => Lattice::of_picture(picture, boxes, turns),
            Self::Whole => whole::lattice(picture, boxes, turns.unwrap_or(0)),
        }
    }
}
