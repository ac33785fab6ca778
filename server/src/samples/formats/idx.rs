//! MNIST's own format: a file of pictures and a file of label numbers, which
//! `labels.txt` turns into texts, a line each.

use std::collections::BTreeSet;

use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
};

use super::archive::pack;
use crate::samples::{
    RawError,
    incoming::{FormatError, Incoming},
    sample::{Form, Sample},
};

const PICTURES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
const LABELS: &str = "labels.txt";

pub(super) fn write(samples: &[Sample]) -> Result<Vec<u8>, FormatError> {
    let labelled: Vec<(&String, &Glyph)> = samples
        .iter()
        .filter_map(|s| Some((s.content.label.as_ref()?, &s.content.glyph)))
        .collect();
    let distinct: BTreeSet<&String> = labelled.iter().map(|(label, _)| *label).collect();
    // Digits keep their own numbers.
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let texts: Vec<&String> = match distinct.iter().all(|label| digits.contains(label)) {
        true => digits.iter().collect(),
        false => distinct.into_iter().collect(),
    };
    if texts.len() > 256 {
        return Err(FormatError::damaged(format!(
            "an IDX file can have at most 256 labels, but these samples have {}",
            texts.len()
        )));
    }
    let count = labelled.len() as u32;
    let header = |words: &[u32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    let mut pictures = header(&[PICTURES_MAGIC, count, SIDE as u32, SIDE as u32]);
    let mut numbers = header(&[LABELS_MAGIC, count]);
    for (label, glyph) in labelled {
        pictures.extend(glyph.pixels());
        numbers.push(texts.iter().position(|text| *text == label).unwrap_or_default() as u8);
    }
    let lines: String = texts.iter().map(|text| format!("{text}\n")).collect();
    pack([
        ("train-images-idx3-ubyte".to_owned(), pictures),
        ("train-labels-idx1-ubyte".to_owned(), numbers),
        (LABELS.to_owned(), lines.into_bytes()),
    ])
}

pub(super) fn read(files: &[(String, Vec<u8>)]) -> Result<Vec<Incoming>, FormatError> {
    let find = |part: &str| {
        let file = files.iter().find(|(name, _)| name.contains(part));
        file.map(|(_, content)| content.as_slice()).ok_or_else(|| {
            FormatError::damaged(format!("the zip has no file whose name contains '{part}'"))
        })
    };
    let pictures = body("pictures", find("images-idx3-ubyte")?, PICTURES_MAGIC, 16)?;
    let numbers = body("labels", find("labels-idx1-ubyte")?, LABELS_MAGIC, 8)?;
    if pictures.len() != numbers.len() * PIXELS {
        return Err(FormatError::damaged(format!(
            "there are {} labels, but {} bytes of pictures, which are not as many pictures of 28 × 28",
            numbers.len(),
            pictures.len()
        )));
    }
    let texts = find(LABELS).ok().map(|lines| String::from_utf8_lossy(lines).into_owned());
    let text = |number: u8| match &texts {
        None => Ok(number.to_string()),
        Some(texts) => texts.lines().nth(usize::from(number)).map(str::to_owned).ok_or_else(|| {
            FormatError::damaged(format!("{LABELS} has no line for label {number}"))
        }),
    };
    let pairs = pictures.chunks(PIXELS).zip(numbers);
    pairs
        .map(|(pixels, &number)| {
            let glyph = Glyph::try_from(pixels).map_err(RawError::from)?;
            let (label, form) = (Some(text(number)?), Form::Pixels);
            let raw = pixels.to_vec();
            Ok(Incoming { label, source: None, held_back: None, form, raw, glyph })
        })
        .collect()
}

/// The content after a file's header of `length` bytes, if the header is right.
fn body<'a>(
    what: &str,
    file: &'a [u8],
    magic: u32,
    length: usize,
) -> Result<&'a [u8], FormatError> {
    let word = |at: usize| {
        file.get(at..at + 4).map_or(0, |w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]))
    };
    if word(0) != magic {
        return Err(FormatError::damaged(format!(
            "the file of {what} does not begin like an IDX file"
        )));
    }
    let item = if length == 16 { PIXELS } else { 1 };
    let body = file.get(length..).unwrap_or_default();
    if length == 16 && [word(8), word(12)] != [SIDE as u32; 2] {
        return Err(FormatError::damaged(format!(
            "its pictures are {} × {}, not 28 × 28",
            word(8),
            word(12)
        )));
    }
    if body.len() != word(4) as usize * item {
        return Err(FormatError::damaged(format!(
            "the header of the file of {what} says that it has {}, but it does not",
            word(4)
        )));
    }
    Ok(body)
}
