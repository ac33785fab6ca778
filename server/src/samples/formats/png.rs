//! Folders of pictures: `<label>/<name>.png`. Characters that cannot be in a file's name are
//! escaped as in a URL (`%2F`).

use glyphic_runtime::decode::{decode, pixels, png};

use super::{
    archive::{Archive, Growing},
    reading::Reading,
};
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

pub(super) fn read(
    archive: &mut Archive<'_>,
    reading: &Reading,
) -> Result<Vec<Incoming>, FormatError> {
    let mut files = archive.files()?;
    files.retain(|(_, name)| folder(name).is_some());
    // All are looked at before the first is decoded. They are unpacked twice for that, which takes
    // little time and spares the memory for all of them at once.
    let mut counted = reading.pixels();
    for (place, name) in &files {
        let pixels = pixels(&archive.read(*place)?).map_err(|error| problem(name, &error))?;
        counted.add(pixels)?;
    }
    let mut samples = Vec::new();
    for (place, name) in files {
        reading.go_on()?;
        let Some(folder) = folder(&name) else { continue };
        let content = archive.read(place)?;
        let picture = decode(&content).map_err(|error| problem(&name, &error))?;
        // A picture that is framed already must not be framed again.
        let glyph = picture.framed().or_else(|| reading.pictures.glyph(&picture));
        samples.push(Incoming {
            label: Some(unescape(folder)),
            source: None,
            held_back: None,
            form: Form::Image,
            glyph: glyph.ok_or_else(|| problem(&name, &"there is no ink in it"))?,
            raw: content,
        });
    }
    Ok(samples)
}

/// The folder that a picture is in, if it is one: hidden files are not.
fn folder(path: &str) -> Option<&str> {
    let mut parts = path.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    parts.next().filter(|_| !file.starts_with('.'))
}

fn problem(name: &str, problem: &dyn std::fmt::Display) -> FormatError {
    FormatError::damaged(format!("{name}: {problem}"))
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
