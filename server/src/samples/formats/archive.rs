//! Zip files, within limits.

use std::io::{Cursor, Read, Write};

use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::samples::incoming::FormatError;

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED: u64 = 256 << 20;

/// The files in a zip: path and content.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, FormatError> {
    let broken =
        |error: &dyn std::fmt::Display| FormatError::damaged(format!("the zip is broken: {error}"));
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
        // The sizes in a zip may be wrong on purpose, so the bytes that are read are counted.
        file.take(left + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| {
            FormatError::damaged(format!("the zip unpacks to more than {} MiB", MAX_UNPACKED >> 20))
        })?;
        files.push((name, content));
    }
    Ok(files)
}

/// A zip of these files.
pub(super) fn pack(
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Result<Vec<u8>, FormatError> {
    let failed = |error: &dyn std::fmt::Display| FormatError::write(error);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in files {
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        zip.write_all(&content).map_err(|error| failed(&error))?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}
