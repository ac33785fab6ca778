//! Pictures that are none of the labels: letters, signs, several symbols at once,
//! scribbles, and textures such as photos turn into.

use glyphic_model::{
    Glyph,
    preprocess::{Point, Strokes},
};
use rand::{Rng, RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Shapes, scribble, texture, vary::Variation};

/// A picture of what is no label. `None` where nothing came out.
pub(super) fn glyph(shapes: &Shapes, rng: &mut StdRng) -> Option<Glyph> {
    let strokes = match rng.random_range(0..100) {
        0..52 => shapes.letters.choose(rng)?.clone(),
        52..66 => shapes.marks.choose(rng)?.clone(),
        66..78 => side_by_side(shapes, rng)?,
        78..95 => Strokes::new(scribble::strokes(any_symbol(shapes, rng)?, rng)).ok()?,
        _ => return texture::glyph(rng),
    };
    Variation::default().glyph(&strokes, rng).filter(|glyph| !glyph.is_blank())
}

/// A symbol, of the labels or not.
fn any_symbol<'a>(shapes: &'a Shapes, rng: &mut StdRng) -> Option<&'a Strokes> {
    match rng.random_range(0..3) {
        0 => shapes.letters.choose(rng),
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
            varied.into_iter().map(|stroke| {
                stroke.into_iter().map(|[x, y]| [x + shift, y + lift]).collect()
            }),
        );
        right = end + shift;
    }
    Strokes::new(row).ok()
}

/// A number evenly between −1 and 1.
pub(super) fn signed(rng: &mut impl Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}
