//! Made inputs, and how far two glyphs differ. The tests of `runtime` use this file as well.

use glyphic_model::{
    Glyph,
    preprocess::{Picture, Strokes},
};

/// A drawn 5: a stem and a belly, then the bar.
pub fn five() -> Strokes {
    let belly = (0..=12).map(|i| {
        let angle = -2.2 + f64::from(i) * 0.37;
        [(50.0 + 30.0 * angle.cos()) as f32, (85.0 + 32.0 * angle.sin()) as f32]
    });
    let mut body = vec![[38.0, 20.0], [32.0, 58.0]];
    body.extend(belly);
    Strokes::new(vec![body, vec![[38.0, 20.0], [80.0, 18.0]]]).unwrap()
}

/// A picture of a glyph with `scale` × `scale` pixels for each glyph pixel, whose RGBA `rgba` makes
/// from the ink (0–255).
pub fn picture(glyph: &Glyph, scale: usize, rgba: impl Fn(u8) -> [u8; 4]) -> Picture {
    let side = 28 * scale;
    let ink = |i: usize| glyph.pixels()[(i / side / scale) * 28 + i % side / scale];
    Picture::new(side, side, (0..side * side).flat_map(|i| rgba(ink(i))).collect()).unwrap()
}

/// The largest difference between corresponding pixels of two glyphs.
pub fn difference(a: &Glyph, b: &Glyph) -> u8 {
    a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
