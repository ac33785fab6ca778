//! JSON lines: all that is known of each sample.

use std::str;

use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    preprocess::{Point, Strokes},
};
use serde::Deserialize;

use super::{Incoming, bad};
use crate::{
    error::ApiError,
    input::Raw,
    routes::samples::{about_json, raw_fields},
    store::samples::{Form, Sample},
};

#[derive(Deserialize)]
struct Line {
    label: Option<String>,
    source: Option<String>,
    held_back: Option<bool>,
    glyph: Option<String>,
    strokes: Option<Vec<Vec<Point>>>,
    image: Option<String>,
}

pub(super) fn write(samples: &[Sample]) -> Vec<u8> {
    let mut lines = Vec::new();
    for sample in samples {
        let mut line = about_json(sample);
        raw_fields(&sample.content, &mut line);
        lines.extend(line.to_string().into_bytes());
        lines.push(b'\n');
    }
    lines
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Incoming>, ApiError> {
    let text = str::from_utf8(bytes).map_err(|error| bad(format!("it is not UTF-8: {error}")))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| sample(line).map_err(|problem| bad(format!("line {}: {problem}", i + 1))))
        .collect()
}

fn sample(line: &str) -> Result<Incoming, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let decoded = |text: &str| STANDARD.decode(text).map_err(|error| error.to_string());
    let glyph = match &line.glyph {
        Some(glyph) => {
            Some(Glyph::try_from(decoded(glyph)?.as_slice()).map_err(|error| error.to_string())?)
        }
        None => None,
    };
    let raw = match (line.strokes, line.image) {
        (Some(strokes), None) => {
            Some(Raw::Strokes(Strokes::new(strokes).map_err(|error| error.to_string())?))
        }
        (None, Some(image)) => Some(Raw::Image(decoded(&image)?.into())),
        (None, None) => None,
        (Some(_), Some(_)) => return Err("it has both strokes and an image".to_owned()),
    };
    let glyph = match (glyph, &raw) {
        (Some(glyph), _) => glyph,
        (None, Some(raw)) => {
            let glyph = raw.glyph().map_err(|error| error.to_string())?;
            glyph.ok_or("nothing is drawn")?
        }
        (None, None) => return Err("it has no glyph, no strokes and no image".to_owned()),
    };
    let (form, raw) = match raw {
        Some(raw) => raw.into_bytes(),
        None => (Form::Pixels, glyph.pixels().to_vec()),
    };
    let Line { label, source, held_back, .. } = line;
    Ok(Incoming { label, source, held_back, form, raw, glyph })
}
