//! A file of labelled drawings, one JSON object per line:
//! `{"label": "7", "source": "tablet", "strokes": [[[x, y], …], …]}`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use glyphic_model::preprocess::{Point, Strokes};
use glyphic_runtime::text;
use serde::Deserialize;

use super::{
    error::{DataError, unreadable},
    sets::LabelledSet,
};
use crate::example::Example;

/// A labelled drawing.
pub struct Drawing {
    /// The text of its label.
    pub label: String,
    /// The collection it comes from; may be empty.
    pub source: String,
    /// Its strokes.
    pub strokes: Strokes,
}

#[derive(Deserialize)]
struct DrawingLine {
    label: String,
    #[serde(default)]
    source: String,
    strokes: Vec<Vec<Point>>,
}

/// Reads a file of drawings; each has ink.
pub fn read(path: &Path) -> Result<Vec<Drawing>, DataError> {
    parse(&text::read(path).map_err(unreadable(path))?, path)
}

/// The drawings in a file's text; each has ink. `path` is named in errors.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Drawing>, DataError> {
    let mut drawings = Vec::new();
    for (number, line) in text::lines(text) {
        let bad =
            |problem: String| DataError::BadLine { path: path.to_owned(), line: number, problem };
        let line: DrawingLine =
            serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let strokes = Strokes::new(line.strokes).map_err(|error| bad(error.to_string()))?;
        if strokes.points().is_empty() {
            return Err(bad("nothing is drawn".to_owned()));
        }
        let text = |what: &str, text: &str| {
            text::label(text).map_err(|error| bad(format!("its {what} {error}")))
        };
        let label = text("label", &line.label)?;
        let source = match line.source.as_str() {
            "" => String::new(),
            source => text("source", source)?,
        };
        drawings.push(Drawing { label, source, strokes });
    }
    Ok(drawings)
}

/// The drawings of each label, in the order of the labels.
pub fn by_label(drawings: Vec<Drawing>) -> Vec<(String, Vec<Strokes>)> {
    let mut of_label: BTreeMap<String, Vec<Strokes>> = BTreeMap::new();
    for Drawing { label, strokes, .. } in drawings {
        of_label.entry(label).or_default().push(strokes);
    }
    of_label.into_iter().collect()
}

/// The file's drawings as glyphs.
pub(super) fn labelled_set(path: &Path) -> Result<LabelledSet, DataError> {
    let drawings = read(path)?;
    let distinct: BTreeSet<&String> = drawings.iter().map(|drawing| &drawing.label).collect();
    let labels: Vec<String> = distinct.into_iter().cloned().collect();
    let (examples, sources) = drawings
        .into_iter()
        .filter_map(|Drawing { label, source, strokes }| {
            let label = labels.binary_search(&label).ok()?;
            Some((Example { glyph: strokes.glyph()?, label }, source))
        })
        .unzip();
    Ok(LabelledSet { labels, examples, sources, files: Vec::new(), notes: Vec::new() })
}
