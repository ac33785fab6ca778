//! Whether the files of an SQLite database are still those that were opened. On Unix, a file can be
//! deleted or replaced while it is open: what is written to it after that is gone with the process.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{AnyConnection, AnyPool, Connection, Row};
use tokio::sync::Mutex;

/// The files of an open database.
#[derive(Debug)]
pub struct DatabaseFiles {
    files: Vec<(PathBuf, Identity)>,
    /// Open as long as the database, so that SQLite does not remove its log between two other
    /// connections and make another one.
    keeper: Mutex<Option<AnyConnection>>,
}

/// What distinguishes a file from others that had the same path.
#[cfg(unix)]
type Identity = (u64, u64);
/// An open file cannot be deleted there.
#[cfg(not(unix))]
type Identity = ();

impl DatabaseFiles {
    /// Those of an SQLite database that was opened a moment ago: none if it is in memory.
    ///
    /// # Errors
    /// The database does not answer, or its file is gone already.
    pub async fn of(pool: &AnyPool) -> Result<Self, sqlx::Error> {
        let mut keeper = pool.acquire().await?.detach();
        // Also opens the log.
        let name = "SELECT CAST(COALESCE(file, '') AS TEXT) FROM pragma_database_list \
                    WHERE name = 'main'";
        let name: String = sqlx::query(name).fetch_one(&mut keeper).await?.try_get(0)?;
        sqlx::query("SELECT COUNT(*) FROM sqlite_schema").fetch_one(&mut keeper).await?;
        let mut files = Vec::new();
        if !name.is_empty() {
            let log = PathBuf::from(format!("{name}-wal"));
            files.push((PathBuf::from(&name), identity(Path::new(&name))?));
            if let Ok(identity) = identity(&log) {
                files.push((log, identity));
            }
        }
        Ok(Self { files, keeper: Mutex::new(Some(keeper)) })
    }

    /// The path of a file that is not there any more, or is another one. It takes some microseconds.
    pub fn lost(&self) -> Option<&Path> {
        let is_lost = |(path, before): &&(PathBuf, Identity)| {
            identity(path).map_or(true, |now| now != *before)
        };
        self.files.iter().find(is_lost).map(|(path, _)| path.as_path())
    }

    /// Closes its connection.
    pub async fn close(&self) {
        if let Some(keeper) = self.keeper.lock().await.take() {
            let _ = keeper.close().await;
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(drop)
}
