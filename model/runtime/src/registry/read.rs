//! Reading small files. What is in an artifacts folder, or comes into one with a checkpoint, decides
//! neither how much memory that takes nor for how long a thread waits.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// Most bytes of `CURRENT` and of `MARKS`: hundreds of times what they usually have.
pub(super) const MOST_NAMES: u64 = 256 << 10;
/// Most bytes of a checkpoint's file of JSON beside its manifest.
pub const MOST_JSON: u64 = 8 << 20;
/// Most bytes of a checkpoint's weights.
pub(super) const MOST_WEIGHTS: u64 = 1 << 30;

/// The content of a regular file of at most this many bytes. A pipe would block its reader for good.
///
/// # Errors
/// The file cannot be read, is not a regular one, or is longer.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    // Limited here: the file may grow meanwhile.
    if about.len() <= most {
        File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    }
    match about.len() <= most && bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(too_long(most)),
    }
}

/// Why a file of more than this many bytes is refused.
pub(super) fn too_long(most: u64) -> io::Error {
    io::Error::other(format!("it has more than {}, the limit for it", shown(most)))
}

fn shown(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_within_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let refused = |most| read_bounded(&path, most).map_err(|error| error.to_string());
        assert_eq!(read_bounded(&path, 9).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, [7; 2048]).unwrap();
        assert_eq!(refused(2048), Ok(vec![7; 2048]));
        assert_eq!(refused(1024), Err("it has more than 1 KiB, the limit for it".to_owned()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(refused(9), Err("it is a folder".to_owned()));
    }
}
