//! A file of labelled samples for fine-tuning, one JSON object a line, as the server exports
//! them: `{"id", "label", "held_back", "glyph", "strokes"}`. Other keys are ignored.

use std::{collections::HashMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph, labels,
    preprocess::{Point, Strokes},
};
use glyphic_runtime::held_back::is_held_back;
use serde::Deserialize;

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

#[derive(Deserialize)]
struct SampleLine {
    #[serde(default)]
    id: String,
    label: Option<String>,
    #[serde(default)]
    held_back: Option<bool>,
    glyph: Option<String>,
    strokes: Option<Vec<Vec<Point>>>,
}

/// Reads a file of samples. Those without a label are left out. Where a line
/// does not say whether it is held back, [`is_held_back`] decides by its label.
pub fn read(path: &Path) -> Result<Vec<LabelledSample>, DataError> {
    let text = fs::read_to_string(path).map_err(unreadable(path))?;
    let mut samples = Vec::new();
    let mut of_label: HashMap<String, u64> = HashMap::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad =
            |problem: String| DataError::BadLine { path: path.to_owned(), line: i + 1, problem };
        let line: SampleLine =
            serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let Some(label) = line.label else { continue };
        let label = labels::trimmed(&label).map_err(|error| bad(format!("its label {error}")))?;
        let label = label.to_owned();
        let strokes = line.strokes.map(Strokes::new).transpose().map_err(|e| bad(e.to_string()))?;
        let glyph = match (line.glyph, &strokes) {
            (Some(glyph), _) => {
                let bytes = STANDARD.decode(glyph).map_err(|error| bad(error.to_string()))?;
                Some(Glyph::try_from(bytes.as_slice()).map_err(|error| bad(error.to_string()))?)
            }
            (None, Some(strokes)) => strokes.glyph(),
            (None, None) => return Err(bad("it has neither a glyph nor strokes".to_owned())),
        };
        let Some(glyph) = glyph.filter(|glyph| !glyph.is_blank()) else {
            return Err(bad("nothing is drawn".to_owned()));
        };
        let of_label = of_label.entry(label.clone()).or_default();
        let before = std::mem::replace(of_label, *of_label + 1);
        samples.push(LabelledSample {
            id: if line.id.is_empty() { format!("line-{}", i + 1) } else { line.id },
            held_back: line.held_back.unwrap_or(is_held_back(before)),
            label,
            glyph,
            strokes,
        });
    }
    Ok(samples)
}
