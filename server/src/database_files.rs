//! Whether the files of an SQLite database are still those that were opened, and whole. On Unix, a
//! file can be deleted, replaced or emptied while it is open: what is written to it after that is gone
//! with the process, or cannot be found again.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::{AnyConnection, AnyPool, Connection, Row};
use tokio::sync::Mutex;

/// What the database's file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What its log begins with, but for the last bit, which is the order of bytes in its checksums.
const LOG_MAGIC: [u8; 4] = [0x37, 0x7f, 0x06, 0x82];

/// The files of an open database.
#[derive(Debug)]
pub struct DatabaseFiles {
    files: Vec<OpenFile>,
    /// Open as long as the database, so that SQLite does not remove its log between two other
    /// connections and make another one.
    keeper: Mutex<Option<AnyConnection>>,
}

/// A file of the database.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: Identity,
    /// Stays open as long as the database: where a process closes a file, it loses all locks that it
    /// has on it, SQLite's too.
    file: File,
    is_log: bool,
    /// Its length when it was whole.
    length: AtomicU64,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It was deleted, or another one is in its place.
    Lost,
    /// It was emptied, cut short or overwritten.
    Damaged,
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
            files.push(OpenFile::open(PathBuf::from(&name), false)?);
            if let Ok(log) = OpenFile::open(log, true) {
                files.push(log);
            }
            // What was left of a log that was cut short before: SQLite passes over it, and writes a new
            // one only with the first change.
            if files.iter().any(|file| file.is_log && !file.is_whole()) {
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut keeper).await?;
            }
        }
        Ok(Self { files, keeper: Mutex::new(Some(keeper)) })
    }

    /// The path of a file that is not there any more, is another one or is not whole. It takes some
    /// microseconds.
    pub fn problem(&self) -> Option<(&Path, Problem)> {
        self.files.iter().find_map(|file| Some((file.path.as_path(), file.problem()?)))
    }

    /// Closes its connection.
    pub async fn close(&self) {
        if let Some(keeper) = self.keeper.lock().await.take() {
            let _ = keeper.close().await;
        }
    }
}

impl OpenFile {
    fn open(path: PathBuf, is_log: bool) -> io::Result<Self> {
        let (identity, file) = (identity(&path)?, File::open(&path)?);
        Ok(Self { path, identity, file, is_log, length: AtomicU64::default() })
    }

    fn problem(&self) -> Option<Problem> {
        if identity(&self.path).map_or(true, |now| now != self.identity) {
            return Some(Problem::Lost);
        }
        match self.is_whole() {
            true => None,
            false => Some(Problem::Damaged),
        }
    }

    #[cfg(unix)]
    fn is_whole(&self) -> bool {
        use std::os::unix::fs::FileExt;
        let Ok(length) = self.file.metadata().map(|about| about.len()) else { return false };
        let mut head = [0; 32];
        let read = self.file.read_exact_at(&mut head, 0).is_ok();
        if self.is_log {
            // SQLite empties it itself. What it writes into one that somebody else has emptied comes
            // after a gap.
            let [a, b, c, d, ..] = head;
            return length == 0 || (read && [a, b, c, d & 0xfe] == LOG_MAGIC);
        }
        // While SQLite moves pages from the log, the number of pages is ahead of the length; but the
        // file does not become shorter then.
        let before = self.length.load(Ordering::Relaxed);
        if !read || !head.starts_with(MAGIC) || (length < before && length < stated(&head)) {
            return false;
        }
        self.length.store(length, Ordering::Relaxed);
        true
    }

    /// An open file cannot be changed by others there.
    #[cfg(not(unix))]
    fn is_whole(&self) -> bool {
        let (_, _, _) = (&self.file, self.is_log, &self.length);
        true
    }
}

/// The length that the head of a database's file states: pages of a size.
#[cfg(unix)]
fn stated(head: &[u8; 32]) -> u64 {
    let size = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 1 << 16,
        size => u64::from(size),
    };
    size * u64::from(u32::from_be_bytes([head[28], head[29], head[30], head[31]]))
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
