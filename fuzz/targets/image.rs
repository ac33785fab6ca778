//! Any bytes as an image file: decoded, turned to ink, framed, and cut into symbols.
#![no_main]

use glyphic_model::{decode::decode, number::Lattice};
use libfuzzer_sys::fuzz_target;

/// Pictures beyond this are decoded alone: they are right, and take too long to learn from.
const PIXELS: usize = 1 << 18;

fuzz_target!(|bytes: &[u8]| {
    let Ok(picture) = decode(bytes) else { return };
    if picture.width() * picture.height() <= PIXELS {
        let _ = picture.glyph();
        let _ = Lattice::of_picture(&picture, None).glyphs();
    }
});
