//! A file of labelled samples for fine-tuning, as the server exports them: see
//! [`glyphic_runtime::samples`].

use std::{collections::HashMap, fs, path::Path};

use glyphic_model::{Glyph, preprocess::Strokes};
use glyphic_runtime::{
    held_back::is_held_back,
    samples::{SampleInput, lines},
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
    /// The picture.
    pub glyph: Glyph,
    /// The strokes it was drawn with, if it was drawn.
    pub strokes: Option<Strokes>,
}

/// Reads a file of samples. Those without a label are left out. Where a line
/// does not say whether it is held back, [`is_held_back`] decides by its label.
pub fn read(path: &Path) -> Result<Vec<LabelledSample>, DataError> {
    let text = fs::read_to_string(path).map_err(unreadable(path))?;
    let mut samples = Vec::new();
    let mut of_label: HashMap<String, u64> = HashMap::new();
    for (number, line) in lines(&text) {
        let line = line.map_err(|error| DataError::BadLine {
            path: path.to_owned(),
            line: number,
            problem: error.to_string(),
        })?;
        let Some(label) = line.label else { continue };
        let of_label = of_label.entry(label.clone()).or_default();
        let before = std::mem::replace(of_label, *of_label + 1);
        samples.push(LabelledSample {
            id: line.id.unwrap_or_else(|| format!("line-{number}")),
            held_back: line.held_back.unwrap_or(is_held_back(before)),
            label,
            glyph: line.glyph,
            strokes: match line.input {
                SampleInput::Strokes(strokes) => Some(strokes),
                SampleInput::Image(_) | SampleInput::Glyph => None,
            },
        });
    }
    Ok(samples)
}
