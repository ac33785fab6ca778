//! Zip files, within limits.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek},
};

use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::reading::Reading;
use crate::samples::incoming::FormatError;

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED: u64 = 256 << 20;
/// Most bytes that one of its files may unpack to: IDX files of as many pictures as may be in one
/// are a little shorter, and no picture that is kept is half as long.
const MAX_FILE: u64 = 16 << 20;

/// A zip that is read file by file.
pub(super) struct Archive<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl<'a> Archive<'a> {
    /// A zip, whose files are not unpacked yet.
    ///
    /// # Errors
    /// It is broken, or holds too many files or too much in them.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut archive =
            Self(ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?);
        let mut files = 0;
        let mut unpacked = 0_u64;
        for i in 0..archive.0.len() {
            let file = archive.0.by_index_raw(i).map_err(|error| broken(&error))?;
            files += usize::from(file.is_file());
            unpacked = unpacked.saturating_add(file.size());
        }
        Reading::check_samples(files)?;
        if unpacked > MAX_UNPACKED {
            return Err(FormatError::damaged(format!(
                "the zip unpacks to more than {} MiB",
                MAX_UNPACKED >> 20
            )));
        }
        Ok(archive)
    }

    /// Whether the name of one of its files contains this.
    pub(super) fn has(&self, part: &str) -> bool {
        self.0.file_names().flatten().any(|name| name.contains(part))
    }

    /// The paths of its files, with their places for [`read`](Self::read).
    pub(super) fn files(&mut self) -> Result<Vec<(usize, String)>, FormatError> {
        let mut files = Vec::new();
        for i in 0..self.0.len() {
            let file = self.0.by_index_raw(i).map_err(|error| broken(&error))?;
            if file.is_file() {
                files.push((i, file.name().map_err(|error| broken(&error))?.into_owned()));
            }
        }
        Ok(files)
    }

    /// Unpacks a file.
    ///
    /// # Errors
    /// It is broken or too long.
    pub(super) fn read(&mut self, place: usize) -> Result<Vec<u8>, FormatError> {
        let file = self.0.by_index(place).map_err(|error| broken(&error))?;
        let mut content = Vec::new();
        // The sizes in a zip may be wrong on purpose, so the bytes that are read are counted.
        file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
        match content.len() as u64 > MAX_FILE {
            true => Err(FormatError::damaged(format!(
                "a file in the zip unpacks to more than {} MiB",
                MAX_FILE >> 20
            ))),
            false => Ok(content),
        }
    }
}

fn broken(error: &dyn std::fmt::Display) -> FormatError {
    FormatError::damaged(format!("the zip is broken: {error}"))
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
