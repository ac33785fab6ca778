//! Samples as files: JSON lines, CSV, IDX, and folders of PNGs. What is written
//! in a format is read back from it as the same pictures with the same labels;
//! JSON lines keep everything.
//!
//! | format | file | keeps |
//! |---|---|---|
//! | `jsonl` | one JSON object a line | all: raw input, source, role |
//! | `csv` | a header, then `label, source, id, created, held_back` and 784 pixels | pictures, sources |
//! | `idx` | a zip of MNIST's two files and `labels.txt` | pictures |
//! | `png` | a zip of `<label>/<id>.png` | pictures |

mod csv;
mod idx;
mod jsonl;
mod png;

use std::io::{Cursor, Read};

use axum::body::Bytes;
use glyphic_model::Glyph;
use serde::Deserialize;
use zip::ZipArchive;

use crate::{
    error::ApiError,
    store::samples::{Form, Sample},
};

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED: u64 = 256 << 20;
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

/// A sample from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// What it shows, if the file says so.
    pub label: Option<String>,
    /// Who sent it, if the file says so.
    pub source: Option<String>,
    /// Its role, if the file says so.
    pub held_back: Option<bool>,
    /// What `raw` is.
    pub form: Form,
    /// The input.
    pub raw: Vec<u8>,
    /// The picture.
    pub glyph: Glyph,
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
    pub fn write(self, samples: &[Sample]) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Jsonl => Ok(jsonl::write(samples)),
            Self::Csv => csv::write(samples),
            Self::Idx => idx::write(samples),
            Self::Png => png::write(samples),
        }
    }
}

/// Reads a file of samples, whose format shows in its first bytes.
pub fn read(bytes: &Bytes) -> Result<Vec<Incoming>, ApiError> {
    let many = |many: usize| bad(format!("there are {many} in it, over {MAX_SAMPLES}: split it"));
    // Lines, files, or what an IDX header says: before anything is parsed.
    let samples = if bytes.starts_with(b"PK") {
        let files = unpack(bytes)?;
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
        0 => Err(bad("there are none in it".to_owned())),
        1..=MAX_SAMPLES => Ok(samples),
        count => Err(many(count)),
    }
}

/// The files in a zip: path and content.
fn unpack(bytes: &Bytes) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
    let broken = |error: &dyn std::fmt::Display| bad(format!("the zip is broken: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = MAX_UNPACKED;
    let mut files = Vec::new();
    for i in 0..archive.len() {
        let file = archive.by_index(i).map_err(|error| broken(&error))?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().map_err(|error| broken(&error))?.into_owned();
        let mut content = Vec::new();
        // What the zip says of sizes may be a lie; what is read counts.
        file.take(left + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| {
            bad(format!("the zip unpacks to more than {} MiB", MAX_UNPACKED >> 20))
        })?;
        files.push((name, content));
    }
    Ok(files)
}

/// A zip of these files.
fn pack(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Vec<u8>, ApiError> {
    use std::io::Write;
    let failed = |error: &dyn std::fmt::Display| ApiError::Unavailable(error.to_string());
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in files {
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        zip.write_all(&content).map_err(|error| failed(&error))?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

fn bad(problem: String) -> ApiError {
    ApiError::BadSamples(problem)
}
