//! The database: its connections and its schema. It is SQLite in a file beside the checkpoints,
//! or PostgreSQL, and both get the same statements. Those about samples are in
//! [`samples`](crate::samples), those about training jobs in [`jobs`](crate::jobs).
//!
//! A statement that has returned is on disk: SQLite writes ahead and syncs at
//! every commit, PostgreSQL does so by default.

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, Transaction,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    database_files::{DatabaseFiles, Problem},
    secrets::{shown_url, without_paths, without_secrets},
};

/// Longest wait for a connection; then the database counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 8;
/// How long it is known whether the database can be written.
const KNOWN: Duration = Duration::from_secs(1);
/// Bytes with which it is tried.
const TRIED: usize = 64 << 10;
/// How often the migrations are tried.
const TRIES: u32 = 5;
/// Takes the lock that writers hold in PostgreSQL. Its number is arbitrary.
const WRITERS: &str = "SELECT pg_advisory_xact_lock(7172430)";

/// The schema's steps: number, name, statements.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "samples", include_str!("migrations/1_samples.sql")),
    (2, "jobs", include_str!("migrations/2_jobs.sql")),
    (3, "labelled_until", include_str!("migrations/3_labelled_until.sql")),
    (4, "recipe", include_str!("migrations/4_recipe.sql")),
    (5, "senders", include_str!("migrations/5_senders.sql")),
];

/// The database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    is_sqlite: bool,
    /// Of SQLite.
    files: Option<Arc<DatabaseFiles>>,
    /// Transactions that this process has ended.
    changes: Arc<AtomicU64>,
    /// Whether the last change was not made: by a failure, or because it was none.
    doubted: Arc<AtomicBool>,
    /// When it was last tried whether the database can be written, and why it cannot.
    tried: Arc<Mutex<Option<Try>>>,
    /// Held while a part of a sample's image is read.
    pub(crate) image: Arc<Mutex<()>>,
}

/// When it was tried whether the database can be written, and why it cannot.
type Try = (Instant, Option<String>);

/// Why the database did not do what it was asked to do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be opened, or its schema cannot be brought up to date.
    #[error("the database {url} cannot be used: {reason}")]
    Open {
        /// Where it should be, without what may be secret.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be reached, or a statement failed.
    #[error("the database failed: {0}")]
    Failed(#[from] sqlx::Error),
    /// Its file was deleted or replaced while it was open.
    #[error(
        "the database's file {} was deleted or replaced while the server used it, so nothing more \
         is kept: put the file back, or restart the server",
        .0.display()
    )]
    Lost(PathBuf),
    /// Its file was emptied, cut short or overwritten while it was open.
    #[error(
        "the database's file {} was emptied, cut short or overwritten while the server used it, so \
         nothing more is kept: put back what was in it, or restart the server",
        .0.display()
    )]
    Damaged(PathBuf),
    /// Nothing can be written to it.
    #[error("the database cannot be written, so nothing is kept: {0}")]
    Unwritable(String),
    /// There is no such sample.
    #[error("there is no sample '{0}'")]
    NoSuchSample(String),
    /// There is nothing to undo.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// No more samples are taken.
    #[error(
        "{who} {of}, which is the limit, and none of them gives way; the server's operator can \
         delete some, or raise {flag}"
    )]
    Quota {
        /// Who has them.
        who: String,
        /// How many are allowed, or how many bytes.
        of: String,
        /// The server's flag for it.
        flag: &'static str,
    },
    /// There is no such job.
    #[error("there is no training job '{0}'")]
    NoSuchJob(String),
    /// A job is waiting or running already.
    #[error("the training job '{0}' is still waiting or running; wait for it or cancel it")]
    JobUnderWay(String),
    /// A fine-tuned network could not be measured, so it would be refused after training.
    #[error(
        "there is nothing to measure a fine-tuned network with: of each symbol the second drawing, the \
         seventh and so on are held back from training; label at least two of one symbol, or confirm \
         those that visitors sent"
    )]
    NothingHeldBack,
}

/// What is wrong with a database that cannot be written, and how to mend it.
const READ_ONLY: &str = "it is read-only here: let this user write the file and its folder, or name \
                         another database with --database-url";

/// Beginning to write alone does not fail where writing does.
const WRITE_NOTHING: &str = "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE; \
                             CREATE TABLE glyphic_probe (probe INTEGER); ROLLBACK;";

/// Writes nothing to an SQLite database, as if something was to be written: a pool would try again and
/// again.
async fn check_writable(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(WRITE_NOTHING).await?;
    connection.close().await
}

fn is_read_only(error: &sqlx::Error) -> bool {
    // SQLite's primary result code is the last byte of the extended one.
    const SQLITE_READONLY: u32 = 8;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_READONLY)
}

