//! Samples as files: JSON lines, CSV, IDX, and folders of PNGs. Each format gives back the same
//! pictures with the same labels; JSON lines keep everything.
//!
//! | format | file | keeps |
//! |---|---|---|
//! | `jsonl` | one JSON object on each line | everything: input, source, whether it is held back |
//! | `csv` | a header, then `label, source, id, created, held_back` and 784 pixels | pictures, sources |
//! | `idx` | a zip of MNIST's two files and `labels.txt` | pictures |
//! | `png` | a zip of `<label>/<id>.png` | pictures |

mod archive;
mod csv;
mod idx;
mod jsonl;
mod png;
mod reading;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::fs::File;

use glyphic_runtime::{
    clutter,
    decode::pixels,
    text::{normal, text},
};
use serde::Deserialize;

use super::{
    incoming::{FormatError, Incoming},
    kept::Keeping,
    sample::{Form, Sample},
};
use archive::Archive;
use reading::MAX_SAMPLES;
pub use reading::{Reader, Reading};

/// A file format of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// MNIST's files, in a zip.
    Idx,
    /// Folders of pictures, in a zip.
    Png,
}

impl Format {
    /// The content type and the file name of an export.
    pub fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Jsonl => ("application/x-ndjson", "samples.jsonl"),
            Self::Csv => ("text/csv; charset=utf-8", "samples.csv"),
            Self::Idx => ("application/zip", "samples-idx.zip"),
            Self::Png => ("application/zip", "samples-png.zip"),
        }
    }

    /// Most labels that a file of this format holds, if there is a limit.
    pub fn most_labels(self) -> Option<i64> {
        match self {
            Self::Idx => Some(idx::MOST_LABELS),
            Self::Jsonl | Self::Csv | Self::Png => None,
        }
    }

    /// A file of this format, to which samples are added as they come from the database, so that
    /// memory does not grow with their number. Samples without a label are only in `jsonl` and
    /// `csv`.
    ///
    /// # Errors
    /// There is no space for a temporary file: a zip is put together in one.
    pub fn begin(self) -> Result<Option<Growing>, FormatError> {
        Ok(match self {
            Self::Jsonl => None,
            Self::Csv => Some(Growing::Csv { begun: false }),
            Self::Idx => Some(Growing::Idx(idx::Growing::begin()?)),
            Self::Png => Some(Growing::Png(Box::new(archive::Growing::begin()?))),
        })
    }
}

/// A file of samples that is being written.
pub enum Growing {
    /// Comma-separated values; `begun` when the header is written.
    Csv {
        /// Whether the header is written.
        begun: bool,
    },
    /// MNIST's files.
    Idx(idx::Growing),
    /// Folders of pictures.
    Png(Box<archive::Growing>),
}

impl Growing {
    /// Adds a sample; returns the bytes that can be sent already.
    ///
    /// # Errors
    /// A temporary file cannot be written, or the format has no room for another label.
    pub fn add(&mut self, sample: &Sample) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Csv { begun } => csv::line(sample, !std::mem::replace(begun, true)),
            Self::Idx(file) => file.add(sample).map(|()| Vec::new()),
            Self::Png(file) => png::add(file, sample).map(|()| Vec::new()),
        }
    }

    /// Ends the file; returns the rest of it, if it was not returned by [`add`](Self::add).
    ///
    /// # Errors
    /// A temporary file cannot be written.
    pub fn finish(self) -> Result<Option<File>, FormatError> {
        match self {
            Self::Csv { begun: true } => Ok(None),
            // Without a sample, the header alone.
            Self::Csv { begun: false } => csv::header().map(Some),
            Self::Idx(file) => file.finish().map(Some),
            Self::Png(file) => file.finish().map(Some),
        }
    }
}

/// What was read of a file of samples.
#[derive(Debug)]
pub struct Read {
    /// The samples.
    pub samples: Vec<Incoming>,
    /// The files in a zip that are no pictures, or in no folder.
    pub left_out: Vec<String>,
}

/// Reads what is to be kept of a file of samples, whose format shows in its first bytes. How many
/// there are, and how large their pictures, is checked before any of them is decoded.
///
/// # Errors
/// It is damaged, or holds nothing, or too much; or nobody waits for it any more.
pub fn read(bytes: &[u8], reading: &Reading, keeping: Keeping) -> Result<Read, FormatError> {
    let Read { samples, left_out } = match bytes.starts_with(b"PK") {
        true => read_zip(bytes, reading)?,
        false => Read { samples: read_text(bytes, reading)?, left_out: Vec::new() },
    };
    if samples.is_empty() {
        let problem = match clutter::left_out(&left_out) {
            None => "it has no samples".to_owned(),
            Some(files) => format!("it has no samples: {}", files.trim_end_matches('.')),
        };
        return Err(FormatError::damaged(problem));
    }
    Reading::check_samples(samples.len())?;
    Ok(Read { samples: kept(samples, reading, keeping)?, left_out })
}

fn read_zip(bytes: &[u8], reading: &Reading) -> Result<Read, FormatError> {
    let mut archive = Archive::open(bytes)?;
    match idx::is_in(&archive) {
        true => Ok(Read { samples: idx::read(&mut archive, reading)?, left_out: Vec::new() }),
        false => png::read(&mut archive, reading),
    }
}

fn read_text(bytes: &[u8], reading: &Reading) -> Result<Vec<Incoming>, FormatError> {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    // A header, and a line's end at the end of the file.
    if lines > MAX_SAMPLES + 1 {
        Reading::check_samples(lines)?;
    }
    let text = text(bytes).map_err(|error| FormatError::damaged(error.to_string()))?;
    match text.trim_start().starts_with('{') {
        true => jsonl::read(text, reading),
        false => csv::read(text, reading),
    }
}

/// What is to be kept of samples. Their pictures are decoded for it, also those that come with a
/// glyph.
fn kept(
    samples: Vec<Incoming>,
    reading: &Reading,
    keeping: Keeping,
) -> Result<Vec<Incoming>, FormatError> {
    let mut counted = reading.pixels();
    for sample in samples.iter().filter(|sample| sample.form == Form::Image && !keeping.originals) {
        // What is no picture is not decoded.
        counted.add(pixels(&sample.raw).unwrap_or(0))?;
    }
    let keep = |sample: Incoming| {
        reading.go_on()?;
        let label = sample.label.as_deref().map(normal);
        let source = sample.source.as_deref().map(normal);
        Ok(keeping.of_incoming(Incoming { label, source, ..sample }))
    };
    samples.into_iter().map(keep).collect()
}
