//! CSV: one sample on each line, with its 784 pixels at the end. MNIST's usual CSV (a label,
//! then the pixels, with or without a header) is read too. A label or a source that begins like a
//! formula has an apostrophe before it (see [`glyphic_runtime::cells`]).

use std::{
    fs::File,
    io::{Seek, Write},
};

use csv::{ReaderBuilder, StringRecord, Writer};
use glyphic_model::{Glyph, glyph::PIXELS};
use glyphic_runtime::cells::{of_cell, to_cell};

use super::{archive::temporary, reading::Reading};
use crate::samples::{
    incoming::{FormatError, Incoming},
    sample::{Form, Sample},
};

const COLUMNS: [&str; 5] = ["label", "source", "id", "created", "held_back"];

/// A sample's line, after the header if it is the `first`.
pub(super) fn line(sample: &Sample, first: bool) -> Result<Vec<u8>, FormatError> {
    let mut text = if first { header_line()? } else { Vec::new() };
    let content = &sample.content;
    let about = [
        to_cell(content.label.as_deref().unwrap_or_default()).into_owned(),
        to_cell(&content.source).into_owned(),
        sample.id.clone(),
        sample.created.to_string(),
        u8::from(sample.held_back).to_string(),
    ];
    let pixels = content.glyph.pixels().iter().map(u8::to_string);
    text.extend(record(about.into_iter().chain(pixels))?);
    Ok(text)
}

/// A file of the header alone.
pub(super) fn header() -> Result<File, FormatError> {
    let mut file = temporary()?;
    let written = file.write_all(&header_line()?).and_then(|()| file.rewind());
    written.map_err(|error| FormatError::write(&error))?;
    Ok(file)
}

fn header_line() -> Result<Vec<u8>, FormatError> {
    let pixels = (0..PIXELS).map(|i| format!("pixel{i}"));
    record(COLUMNS.map(str::to_owned).into_iter().chain(pixels))
}

fn record(fields: impl Iterator<Item = String>) -> Result<Vec<u8>, FormatError> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(fields).map_err(|error| FormatError::write(&error))?;
    writer.into_inner().map_err(|error| FormatError::write(&error))
}

pub(super) fn read(text: &str, reading: &Reading) -> Result<Vec<Incoming>, FormatError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut columns = Columns::default();
    let mut samples = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let problem = |problem: String| FormatError::damaged(format!("line {}: {problem}", i + 1));
        reading.go_on()?;
        let record = record.map_err(|error| problem(error.to_string()))?;
        if i == 0 && record.get(1).is_some_and(|field| field.trim().parse::<u8>().is_err()) {
            columns = Columns::of(&record).ok_or_else(|| {
                problem(
                    "the header has no column 'label' or fewer than 784 columns of pixels after it"
                        .to_owned(),
                )
            })?;
            continue;
        }
        samples.push(columns.sample(&record).map_err(problem)?);
    }
    Ok(samples)
}

/// Where a line's fields are; by default as in MNIST's usual CSV.
struct Columns {
    label: usize,
    source: Option<usize>,
    held_back: Option<usize>,
    pixels: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self { label: 0, source: None, held_back: None, pixels: 1 }
    }
}

impl Columns {
    fn of(header: &StringRecord) -> Option<Self> {
        let find = |name: &str| header.iter().position(|column| column.trim() == name);
        let label = find("label")?;
        // The pixels are the last columns, whatever they are called.
        let pixels = header.len().checked_sub(PIXELS)?;
        (pixels > label).then(|| Self {
            label,
            source: find("source"),
            held_back: find("held_back"),
            pixels,
        })
    }

    fn sample(&self, record: &StringRecord) -> Result<Incoming, String> {
        let text = |column: usize| record.get(column).map(str::trim).filter(|t| !t.is_empty());
        let values: Vec<u8> = record
            .iter()
            .skip(self.pixels)
            .map(|field| {
                field.trim().parse().map_err(|_| format!("'{field}' is not a number from 0 to 255"))
            })
            .collect::<Result<_, String>>()?;
        let glyph = Glyph::try_from(values.as_slice()).map_err(|error| error.to_string())?;
        Ok(Incoming {
            label: text(self.label).map(|cell| of_cell(cell).into_owned()),
            source: self.source.and_then(text).map(|cell| of_cell(cell).into_owned()),
            held_back: self.held_back.and_then(text).map(|field| field == "1"),
            form: Form::Pixels,
            raw: values,
            glyph,
        })
    }
}
