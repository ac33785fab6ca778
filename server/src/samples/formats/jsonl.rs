//! JSON lines: everything that is known about each sample.

use glyphic_runtime::{
    samples::{SampleInput, SampleLine, lines, pixels_to_decode},
    text,
};

use super::reading::Reading;
use crate::samples::{
    incoming::{FormatError, Incoming},
    raw::Raw,
};

pub(super) fn read(text: &str, reading: &Reading) -> Result<Vec<Incoming>, FormatError> {
    let mut counted = reading.pixels();
    for (_, line) in text::lines(text) {
        match pixels_to_decode(line, reading.pictures) {
            0 => reading.go_on()?,
            pixels => counted.add(pixels)?,
        }
    }
    let read = lines(text, reading.pictures).map(|(number, line)| {
        reading.go_on()?;
        line.map(incoming).map_err(|error| FormatError::damaged(format!("line {number}: {error}")))
    });
    read.collect()
}

/// The sample of a line. Whatever it says of what a network read is decided anew.
fn incoming(line: SampleLine) -> Incoming {
    let SampleLine { label, source, held_back, input, glyph, .. } = line;
    let raw = match input {
        SampleInput::Strokes(strokes) => Raw::Strokes(strokes),
        SampleInput::Image(file) => Raw::Image(file.into()),
        SampleInput::Glyph => Raw::Pixels(Box::new(glyph.clone())),
    };
    let (form, raw) = raw.into_bytes();
    Incoming { label, source, held_back, form, raw, glyph }
}
