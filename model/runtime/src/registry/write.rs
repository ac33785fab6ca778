//! Writing that is all or nothing.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// Replaces `path` by `bytes` in one step: whoever reads it, whenever the
/// process or the machine stops, finds the old content or the new.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Of a bare name it is the empty path, which cannot be opened.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".write-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    allow_reading(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Makes a folder's entries durable. Folders cannot be synced on Windows,
/// where a rename needs no such step.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Temporary files are private to their owner; what is published is not.
fn allow_reading(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
