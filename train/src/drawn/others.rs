//! Pictures that are none of the labels: letters, signs, several symbols at once,
//! scribbles, and textures such as photos turn into.

use glyphic_model::{
    Glyph,
    preprocess::{Point, Strokes},
};
use rand::{Rng, RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Shapes, scribble, texture, vary::Variation};

/// A kind of what is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A letter that is no label and looks like none.
    Letter,
    /// A sign or a small picture.
    Mark,
    /// Two to four symbols beside each other.
    Several,
    /// A scribble.
    Scribble,
    /// Noise, blobs, gradients.
    Texture,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Letter, Self::Mark, Self::Several, Self::Scribble, Self::Texture];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Letter => "letters (synthetic)",
            Self::Mark => "signs (synthetic)",
            Self::Several => "several symbols (synthetic)",
            Self::Scribble => "scribbles (synthetic)",
            Self::Texture => "textures (synthetic)",
        }
    }

    /// One of them, letters most often: they are the hardest to tell.
    pub(super) fn random(rng: &mut StdRng) -> Self {
        match rng.random_range(0..100) {
            0..52 => Self::Letter,
            52..66 => Self::Mark,
            66..78 => Self::Several,
            78..95 => Self::Scribble,
            _ => Self::Texture,
        }
    }
}

/// A picture of this kind. `None` where nothing came out.
pub(super) fn glyph(shapes: &Shapes, kind: Kind, rng: &mut StdRng) -> Option<Glyph> {
    let strokes = match kind {
        // Where every letter is a label there are still scribbles.
        Kind::Letter if shapes.letters.is_empty() => return glyph(shapes, Kind::Scribble, rng),
        Kind::Mark if shapes.marks.is_empty() => return glyph(shapes, Kind::Scribble, rng),
        Kind::Letter => shapes.letters.choose(rng)?.clone(),
        Kind::Mark => shapes.marks.choose(rng)?.clone(),
        Kind::Several => side_by_side(shapes, rng)?,
        Kind::Scribble => Strokes::new(scribble::strokes(any_symbol(shapes, rng)?, rng)).ok()?,
        Kind::Texture => return texture::glyph(rng).filter(|glyph| !glyph.is_blank()),
    };
    Variation::default().glyph(&strokes, rng).filter(|glyph| !glyph.is_blank())
}

/// A symbol, of the labels or not.
fn any_symbol<'a>(shapes: &'a Shapes, rng: &mut StdRng) -> Option<&'a Strokes> {
    match rng.random_range(0..3) {
        0 if !shapes.letters.is_empty() => shapes.letters.choose(rng),
        _ if shapes.known.is_empty() => shapes.letters.choose(rng),
        _ => shapes.known.choose(rng).and_then(|(_, known)| known.choose(rng)),
    }
}

/// Two to four symbols in a row, apart or touching.
fn side_by_side(shapes: &Shapes, rng: &mut StdRng) -> Option<Strokes> {
    let mut row: Vec<Vec<Point>> = Vec::new();
    let mut right = 0.0;
    for _ in 0..2 + rng.random_range(0..6) / 3 + rng.random_range(0..4) / 3 {
        let symbol = any_symbol(shapes, rng)?;
        let varied = Variation::default().strokes(symbol, rng);
        let xs = || varied.iter().flatten().map(|point| point[0]);
        let (left, end) = (xs().fold(f32::MAX, f32::min), xs().fold(f32::MIN, f32::max));
        let shift = right - left + rng.random_range(0.02..0.35);
        let lift = rng.random_range(-0.15..0.15);
        row.extend(
            varied
                .into_iter()
                .map(|stroke| stroke.into_iter().map(|[x, y]| [x + shift, y + lift]).collect()),
        );
        right = end + shift;
    }
    Strokes::new(row).ok()
}

/// A number evenly between −1 and 1.
pub(super) fn signed(rng: &mut impl Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}
