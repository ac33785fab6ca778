//! The JSON of a sample: an object per line of a file. Servers export and import samples in this
//! form, and trainers read it.
//!
//! ```json
//! {"id": "a1", "label": "7", "prediction": "1", "held_back": false, "strokes": [[[0, 0], [9, 9]]]}
//! ```
//!
//! A sample has a `glyph` (784 pixels, base64), the `strokes` that were drawn, or an `image` (a
//! file, base64). Beside strokes or an image, the glyph is what was made of them when they came. Of an
//! image, a checkpoint of whole pictures makes its glyph anew: it may have been read as ink then.
//! `trusted` and `confirmed` say whether a server's operator taught it or confirmed it; without them
//! it counts. All other keys may be missing, and keys that are not listed here are ignored: the rest of what
//! a server writes about a sample is decided anew.

use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    glyph::WrongLength,
    labels::BadLabel,
    preprocess::{Pictures, Point, StrokeError, Strokes},
};
use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;

use crate::{
    decode::{DecodeError, decode, pixels},
    text,
};

/// A sample as its line describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleLine {
    /// Its id.
    pub id: Option<String>,
    /// What it shows, which can be a label; `None` if nobody has labelled it.
    pub label: Option<String>,
    /// Who or what sent it.
    pub source: Option<String>,
    /// The label that a network read when the sample came.
    pub prediction: Option<String>,
    /// Whether it is held back from training.
    pub held_back: Option<bool>,
    /// Whether it counts: a server's operator taught or confirmed it. Only a server's files say that
    /// one does not.
    pub counts: bool,
    /// What was drawn or photographed.
    pub input: SampleInput,
    /// The glyph, which is not blank.
    pub glyph: Glyph,
}

/// The input that a sample's glyph was made of.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleInput {
    /// Pen strokes.
    Strokes(Strokes),
    /// An image file.
    Image(Vec<u8>),
    /// Nothing but the glyph itself is there.
    Glyph,
}

/// Why a line is not a sample.
#[derive(Debug, Error)]
pub enum SampleError {
    /// It is not JSON, or a key has a value of another type.
    #[error("it is not a sample in JSON: {problem}, at column {column}")]
    NotASample {
        /// What is wrong.
        problem: String,
        /// Where, from 1.
        column: usize,
    },
    /// Its label is blank.
    #[error("its label is empty; leave the key out if nobody has labelled it")]
    EmptyLabel,
    /// Its label cannot be one.
    #[error("its label {0}")]
    BadLabel(#[from] BadLabel),
    /// Its glyph or its image is not base64.
    #[error("its {key} is not base64: {reason}")]
    NotBase64 {
        /// The key.
        key: &'static str,
        /// What is wrong.
        reason: base64::DecodeError,
    },
    /// Its glyph has another number of pixels.
    #[error(transparent)]
    Glyph(#[from] WrongLength),
    /// Its strokes cannot be drawn.
    #[error(transparent)]
    Strokes(#[from] StrokeError),
    /// Its image cannot be decoded.
    #[error(transparent)]
    Image(#[from] DecodeError),
    /// It has strokes and an image.
    #[error("it has both strokes and an image; leave out the one that it was not made from")]
    TwoInputs,
    /// There is nothing to learn from.
    #[error("it has no glyph, no strokes and no image; give it one of them")]
    NoInput,
    /// Its input is blank.
    #[error("nothing is drawn")]
    Blank,
}

/// The keys that are read.
#[derive(Deserialize)]
struct Keys {
    id: Option<String>,
    label: Option<String>,
    source: Option<String>,
    prediction: Option<String>,
    held_back: Option<bool>,
    trusted: Option<bool>,
    confirmed: Option<bool>,
    glyph: Option<String>,
    strokes: Option<Vec<Vec<Point>>>,
    image: Option<String>,
}

/// The samples in a text, for a checkpoint of these pictures, each with the number of its line, from
/// 1. Blank lines are left out. An image of which a glyph is made may take some hundred milliseconds.
pub fn lines(
    text: &str,
    pictures: Pictures,
) -> impl Iterator<Item = (usize, Result<SampleLine, SampleError>)> {
    text::lines(text).map(move |(number, line)| (number, SampleLine::parse(line, pictures)))
}

/// How many pixels must be decoded to read a line: those of an image of which a glyph is made. 0 if it
/// has none or cannot be read; [`SampleLine::parse`] says why.
pub fn pixels_to_decode(line: &str, pictures: Pictures) -> u64 {
    #[derive(Deserialize)]
    struct Image {
        #[serde(default)]
        glyph: Option<IgnoredAny>,
        #[serde(default)]
        image: Option<String>,
    }
    match serde_json::from_str(line) {
        Ok(Image { glyph, image: Some(image) }) if glyph.is_none() || !pictures.is_ink() => {
            decoded("image", &image).ok().and_then(|file| pixels(&file).ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

impl SampleLine {
    /// Reads a line, for a checkpoint of these pictures.
    ///
    /// # Errors
    /// It is not JSON, has no glyph, no strokes and no image, or one of its keys cannot be used.
    pub fn parse(line: &str, pictures: Pictures) -> Result<Self, SampleError> {
        let keys = serde_json::from_str(line).map_err(|error| not_a_sample(&error))?;
        let Keys { id, label, source, prediction, held_back, .. } = keys;
        let Keys { trusted, confirmed, glyph, strokes, image, .. } = keys;
        let label = match label.as_deref().map(text::label).transpose() {
            Ok(label) => label,
            Err(BadLabel::Empty) => return Err(SampleError::EmptyLabel),
            Err(error) => return Err(error.into()),
        };
        let glyph = match glyph {
            Some(glyph) => Some(Glyph::try_from(decoded("glyph", &glyph)?.as_slice())?),
            None => None,
        };
        let input = match (strokes, image) {
            (Some(strokes), None) => SampleInput::Strokes(Strokes::new(strokes)?),
            (None, Some(image)) => SampleInput::Image(decoded("image", &image)?),
            (None, None) => SampleInput::Glyph,
            (Some(_), Some(_)) => return Err(SampleError::TwoInputs),
        };
        let glyph = match (glyph, &input) {
            (Some(glyph), SampleInput::Image(file)) if !pictures.is_ink() => match decode(file) {
                Ok(picture) => pictures.glyph(&picture),
                // What is no picture was never looked at.
                Err(_) => Some(glyph),
            },
            (Some(glyph), _) => Some(glyph),
            (None, SampleInput::Strokes(strokes)) => strokes.glyph(),
            (None, SampleInput::Image(file)) => pictures.glyph(&decode(file)?),
            (None, SampleInput::Glyph) => return Err(SampleError::NoInput),
        };
        let glyph = glyph.filter(|glyph| !glyph.is_blank()).ok_or(SampleError::Blank)?;
        let id = id.filter(|id| !id.is_empty());
        let counts = trusted.unwrap_or(true) || confirmed.unwrap_or(false);
        Ok(Self { id, label, source, prediction, held_back, counts, input, glyph })
    }
}

fn decoded(key: &'static str, text: &str) -> Result<Vec<u8>, SampleError> {
    STANDARD.decode(text).map_err(|reason| SampleError::NotBase64 { key, reason })
}

fn not_a_sample(error: &serde_json::Error) -> SampleError {
    // Its own line number is always 1: the caller knows the line in the file.
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&position).unwrap_or(&text).to_owned();
    SampleError::NotASample { problem, column: error.column() }
}