impl Store {
    /// Opens the database and brings its schema up to date. Several servers may
    /// do so at once.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let refused = |error: &dyn std::fmt::Display| StoreError::Open {
            url: shown_url(url),
            reason: without_secrets(&error.to_string(), url),
        };
        let is_sqlite = url.starts_with("sqlite:");
        if is_sqlite {
            check_writable(url).await.map_err(|error| match is_read_only(&error) {
                true => refused(&READ_ONLY),
                false => refused(&error),
            })?;
        }
        let mut options =
            AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        if is_sqlite {
            // Those that are opened below stay: see `open_all`.
            options = options.idle_timeout(None).max_lifetime(None);
        }
        let pool = options
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if is_sqlite {
                        // The write-ahead log makes readers and the writer independent; a full
                        // sync at each commit makes it survive a power cut. What is deleted is
                        // overwritten. Each connection's own cache has 512 KiB: the system has the
                        // file in its cache too.
                        let settings = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                                        PRAGMA cache_size = -512; \
                                        PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;";
                        connection.execute(settings).await?;
                    }
                    Ok(())
                })
            })
            .connect(url)
            .await
            .map_err(|error| refused(&error))?;
        // Another server may be migrating too: PostgreSQL makes one wait for the other,
        // SQLite makes one of them fail, and its next try finds nothing left to do.
        let mut tries = 0;
        while let Err(error) = migrations(is_sqlite).run(&pool).await {
            tries += 1;
            if tries == TRIES {
                return Err(refused(&error));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let files = match is_sqlite {
            true => {
                let files = DatabaseFiles::of(&pool).await.map_err(|error| refused(&error))?;
                open_all(&pool).await.map_err(|error| refused(&error))?;
                Some(files.into())
            }
            false => None,
        };
        let (changes, doubted, tried, image) = Default::default();
        Ok(Self { pool, is_sqlite, files, changes, doubted, tried, image })
    }

    /// The URL of an SQLite file, which is made if it is missing.
    pub fn file_url(path: &Path) -> String {
        // Some characters of a path must be escaped in a URL.
        let path: String = path
            .to_string_lossy()
            .chars()
            .map(|c| match c {
                '%' | '?' | '#' | ' ' => format!("%{:02X}", c as u32),
                c => c.to_string(),
            })
            .collect();
        format!("sqlite://{path}?mode=rwc")
    }

    /// Fails if the database does not answer.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The setting that would let a power cut lose acknowledged samples, if there is one: a
    /// PostgreSQL may be configured so.
    pub async fn weakness(&self) -> Result<Option<String>, StoreError> {
        let settings: &[(&'static str, &[&str])] = if self.is_sqlite {
            &[("PRAGMA journal_mode", &["wal"]), ("PRAGMA synchronous", &["2", "3"])]
        } else {
            &[
                ("SHOW fsync", &["on"]),
                ("SHOW synchronous_commit", &["on", "local", "remote_write", "remote_apply"]),
            ]
        };
        for &(question, safe) in settings {
            let row = sqlx::query(question).fetch_one(&self.pool).await?;
            let answer = match row.try_get::<i64, _>(0) {
                Ok(number) => number.to_string(),
                Err(_) => row.try_get::<String, _>(0)?,
            };
            if !safe.contains(&answer.as_str()) {
                return Ok(Some(format!("{question} says {answer}")));
            }
        }
        Ok(None)
    }

    /// The kind of database, for a person.
    pub fn kind(&self) -> &'static str {
        if self.is_sqlite { "SQLite" } else { "PostgreSQL" }
    }

    /// Closes its connections. Those to a damaged file stay open until the process ends: with the last
    /// one, SQLite would move what is left of the log into the database.
    pub async fn close(&self) {
        if let Err(StoreError::Damaged(_)) = self.check_files() {
            std::mem::forget(self.clone());
            return;
        }
        self.pool.close().await;
        if let Some(files) = &self.files {
            files.close().await;
        }
    }

    /// Whether what is written will be found again.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if the database's file was deleted or replaced, and
    /// [`StoreError::Damaged`] if it is not whole.
    pub fn check_files(&self) -> Result<(), StoreError> {
        match self.files.as_ref().and_then(|files| files.problem()) {
            Some((path, Problem::Lost)) => Err(StoreError::Lost(path.to_owned())),
            Some((path, Problem::Damaged)) => Err(StoreError::Damaged(path.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether something could be kept now. If the last change was not made, it is tried with a change
    /// of nothing, once a second at most.
    ///
    /// # Errors
    /// Those of [`check_files`](Self::check_files), and [`StoreError::Unwritable`].
    pub async fn check_writes(&self) -> Result<(), StoreError> {
        self.check_files()?;
        if !self.doubted.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut tried = self.tried.lock().await;
        let known = tried.as_ref().filter(|(at, _)| at.elapsed() < KNOWN);
        let problem = match known {
            Some((_, problem)) => problem.clone(),
            None => self.change_nothing().await.err().map(|error| error.to_string()),
        };
        *tried = Some((Instant::now(), problem.clone()));
        problem.map_or(Ok(()), |problem| Err(StoreError::Unwritable(without_paths(&problem, &[]))))
    }

    /// A change that takes as much room on the disk as a long sample, and after which all is as before.
    /// SQLite writes what was removed too, because that is overwritten.
    async fn change_nothing(&self) -> Result<(), StoreError> {
        let mut writing = self.begin().await?;
        let insert = "INSERT INTO edits (batch, sample, what, label, confirmed) \
                      VALUES ('', '', 'nothing', $1, 0)";
        sqlx::query(insert).bind("x".repeat(TRIED)).execute(&mut **writing).await?;
        sqlx::query("DELETE FROM edits WHERE batch = ''").execute(&mut **writing).await?;
        self.commit(writing).await
    }

    /// Now by the database's clock, in milliseconds since 1970: the same for all its servers. The
    /// clock of an SQLite database is this machine's.
    pub(crate) async fn clock(&self) -> Result<i64, StoreError> {
        if self.is_sqlite {
            return Ok(now());
        }
        let clock = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        Ok(sqlx::query(clock).fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// Empties SQLite's write-ahead log, in which a copy of what was just removed may be left. While
    /// somebody else reads or writes, it stays, until it is emptied after the next removal.
    pub(crate) async fn overwrite_log(&self) {
        if self.is_sqlite {
            let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&self.pool);
            if let Err(error) = emptied.await {
                tracing::debug!(%error, "the write-ahead log could not be emptied");
            }
        }
    }

    /// A transaction that may write. There is one at a time in a database, so that decisions
    /// that depend on its content (duplicates, held-back samples, quotas) stay valid.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        let doubt = Doubt(Some(Arc::clone(&self.doubted)));
        self.check_files()?;
        if self.is_sqlite {
            let transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            return Ok(Writing { transaction, doubt });
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query(WRITERS).execute(&mut *transaction).await?;
        Ok(Writing { transaction, doubt })
    }

    /// Ends a transaction that may have written. When this returns, it is on disk, in a file that
    /// will be found again.
    pub(crate) async fn commit(&self, writing: Writing) -> Result<(), StoreError> {
        let Writing { transaction, doubt } = writing;
        let ended = transaction.commit().await;
        // Even one that seems to have failed may have changed something.
        self.changes.fetch_add(1, Ordering::AcqRel);
        ended?;
        self.check_files()?;
        doubt.dispel();
        Ok(())
    }

    /// A number that grows with every change that this process makes.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

/// A transaction that may write. If it is not committed, it is doubted whether the database can be
/// written.
pub(crate) struct Writing {
    transaction: Transaction<'static, Any>,
    doubt: Doubt,
}

impl Deref for Writing {
    type Target = Transaction<'static, Any>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.transaction
    }
}

/// Set when it is dropped, unless it is dispelled.
struct Doubt(Option<Arc<AtomicBool>>);

impl Doubt {
    fn dispel(mut self) {
        if let Some(doubted) = self.0.take() {
            doubted.store(false, Ordering::Release);
        }
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if let Some(doubted) = &self.0 {
            doubted.store(true, Ordering::Release);
        }
    }
}

/// Opens all connections to an SQLite database. One that was opened later, while somebody has moved
/// the file away, would make an empty file in its place, and SQLite then deletes the write-ahead log
/// of the other: what was acknowledged and is still in it would be lost when the file is back.
async fn open_all(pool: &AnyPool) -> Result<(), sqlx::Error> {
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(pool.acquire().await?);
    }
    Ok(())
}

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A unique name. Names are in the order of time.
pub(crate) fn new_id() -> String {
    id_at(now())
}

/// A unique name that comes after `last`, even if the clock of the server that gave that one is
/// ahead; `last` may be empty.
pub(crate) fn id_after(last: &str) -> String {
    let before = last.get(..TIME).and_then(|time| i64::from_str_radix(time, 16).ok());
    id_at(before.map_or(0, |time| time + 1).max(now()))
}

/// Hexadecimal digits of a name that are its time.
const TIME: usize = 11;

fn id_at(time: i64) -> String {
    format!("{time:0TIME$x}{:08x}", fastrand::u32(..))
}

fn migrations(is_sqlite: bool) -> Migrator {
    let steps = MIGRATIONS.iter().map(|&(number, name, sql)| {
        let sql = if is_sqlite { sql.to_owned() } else { sql.replace(" BLOB ", " BYTEA ") };
        let sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql));
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(steps.collect());
    // Migrations only add: an older program can work with a newer schema.
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_after_the_last_one_whatever_the_clock_says() {
        let a_day_ahead = id_at(now() + 86_400_000);
        let mut last = a_day_ahead.clone();
        for _ in 0..100 {
            let next = id_after(&last);
            assert!(next > last && next.len() == a_day_ahead.len(), "{next} after {last}");
            last = next;
        }
        let a_day_behind = id_at(now() - 86_400_000);
        assert!(id_after(&a_day_behind) < a_day_ahead);
        assert!(id_after("") > a_day_behind);
    }
}
