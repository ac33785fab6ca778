//! Any text as a drawing's JSON: checked, drawn, and cut into symbols.
#![no_main]

use glyphic_model::{
    number::{Lattice, Question},
    preprocess::{Point, Strokes},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(strokes) = serde_json::from_slice::<Vec<Vec<Point>>>(bytes) else { return };
    let Ok(strokes) = Strokes::new(strokes) else { return };
    let _ = strokes.glyph();
    let _ = Lattice::of_strokes(&strokes, None).glyphs();
});
