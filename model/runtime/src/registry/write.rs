//! Atomic writing.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// Replaces the content of `path` by `bytes` in one step. Readers see either the old content or the
/// new, even if the process or the machine stops at any moment.
///
/// # Errors
/// The file cannot be written, synced or renamed. The old content is then unchanged, unless only
/// syncing the folder failed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The parent of a bare file name is the empty path, which cannot be opened.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".write-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    allow_reading(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Makes a folder's entries durable. On Windows folders cannot be synced and need not be after a
/// rename.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Makes a file readable for others: temporary files are private to their owner.
fn allow_reading(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
