//! A file of labelled samples for fine-tuning, as the server exports them: see
//! [`glyphic_runtime::samples`].

use std::path::Path;

use glyphic_model::{
    Glyph,
    preprocess::{Pictures, Strokes},
};
use glyphic_runtime::{
    held_back::{HeldBack, Kind},
    samples::{SampleInput, lines},
    text,
};

use super::error::{DataError, unreadable};

/// A picture that somebody labelled.
pub struct LabelledSample {
    /// Its id.
    pub id: String,
    /// The text of its label.
    pub label: String,
    /// Whether it is held back from training, to measure by.
    pub held_back: bool,
    /// Whether somebody vouches for its label: see [`SampleLine::counts`].
    ///
    /// [`SampleLine::counts`]: glyphic_runtime::samples::SampleLine::counts
    pub counts: bool,
    /// The picture.
    pub glyph: Glyph,
    /// The strokes it was drawn with, if it was drawn.
    pub strokes: Option<Strokes>,
}

/// Reads a file of samples for a checkpoint of these pictures. Those without a label are left out. Where a line does not say whether
/// it is held back, [`HeldBack`] decides as it does on a server.
pub fn read(path: &Path, pictures: Pictures) -> Result<Vec<LabelledSample>, DataError> {
    let text = text::read(path).map_err(unreadable(path))?;
    let mut samples = Vec::new();
    let mut held_back = HeldBack::default();
    for (number, line) in lines(&text, pictures) {
        let line = line.map_err(|error| DataError::BadLine {
            path: path.to_owned(),
            line: number,
            problem: error.to_string(),
        })?;
        let Some(label) = line.label else { continue };
        let prediction = line.prediction.unwrap_or_default();
        let kind = Kind { label: label.clone(), prediction };
        samples.push(LabelledSample {
            id: line.id.unwrap_or_else(|| format!("line-{number}")),
            held_back: held_back.count(kind, line.held_back),
            label,
            counts: line.counts,
            glyph: line.glyph,
            strokes: match line.input {
                SampleInput::Strokes(strokes) => Some(strokes),
                SampleInput::Image(_) | SampleInput::Glyph => None,
            },
        });
    }
    Ok(samples)
}
