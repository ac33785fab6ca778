//! Folders of pictures: `<label>/<name>.png`. Characters that cannot be in a file's name are
//! escaped as in a URL (`%2F`).

use glyphic_runtime::decode::{decode, png};

use super::archive::Growing;
use crate::samples::{
    incoming::{FormatError, Incoming},
    sample::{Form, Sample},
};

/// Adds a sample to a zip, if it has a label.
pub(super) fn add(zip: &mut Growing, sample: &Sample) -> Result<(), FormatError> {
    let Some(label) = &sample.content.label else { return Ok(()) };
    let name = format!("{}/{}.png", escape(label), sample.id);
    zip.add(name, &mut png(&sample.content.glyph).as_slice())
}

pub(super) fn read(files: Vec<(String, Vec<u8>)>) -> Result<Vec<Incoming>, FormatError> {
    let mut samples = Vec::new();
    for (name, content) in files {
        let mut parts = name.rsplit(['/', '\\']);
        let file = parts.next().unwrap_or_default();
        let Some(folder) = parts.next().filter(|_| !file.starts_with('.')) else { continue };
        let problem = |problem: String| FormatError::damaged(format!("{name}: {problem}"));
        let picture = decode(&content).map_err(|error| problem(error.to_string()))?;
        // A picture that is framed already must not be framed again.
        let glyph = picture.framed().or_else(|| picture.glyph());
        samples.push(Incoming {
            label: Some(unescape(folder)),
            source: None,
            held_back: None,
            form: Form::Image,
            glyph: glyph.ok_or_else(|| problem("there is no ink in it".to_owned()))?,
            raw: content,
        });
    }
    Ok(samples)
}

fn escape(label: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '+');
    let mut text = String::new();
    for c in label.chars() {
        match kept(c) {
            true => text.push(c),
            false => c.to_string().bytes().for_each(|byte| text += &format!("%{byte:02X}")),
        }
    }
    text
}

fn unescape(folder: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = folder.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
