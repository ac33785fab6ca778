//! A registry that several servers share: checkpoints, `CURRENT` and `MARKS` in an object
//! store (S3, Google Cloud Storage, Azure), and a copy of them in a folder, from which this
//! server works. When the store does not answer, the server continues with its copy.
//!
//! ```text
//! <url>/checkpoints/<id>/…     manifest.json is written last: without it there is no checkpoint
//! <url>/CURRENT, <url>/MARKS   are written only over the version that was read (conditionally)
//! ```
//!
//! A change is made in the copy, which checks it, and then written to the store if no other server
//! changed that meanwhile. If one did, the change is made again on the new state.

mod connect;
mod copied;
mod error;
mod listing;
mod names;
mod state;
mod transfer;

use std::{
    fmt,
    fs::File,
    mem::discriminant,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use connect::{Connected, connect};
pub use error::BucketError;
use glyphic_runtime::registry::{Registry, RegistryError};
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
    UpdateVersion, list::PaginatedListStore, path::Path,
};
use state::{Listed, NAMES, Taken};
use tokio::sync::Mutex;

/// Time between two looks at `CURRENT` and `MARKS`.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two lists of all checkpoints while `CURRENT` and `MARKS` stay the same.
const LIST_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for a small object.
const ANSWER: Duration = Duration::from_secs(10);
/// Most tries of a change, and the longest time for them, while other servers change the registry.
const TRIES: u64 = 12;
const TRYING: Duration = Duration::from_secs(15);
/// Name of the object that tests whether the store supports conditional writes.
const PROBE: &str = ".probe";

/// The shared registry; cheap to clone.
#[derive(Clone)]
pub struct Bucket(Arc<BucketParts>);

struct BucketParts {
    url: String,
    store: Box<dyn ObjectStore>,
    /// The pages of the store's lists.
    pages: Box<dyn PaginatedListStore>,
    prefix: Path,
    registry: Registry,
    /// The versions of the store's `CURRENT` and `MARKS` that the copy has. Locked while either
    /// changes.
    taken: Mutex<Taken>,
    listed: StdMutex<Listed>,
    /// Held as long as this server runs: each copy belongs to one server.
    _lock: Option<File>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Bucket").field(&self.0.url).finish()
    }
}

impl Bucket {
    /// The registry at `url` and its copy in `registry`, whose folder is made. Credentials
    /// come from the environment, under the names that the store's own tools use. Nothing is
    /// requested yet.
    pub fn open(url: &str, registry: Registry) -> Result<Self, BucketError> {
        let lock = copied::claim(url, &registry)?;
        Self::new(url, registry, Some(lock))
    }

    /// The registry at `url` without a copy, for [`send`](Self::send)ing checkpoints of a local
    /// registry.
    pub fn open_without_copy(url: &str, registry: Registry) -> Result<Self, BucketError> {
        Self::new(url, registry, None)
    }

    fn new(url: &str, registry: Registry, _lock: Option<File>) -> Result<Self, BucketError> {
        let (Connected { objects: store, pages }, prefix) = connect(url)?;
        let url = url.trim_end_matches('/').to_owned();
        let (taken, listed) = Default::default();
        let parts = BucketParts { url, store, pages, prefix, registry, taken, listed, _lock };
        Ok(Self(Arc::new(parts)))
    }

    /// The copy.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Fetches everything, before the server starts.
    pub async fn fetch(&self) -> Result<(), BucketError> {
        self.take_over().await?;
        self.fetch_checkpoints(None).await?;
        match self.0.registry.current() {
            Err(RegistryError::NothingPromoted(_)) => {
                Err(BucketError::NothingPromoted(self.0.url.clone()))
            }
            current => Ok(current.map(drop)?),
        }
    }

    /// Whether the store supports conditional writes. Without them, one of two changes at the same
    /// moment may be lost.
    pub async fn keeps_conditions(&self) -> Result<bool, BucketError> {
        let path = self.path(PROBE);
        let nobodys = UpdateVersion { e_tag: Some("\"of nothing\"".to_owned()), version: None };
        let mode = PutMode::Update(nobodys);
        if self.0.store.put_opts(&path, PutPayload::new(), mode.into()).await.is_err() {
            return Ok(true);
        }
        self.0.store.delete(&path).await.map_err(self.failed("remove", PROBE))?;
        Ok(false)
    }

