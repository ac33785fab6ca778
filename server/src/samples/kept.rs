//! What is kept of an input.
//!
//! Of a picture it is what was looked at: the picture turned upright, at the size that preprocessing
//! works on, as a file that is made anew and bounded. So neither the place and the time of a
//! photograph nor a thumbnail of what was cut off is stored. Drawings and pixels are kept as they
//! are.

use glyphic_model::{
    Glyph,
    preprocess::{Picture, Pictures},
};
use glyphic_runtime::{decode::decode, encode};

use super::{
    incoming::Incoming,
    raw::{Raw, RawError},
    sample::Form,
};

/// What is kept of samples and of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Most bytes of an input, [`LEAST_BYTES`](encode::LEAST_BYTES) or more.
    pub bytes: usize,
    /// Whether pictures are kept as they were sent, whatever is in their files.
    pub originals: bool,
    /// Whether what two networks read differently is kept too, though nobody taught it.
    pub disagreements: bool,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { bytes: 64 << 10, originals: false, disagreements: false }
    }
}

/// An input as it is kept, and the glyph in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The form of `raw`.
    pub form: Form,
    /// The input.
    pub raw: Vec<u8>,
    /// The glyph that was made of the input as it was sent.
    pub glyph: Glyph,
}

impl Keeping {
    /// What is kept of an input that a checkpoint of these pictures reads; `None` if it is blank. A
    /// large image may take some hundred milliseconds: do not call this on the async runtime's threads.
    ///
    /// # Errors
    /// Those of [`Raw::glyph`].
    pub fn of(&self, input: &Raw, pictures: Pictures) -> Result<Option<Kept>, RawError> {
        let Raw::Image(file) = input else {
            let glyph = input.glyph(pictures)?;
            return Ok(glyph.map(|glyph| self.drawing(input.clone(), glyph)));
        };
        let picture = decode(file)?;
        let Some(glyph) = pictures.glyph(&picture) else { return Ok(None) };
        let raw = match self.originals {
            true => file.to_vec(),
            false => self.picture(&picture),
        };
        Ok(Some(Kept { form: Form::Image, raw, glyph }))
    }

    /// What is kept of a sample from a file, which has a glyph already. It is as slow.
    pub fn of_incoming(&self, sample: Incoming) -> Incoming {
        let Incoming { form, raw, .. } = sample;
        let (form, raw) = match form {
            Form::Image if !self.originals => match decode(&raw) {
                Ok(picture) => (form, self.picture(&picture)),
                // It was not looked at.
                Err(_) => glyph_alone(&sample.glyph),
            },
            Form::Strokes if raw.len() > self.bytes => glyph_alone(&sample.glyph),
            _ => (form, raw),
        };
        Incoming { form, raw, ..sample }
    }

    fn picture(&self, picture: &Picture) -> Vec<u8> {
        encode::bounded(picture, self.bytes)
    }

    fn drawing(&self, input: Raw, glyph: Glyph) -> Kept {
        let (form, raw) = match input.into_bytes() {
            (_, raw) if raw.len() > self.bytes => glyph_alone(&glyph),
            kept => kept,
        };
        Kept { form, raw, glyph }
    }
}

/// A drawing of so many points that it is too long, or a file that is no picture: its glyph is kept.
fn glyph_alone(glyph: &Glyph) -> (Form, Vec<u8>) {
    (Form::Pixels, glyph.pixels().to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_model::preprocess::Strokes;

    use super::*;

    #[test]
    fn a_drawing_is_kept_as_it_is_unless_it_is_too_long() {
        let line = |points: usize| {
            let point = |i: usize| [i as f32 + 0.125, (i % 7) as f32];
            Raw::Strokes(Strokes::new(vec![(0..points).map(point).collect()]).unwrap())
        };
        let keeping = Keeping::default();
        let short = keeping.of(&line(20), Pictures::Ink).unwrap().unwrap();
        assert_eq!((short.form, short.raw), line(20).into_bytes());
        let long = keeping.of(&line(20_000), Pictures::Ink).unwrap().unwrap();
        assert_eq!((long.form, &long.raw[..]), (Form::Pixels, &long.glyph.pixels()[..]));
        assert_eq!(Some(long.glyph), line(20_000).glyph(Pictures::Ink).unwrap());
    }
}
