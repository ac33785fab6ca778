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

use serde::Deserialize;

use super::{
    incoming::{FormatError, Incoming},
    sample::Sample,
};

/// Most samples that one file may hold.
const MAX_SAMPLES: usize = 20_000;

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

    /// The samples as a file. Those without a label are only in `jsonl` and `csv`.
    pub fn write(self, samples: &[Sample]) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Jsonl => Ok(jsonl::write(samples)),
            Self::Csv => csv::write(samples),
            Self::Idx => idx::write(samples),
            Self::Png => png::write(samples),
        }
    }
}

/// Reads a file of samples, whose format shows in its first bytes.
pub fn read(bytes: &[u8]) -> Result<Vec<Incoming>, FormatError> {
    let many = |many: usize| {
        FormatError::damaged(format!(
            "it has {many} samples, over the limit of {MAX_SAMPLES}: split the file"
        ))
    };
    // The number of lines or files is checked before anything is parsed.
    let samples = if bytes.starts_with(b"PK") {
        let files = archive::unpack(bytes)?;
        if files.len() > MAX_SAMPLES {
            return Err(many(files.len()));
        }
        match files.iter().any(|(name, _)| name.contains("-ubyte")) {
            true => idx::read(&files)?,
            false => png::read(files)?,
        }
    } else {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        // A header, and a line's end at the end of the file.
        if lines > MAX_SAMPLES + 1 {
            return Err(many(lines));
        }
        match bytes.trim_ascii_start().starts_with(b"{") {
            true => jsonl::read(bytes)?,
            false => csv::read(bytes)?,
        }
    };
    match samples.len() {
        0 => Err(FormatError::damaged("it has no samples")),
        1..=MAX_SAMPLES => Ok(samples),
        count => Err(many(count)),
    }
}
