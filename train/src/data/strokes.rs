//! A file of labelled drawings, one JSON object a line:
//! `{"label": "7", "source": "tablet", "strokes": [[[x, y], …], …]}`.

use std::{collections::BTreeSet, fs, path::Path};

use glyphic_model::preprocess::{Point, Strokes};
use serde::Deserialize;

use super::{DataError, Example, LabelledSet, unreadable};

#[derive(Deserialize)]
struct Line {
    label: String,
    #[serde(default)]
    source: String,
    strokes: Vec<Vec<Point>>,
}

pub(super) fn read(path: &Path) -> Result<LabelledSet, DataError> {
    let text = fs::read_to_string(path).map_err(unreadable(path))?;
    let mut drawings = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |problem: String| DataError::Damaged {
            path: path.to_owned(),
            problem: format!("line {}: {problem}", i + 1),
        };
        let line: Line = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let strokes = Strokes::new(line.strokes).map_err(|error| bad(error.to_string()))?;
        let glyph = strokes.glyph().ok_or_else(|| bad("nothing is drawn".to_owned()))?;
        drawings.push((line.label, line.source, glyph));
    }
    let distinct: BTreeSet<&String> = drawings.iter().map(|(label, ..)| label).collect();
    let labels: Vec<String> = distinct.into_iter().cloned().collect();
    let examples = drawings.iter().map(|(label, _, glyph)| Example {
        glyph: glyph.clone(),
        label: labels.binary_search(label).unwrap_or_default(),
    });
    Ok(LabelledSet {
        examples: examples.collect(),
        sources: drawings.iter().map(|(_, source, _)| source.clone()).collect(),
        labels,
    })
}
