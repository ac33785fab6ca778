//! MNIST's own format: a file of pictures and a file of label numbers, which
//! `labels.txt` turns into texts, a line each. Reading is [`glyphic_runtime::idx`]'s.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Read, Seek, Write},
};

use glyphic_model::{Glyph, glyph::SIDE};
use glyphic_runtime::{
    idx::{self, Content, IdxName, LIST, LabelTexts, key, label_numbers},
    text::text,
};

use super::{
    archive::{self, Archive, temporary},
    reading::Reading,
};
use crate::samples::{
    incoming::{FormatError, Incoming},
    sample::{Form, Sample},
};

const PICTURES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
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
        zip.add(LIST, &mut lines.as_bytes())?;
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

/// Whether a zip has files of this format.
pub(super) fn is_in(archive: &Archive<'_>) -> bool {
    archive.files.iter().any(|(_, path)| IdxName::of(file_name(path)).is_some())
}

/// The samples of all sets in a zip, the training set and the test set.
pub(super) fn read(
    archive: &mut Archive<'_>,
    reading: &Reading,
) -> Result<Vec<Incoming>, FormatError> {
    let texts = label_texts(archive)?;
    let sets: BTreeSet<String> = archive
        .files
        .iter()
        .filter_map(|(_, path)| Some(IdxName::of(file_name(path))?.set))
        .collect();
    let mut samples = Vec::new();
    // A training set comes before a test set.
    for set in sets.iter().rev() {
        reading.go_on()?;
        samples.extend(read_set(archive, set, texts.as_ref())?);
        Reading::check_samples(samples.len())?;
    }
    Ok(samples)
}

fn read_set(
    archive: &mut Archive<'_>,
    set: &str,
    texts: Option<&LabelTexts>,
) -> Result<Vec<Incoming>, FormatError> {
    let (path, pictures) = file_of(archive, set, Content::Pictures, "images-idx3-ubyte")?;
    let pictures = idx::pictures(set, &pictures).map_err(|error| problem(&path, &error))?;
    let (path, numbers) = file_of(archive, set, Content::Labels, "labels-idx1-ubyte")?;
    let (numbers, _) = label_numbers(&numbers).map_err(|error| problem(&path, &error))?;
    let (labels, count) = (numbers.len(), pictures.len());
    Reading::check_samples(labels)?;
    if labels != count {
        return Err(problem(&path, &format!("it has {labels} labels for {count} pictures")));
    }
    let distinct: Vec<u8> = numbers.iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
    let labels = match texts {
        Some(texts) => texts.of_numbers(&distinct).map_err(|error| problem(LIST, &error))?,
        None => distinct.iter().map(u8::to_string).collect(),
    };
    let label = |number: u8| labels.get(distinct.binary_search(&number).ok()?).cloned();
    let sample = |(glyph, number): (Glyph, u8)| {
        let raw = glyph.pixels().to_vec();
        let (label, form) = (label(number), Form::Pixels);
        Incoming { label, source: None, held_back: None, form, raw, glyph }
    };
    Ok(pictures.into_iter().zip(numbers).map(sample).collect())
}

/// The path of a set's file and its content.
fn file_of(
    archive: &mut Archive<'_>,
    set: &str,
    content: Content,
    usual: &str,
) -> Result<(String, Vec<u8>), FormatError> {
    let is_it = |(_, path): &&(usize, String)| {
        IdxName::of(file_name(path)).is_some_and(|name| name.set == set && name.content == content)
    };
    let Some((place, path)) = archive.files.iter().find(is_it).cloned() else {
        return Err(FormatError::damaged(format!("the zip has no {set}-{usual}, gzipped or not")));
    };
    let content = archive.read_whole(place, &path)?;
    Ok((path, content))
}

/// The texts of the labels, from `labels.txt` or EMNIST's mapping, if one is in the zip.
fn label_texts(archive: &mut Archive<'_>) -> Result<Option<LabelTexts>, FormatError> {
    let named = |part: &str| {
        let is_it = |(_, path): &&(usize, String)| key(file_name(path)).ends_with(part);
        archive.files.iter().find(is_it).cloned()
    };
    let found = [(key(LIST), false), (key("mapping.txt"), true)]
        .into_iter()
        .find_map(|(part, is_mapping)| Some((named(&part)?, is_mapping)));
    let Some(((place, path), is_mapping)) = found else { return Ok(None) };
    let bytes = archive.read(place)?;
    let text = text(&bytes).map_err(|error| problem(&path, &error))?;
    Ok(Some(match is_mapping {
        true => LabelTexts::of_mapping(text),
        false => LabelTexts::of_list(text),
    }))
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn problem(path: &str, problem: &dyn std::fmt::Display) -> FormatError {
    FormatError::damaged(format!("{path}: {problem}"))
}
