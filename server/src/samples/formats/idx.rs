//! MNIST's own format: a file of pictures and a file of label numbers, which
//! `labels.txt` turns into texts, a line each.

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, Write},
};

use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
};

use super::{
    archive::{self, Archive, temporary},
    reading::Reading,
};
use crate::samples::{
    RawError,
    incoming::{FormatError, Incoming},
    sample::{Form, Sample},
};

const PICTURES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
const LABELS: &str = "labels.txt";
/// Most labels: each is a byte.
pub(super) const MOST_LABELS: i64 = 256;

/// MNIST's files that are being written. How many pictures there are, and which labels, is known
/// only at the end, so the pictures wait in a temporary file of their own.
pub struct Growing {
    pictures: BufWriter<File>,
    /// For each picture the place of its label in `texts`.
    numbers: Vec<u8>,
    texts: Vec<String>,
}

impl Growing {
    /// An empty one.
    pub(super) fn begin() -> Result<Self, FormatError> {
        let pictures = BufWriter::new(temporary()?);
        Ok(Self { pictures, numbers: Vec::new(), texts: Vec::new() })
    }

    /// Adds a sample, if it has a label.
    pub(super) fn add(&mut self, sample: &Sample) -> Result<(), FormatError> {
        let Some(label) = &sample.content.label else { return Ok(()) };
        let place = self.texts.iter().position(|text| text == label).unwrap_or_else(|| {
            self.texts.push(label.clone());
            self.texts.len() - 1
        });
        let number = u8::try_from(place).map_err(|_| {
            FormatError::damaged(
                "an IDX file holds at most 256 labels, and these samples have more",
            )
        })?;
        self.numbers.push(number);
        let written = self.pictures.write_all(sample.content.glyph.pixels());
        written.map_err(|error| FormatError::write(&error))
    }

    /// The zip, to be read from its beginning.
    pub(super) fn finish(self) -> Result<File, FormatError> {
        let Self { pictures, numbers, texts } = self;
        let ordered = ordered(&texts);
        let place = |text: &String| {
            ordered.iter().position(|other| other == text).unwrap_or_default() as u8
        };
        let places: Vec<u8> = texts.iter().map(place).collect();
        let count = numbers.len() as u32;
        let side = SIDE as u32;
        let mut file = pictures.into_inner().map_err(|error| FormatError::write(&error))?;
        file.rewind().map_err(|error| FormatError::write(&error))?;
        let numbers: Vec<u8> = numbers.into_iter().map(|number| places[number as usize]).collect();
        let lines: String = ordered.iter().map(|text| format!("{text}\n")).collect();
        let mut zip = archive::Growing::begin()?;
        let header = header(&[PICTURES_MAGIC, count, side, side]);
        zip.add("train-images-idx3-ubyte", &mut header.as_slice().chain(file))?;
        let header = self::header(&[LABELS_MAGIC, count]);
        zip.add("train-labels-idx1-ubyte", &mut header.as_slice().chain(numbers.as_slice()))?;
        zip.add(LABELS, &mut lines.as_bytes())?;
        zip.finish()
    }
}

/// The labels in the order of their numbers: digits keep their own, others are sorted.
fn ordered(texts: &[String]) -> Vec<String> {
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    if texts.iter().all(|text| digits.contains(text)) {
        return digits;
    }
    let mut sorted = texts.to_vec();
    sorted.sort();
    sorted
}

fn header(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(super) fn read(archive: &mut Archive<'_>) -> Result<Vec<Incoming>, FormatError> {
    let files = archive.files()?;
    let mut find = |part: &str| {
        let file = files.iter().find(|(_, name)| name.contains(part));
        let (place, _) = file.ok_or_else(|| {
            FormatError::damaged(format!("the zip has no file whose name contains '{part}'"))
        })?;
        archive.read(*place)
    };
    let (pictures, numbers) = (find("images-idx3-ubyte")?, find("labels-idx1-ubyte")?);
    let pictures = body("pictures", &pictures, PICTURES_MAGIC, 16)?;
    let numbers = body("labels", &numbers, LABELS_MAGIC, 8)?;
    Reading::check_samples(numbers.len())?;
    if pictures.len() != numbers.len() * PIXELS {
        return Err(FormatError::damaged(format!(
            "there are {} labels, but {} bytes of pictures, which are not as many pictures of 28 × 28",
            numbers.len(),
            pictures.len()
        )));
    }
    let texts = find(LABELS).ok().map(|lines| String::from_utf8_lossy(&lines).into_owned());
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
