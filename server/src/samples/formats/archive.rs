//! Zip files, within limits.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek},
};

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

/// A zip that is being written to a temporary file.
pub struct Growing(ZipWriter<File>);

impl Growing {
    /// An empty one.
    pub(super) fn begin() -> Result<Self, FormatError> {
        Ok(Self(ZipWriter::new(temporary()?)))
    }

    /// Adds a file with this content.
    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        content: &mut impl Read,
    ) -> Result<(), FormatError> {
        let begun = self.0.start_file(name.into(), SimpleFileOptions::default());
        begun.map_err(|error| FormatError::write(&error))?;
        io::copy(content, &mut self.0).map(drop).map_err(|error| FormatError::write(&error))
    }

    /// The whole zip, to be read from its beginning.
    pub(super) fn finish(self) -> Result<File, FormatError> {
        let mut file = self.0.finish().map_err(|error| FormatError::write(&error))?;
        file.rewind().map_err(|error| FormatError::write(&error))?;
        Ok(file)
    }
}

/// A file without a name, which is gone when it is closed.
pub(super) fn temporary() -> Result<File, FormatError> {
    tempfile::tempfile().map_err(|error| FormatError::write(&error))
}
