//! Zip files, within limits.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek},
};

use glyphic_runtime::{clutter::is_clutter, idx::unpacked};
use zip::{ZipArchive, ZipWriter, read::ZipFile, write::SimpleFileOptions};

use super::reading::Reading;
use crate::samples::incoming::FormatError;

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED: u64 = 256 << 20;
/// Most bytes that one of its files may unpack to: IDX files of as many pictures as may be in one
/// are a little shorter, and no picture that is kept is half as long.
const MAX_FILE: u64 = 16 << 20;

/// A zip that is read file by file. What systems put into zips, and hidden files, are not among them.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The paths of its files, with their places in the zip.
    pub(super) files: Vec<(usize, String)>,
    /// Bytes that gzipped files in it may still unpack to.
    room: u64,
}

impl<'a> Archive<'a> {
    /// A zip, whose files are not unpacked yet.
    ///
    /// # Errors
    /// It is broken, or holds too many files or too much in them.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
        let mut archive = Self { zip, files: Vec::new(), room: MAX_UNPACKED };
        let mut unpacked = 0_u64;
        for place in 0..archive.zip.len() {
            let file = archive.zip.by_index_raw(place).map_err(|error| broken(&error))?;
            unpacked = unpacked.saturating_add(file.size());
            let name = name(&file)?;
            if file.is_file() && !is_clutter(&name) {
                archive.files.push((place, name));
            }
        }
        Reading::check_samples(archive.files.len())?;
        match unpacked > MAX_UNPACKED {
            true => Err(FormatError::damaged(format!(
                "the zip unpacks to more than {} MiB",
                MAX_UNPACKED >> 20
            ))),
            false => Ok(archive),
        }
    }

    /// Unpacks a file.
    ///
    /// # Errors
    /// It is broken or too long.
    pub(super) fn read(&mut self, place: usize) -> Result<Vec<u8>, FormatError> {
        let file = self.zip.by_index(place).map_err(|error| broken(&error))?;
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

    /// Unpacks a file, and once more if it is gzipped. `name` is its own, for errors.
    ///
    /// # Errors
    /// It is broken or too long.
    pub(super) fn read_whole(&mut self, place: usize, name: &str) -> Result<Vec<u8>, FormatError> {
        let content = self.read(place)?;
        let whole = unpacked(&content, MAX_FILE.min(self.room))
            .map_err(|error| FormatError::damaged(format!("{name}: {error}")))?;
        self.room = self.room.saturating_sub(whole.len() as u64);
        Ok(whole.into_owned())
    }
}

fn name(file: &ZipFile<'_, Cursor<&[u8]>>) -> Result<String, FormatError> {
    Ok(file.name().map_err(|error| broken(&error))?.into_owned())
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