    /// Keeps the copy in step with the store; never returns. `used` are checkpoints that stay in
    /// the copy even if the store has them no longer. A failure is reported when it begins and
    /// when it ends.
    pub async fn follow(self, used: impl Fn() -> Vec<String>) {
        let mut away = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match (self.look(&used).await, away.take()) {
                (Ok(()), None) => {}
                (Ok(()), Some(_)) => tracing::info!("{} can be read again", self.0.url),
                (Err(error), before) => {
                    // Compared by kind, because messages contain waiting times.
                    let kind = discriminant(&error);
                    if before != Some(kind) {
                        tracing::error!("{error}; the copy is still used");
                    }
                    away = Some(kind);
                }
            }
        }
    }

    /// Copies what has changed in the store.
    async fn look(&self, used: &impl Fn() -> Vec<String>) -> Result<(), BucketError> {
        if self.changed().await? {
            self.take_over().await?;
            self.listed().at = None;
        }
        let listed = self.listed().at;
        if listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY) {
            self.fetch_checkpoints(Some(&used())).await?;
        }
        Ok(())
    }

    /// Copies `CURRENT` and `MARKS` from the store, after the checkpoints that they name. Other
    /// checkpoints come later: a promotion must not wait for them.
    async fn take_over(&self) -> Result<(), BucketError> {
        let there = self.read_names().await?;
        for id in there.names.needed() {
            self.fetch_missing(&id).await?;
        }
        let mut taken = self.0.taken.lock().await;
        // Read again: this server may have made a change meanwhile.
        let there = self.read_names().await?;
        self.take(&mut taken, there).await
    }

    /// Changes promotions, aliases or pins, here and in the store. The change may be made
    /// several times, each time on the state that other servers have left.
    ///
    /// # Errors
    ///
    /// Those of the change; that the store does not answer; that other servers made a change
    /// during every try; or that the outcome is unknown, because the store stopped answering
    /// during the write.
    pub async fn record<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, RegistryError> + Send + Sync + 'static,
    ) -> Result<T, BucketError> {
        let mut taken = self.0.taken.lock().await;
        let change = Arc::new(change);
        let begun = Instant::now();
        for attempt in 1..=TRIES {
            let there = self.read_names().await?;
            self.take(&mut taken, there).await?;
            let (registry, change) = (self.0.registry.clone(), Arc::clone(&change));
            let changed = blocking(move || {
                let done = change(&registry)?;
                Ok((done, registry.names()?))
            });
            let written = match changed.await {
                Ok((done, after)) => self.write_names(after, &mut taken).await.map(|()| done),
                Err(error) => Err(error),
            };
            let Err(error) = written else { return written };
            // The store has not taken the change, so it is undone in the copy.
            self.restore(&mut taken).await;
            if !matches!(error, BucketError::Contended) || begun.elapsed() > TRYING {
                return Err(error);
            }
            // A random pause, so that two servers do not collide again and again.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=40 * attempt))).await;
        }
        Err(BucketError::Contended)
    }

    /// Whether no checkpoint was ever promoted there.
    pub async fn is_empty(&self) -> Result<bool, BucketError> {
        Ok(self.read_names().await?.names.current.is_none())
    }

    /// Promotes a checkpoint that is in the store, if none is promoted there. Returns whether it
    /// was promoted.
    pub async fn promote_first(&self, id: &str) -> Result<bool, BucketError> {
        // Not every store supports writing an object only if it does not exist.
        if !self.is_empty().await? {
            return Ok(false);
        }
        let [current, _] = NAMES;
        let text = PutPayload::from(format!("{id}\n").into_bytes());
        match self.0.store.put_opts(&self.path(current), text, PutMode::Create.into()).await {
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            put => put.map(|_| true).map_err(self.failed("write", current)),
        }
    }

    /// A small object, if there is one.
    async fn get(
        &self,
        name: &str,
        most: u64,
    ) -> Result<Option<(Vec<u8>, ObjectMeta)>, BucketError> {
        let path = self.path(name);
        let got = async {
            let found = match self.0.store.get(&path).await {
                Err(StoreError::NotFound { .. }) => return Ok(None),
                found => found.map_err(self.failed("read", name))?,
            };
            let meta = found.meta.clone();
            self.check_size(name, meta.size, most)?;
            let bytes = found.bytes().await.map_err(self.failed("read", name))?;
            Ok(Some((bytes.to_vec(), meta)))
        };
        let silent = |_| BucketError::Silent(format!("{}/{name}", self.0.url), ANSWER.as_secs());
        tokio::time::timeout(ANSWER, got).await.map_err(silent)?
    }

    fn check_size(&self, name: &str, bytes: u64, limit: u64) -> Result<(), BucketError> {
        self.check_count(name, bytes, limit, "bytes")
    }

    fn check_count(
        &self,
        name: &str,
        count: u64,
        limit: u64,
        what: &'static str,
    ) -> Result<(), BucketError> {
        let url = || format!("{}/{name}", self.0.url);
        match count <= limit {
            true => Ok(()),
            false => Err(BucketError::TooLarge { url: url(), count, what, limit }),
        }
    }

    /// The path of an object in the store; its name may have slashes.
    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.0.prefix.clone(), |path, part| path.join(part))
    }

    fn failed<'a>(
        &'a self,
        action: &'static str,
        what: &'a str,
    ) -> impl Fn(StoreError) -> BucketError + 'a {
        move |source| BucketError::Failed { action, url: format!("{}/{what}", self.0.url), source }
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.0.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BucketError> + Send + 'static,
) -> Result<T, BucketError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BucketError::Ended(error.to_string()))?
}
