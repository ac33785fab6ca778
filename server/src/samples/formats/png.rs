//! Folders of pictures: `<label>/<name>.png`. Characters that cannot be in a file's name are
//! escaped as in a URL (`%2F`).

use glyphic_runtime::decode::{decode, is_no_picture, pixels, png};

use super::{
    Read,
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

pub(super) fn read(archive: &mut Archive<'_>, reading: &Reading) -> Result<Read, FormatError> {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    // All are looked at before the first is decoded. They are unpacked twice for that, which takes
    // little time and spares the memory for all of them at once.
    let mut counted = reading.pixels();
    for (place, path) in archive.files.clone() {
        match (folder(&path), pixels(&archive.read(place)?)) {
            (None, _) => left_out.push(path),
            (_, Err(error)) if is_no_picture(&path, &error) => left_out.push(path),
            (Some(folder), pixels) => {
                counted.add(pixels.map_err(|error| problem(&path, &error))?)?;
                files.push((place, label(folder)?, path));
            }
        }
    }
    let mut samples = Vec::new();
    for (place, label, path) in files {
        reading.go_on()?;
        let content = archive.read(place)?;
        let picture = decode(&content).map_err(|error| problem(&path, &error))?;
        // A picture that is framed already must not be framed again.
        let glyph = picture.framed().or_else(|| reading.pictures.glyph(&picture));
        samples.push(Incoming {
            label: Some(label),
            source: None,
            held_back: None,
            form: Form::Image,
            glyph: glyph.ok_or_else(|| problem(&path, &"there is no ink in it"))?,
            raw: content,
        });
    }
    Ok(Read { samples, left_out })
}

/// The name of the folder that a file is in, if it is in one.
fn folder(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\']).nth(1)
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

/// The label that a folder's name stands for.
fn label(folder: &str) -> Result<String, FormatError> {
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
    String::from_utf8(bytes).map_err(|_| {
        problem(folder, &"its name, which is a label, is not UTF-8: rename the folder")
    })
}
