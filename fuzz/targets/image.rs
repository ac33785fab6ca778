//! Any bytes as an image file: decoded, turned to ink, framed, and cut into symbols.
#![no_main]

use std::io::Cursor;

use glyphic_model::{number::{Lattice, Question, table::Tables}, preprocess::Pictures};
use glyphic_runtime::decode::decode;
use image::ImageReader;
use libfuzzer_sys::fuzz_target;

/// Pictures beyond this are decoded alone: nothing is wrong with them, but each takes long.
const PIXELS: u64 = 1 << 18;

fuzz_target!(|bytes: &[u8]| {
    let Ok(picture) = decode(bytes) else { return };
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok();
    let size = reader.and_then(|reader| reader.into_dimensions().ok());
    if size.is_some_and(|(width, height)| u64::from(width) * u64::from(height) <= PIXELS) {
        let _ = picture.glyph();
        let _ = Lattice::of_picture(&picture, None, None).glyphs();
        let _ = Tables::of_picture(&picture, None).glyphs();
        let _ = Pictures::Whole.lattice(&picture, None, None).glyphs();
    }
});
