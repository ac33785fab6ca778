//! A registry that several servers share: checkpoints, `CURRENT` and `MARKS` in an object
//! store (S3, Google Cloud Storage, Azure), and a copy of them in a folder, from which this
//! server works. When the store is away, it goes on with its copy.
//!
//! ```text
//! <url>/checkpoints/<id>/…   manifest.json is written last: without it there is none
//! <url>/CURRENT, <url>/MARKS are only changed by who has read what is there
//! ```
//!
//! A change is made in the copy, where all rules about it are, and then written to the store
//! if nobody else changed it meanwhile; if somebody did, it is made anew on what they left.

mod connect;
mod error;
mod transfer;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::PathBuf,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

pub use error::BucketError;
use glyphic_model::checkpoint::{CheckpointError, Names, Registry, write_atomically};
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
    UpdateVersion, path::Path,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// Time between two looks at what is promoted.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two lists of all checkpoints, where nothing was promoted or labelled.
const LIST_EVERY: Duration = Duration::from_secs(5);
/// How often a change is made anew because others were faster.
const TRIES: usize = 8;
/// Written to see what the store refuses.
const PROBE: &str = ".probe";
/// In the copy's folder: of which store it is a copy ([`Copied`]).
const COPIED: &str = ".bucket.json";

/// The shared registry; cheap to clone.
#[derive(Clone)]
pub struct Bucket(Arc<Parts>);

struct Parts {
    url: String,
    store: Box<dyn ObjectStore>,
    prefix: Path,
    registry: Registry,
    /// The versions of `CURRENT` and `MARKS` that the copy has. Held while either changes.
    taken: Mutex<Versions>,
    listed: StdMutex<Listed>,
}

/// Of `CURRENT` and of `MARKS`; `None` for one that is not there.
type Versions = [Option<UpdateVersion>; 2];

/// What the last list of checkpoints said.
#[derive(Default)]
struct Listed {
    at: Option<Instant>,
    /// Those that cannot be fetched, and why.
    refused: BTreeMap<String, String>,
}

/// What a folder is a copy of.
#[derive(Default, Serialize, Deserialize)]
struct Copied {
    url: String,
    /// The checkpoints that were in the store: what is missing there now was removed.
    ids: BTreeSet<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Bucket").field(&self.0.url).finish()
    }
}

impl Bucket {
    /// The registry at `url` and its copy in `registry`, whose folder is made. Credentials
    /// come from the environment, under the names that the store's own tools use. Nobody is
    /// asked yet.
    pub fn open(url: &str, registry: Registry) -> Result<Self, BucketError> {
        let root = registry.root();
        fs::create_dir_all(root)
            .map_err(|source| io_error("make the folder", root.to_owned(), source))?;
        let bucket = Self::open_without_copy(url, registry)?;
        let copied = bucket.copied()?;
        if copied.url == bucket.0.url {
            return Ok(bucket);
        }
        let root = bucket.0.registry.root().to_owned();
        if !copied.url.is_empty() || bucket.0.registry.names()? != Names::default() {
            return Err(BucketError::OtherCopy { folder: root, of: copied.url });
        }
        bucket.set_copied(&Copied { url: bucket.0.url.clone(), ids: BTreeSet::new() })?;
        Ok(bucket)
    }

    /// The registry at `url`, for [`send`](Self::send)ing checkpoints of a registry of one's
    /// own.
    pub fn open_without_copy(url: &str, registry: Registry) -> Result<Self, BucketError> {
        let (store, prefix) = connect::connect(url)?;
        let url = url.trim_end_matches('/').to_owned();
        let (taken, listed) = Default::default();
        Ok(Self(Arc::new(Parts { url, store, prefix, registry, taken, listed })))
    }

    /// The copy.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Fetches all of it, before a server starts.
    pub async fn fetch(&self) -> Result<(), BucketError> {
        self.fetch_checkpoints(&[]).await?;
        self.take_names(&mut *self.0.taken.lock().await).await?;
        match self.0.registry.current() {
            Err(CheckpointError::NothingPromoted(_)) => {
                Err(BucketError::NothingPromoted(self.0.url.clone()))
            }
            current => Ok(current.map(drop)?),
        }
    }

    /// Whether the store refuses a write whose condition is not met. In one that does not, of
    /// two changes at the same moment one may be lost.
    pub async fn keeps_conditions(&self) -> Result<bool, BucketError> {
        let path = self.path(PROBE);
        let nobodys = UpdateVersion { e_tag: Some("\"of nothing\"".to_owned()), version: None };
        let probe =
            self.0.store.put_opts(&path, PutPayload::new(), PutMode::Update(nobodys).into());
        if probe.await.is_err() {
            return Ok(true);
        }
        self.0.store.delete(&path).await.map_err(self.failed("remove", PROBE))?;
        Ok(false)
    }

    /// Keeps the copy like the store; never returns. `used` are checkpoints that stay in the
    /// copy even if the store has them no longer. What goes wrong is reported when it begins
    /// and when it ends.
    pub async fn follow(self, used: impl Fn() -> Vec<String>) {
        let mut away: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match (self.look(&used).await, away.take()) {
                (Ok(()), None) => {}
                (Ok(()), Some(_)) => tracing::info!("{} answers again", self.0.url),
                (Err(error), before) => {
                    let message = error.to_string();
                    if before.is_none_or(|before| before != message) {
                        tracing::error!("{message}; its copy goes on");
                    }
                    away = Some(message);
                }
            }
        }
    }

    /// Takes over what has changed in the store.
    async fn look(&self, used: &impl Fn() -> Vec<String>) -> Result<(), BucketError> {
        let changed = self.changed().await?;
        let listed = self.listed().at;
        if changed || listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY) {
            self.fetch_checkpoints(&used()).await?;
        }
        if changed {
            self.take_names(&mut *self.0.taken.lock().await).await?;
        }
        Ok(())
    }

    /// Whether `CURRENT` or `MARKS` is another than the copy's.
    async fn changed(&self) -> Result<bool, BucketError> {
        let taken = self.0.taken.lock().await.clone();
        for (name, version) in names().into_iter().zip(taken) {
            let options = GetOptions::new()
                .with_if_none_match(version.as_ref().and_then(|version| version.e_tag.clone()));
            let found = match self.0.store.get_opts(&self.path(name), options).await {
                Err(StoreError::NotModified { .. }) => continue,
                Err(StoreError::NotFound { .. }) => None,
                found => Some(version_of(&found.map_err(self.failed("read", name))?.meta)),
            };
            if found != version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the copy's `CURRENT` and `MARKS` the store's, if what is promoted has arrived.
    async fn take_names(&self, taken: &mut Versions) -> Result<(), BucketError> {
        let mut files = Vec::new();
        let mut versions = Versions::default();
        for (name, version) in names().into_iter().zip(&mut versions) {
            let bytes = match self.0.store.get(&self.path(name)).await {
                Err(StoreError::NotFound { .. }) => None,
                found => {
                    let found = found.map_err(self.failed("read", name))?;
                    *version = Some(version_of(&found.meta));
                    Some(found.bytes().await.map_err(self.failed("read", name))?.to_vec())
                }
            };
            files.push(bytes);
        }
        let marks = files.pop().flatten();
        let names = Names { current: files.pop().flatten(), marks };
        if let Some(promoted) = names.promoted()
            && let Err(CheckpointError::NotFound { id, .. }) = self.0.registry.manifest(&promoted)
        {
            return Err(BucketError::NotHere(id));
        }
        let registry = self.0.registry.clone();
        blocking(move || Ok(registry.set_names(&names)?)).await?;
        *taken = versions;
        Ok(())
    }

    /// Makes a change of what is promoted or said of checkpoints, here and in the store. It
    /// may be made several times, each time on what others have left.
    pub async fn record<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, CheckpointError> + Send + Sync + 'static,
    ) -> Result<T, BucketError> {
        let mut taken = self.0.taken.lock().await;
        let change = Arc::new(change);
        for _ in 0..TRIES {
            self.take_names(&mut taken).await?;
            let (registry, change) = (self.0.registry.clone(), Arc::clone(&change));
            let (before, done, after) = blocking(move || {
                let before = registry.names()?;
                let done = change(&registry)?;
                Ok((before, done, registry.names()?))
            })
            .await?;
            match self.write_names(&before, &after, &mut taken).await {
                Ok(()) => return Ok(done),
                Err(error) => {
                    // What the store did not take is not so here either.
                    let registry = self.0.registry.clone();
                    blocking(move || Ok(registry.set_names(&before)?)).await?;
                    match error {
                        BucketError::Failed {
                            source:
                                StoreError::Precondition { .. } | StoreError::AlreadyExists { .. },
                            ..
                        } => {}
                        error => return Err(error),
                    }
                }
            }
        }
        Err(BucketError::Contended(TRIES))
    }

    /// Writes what differs to the store, if that is still as the copy thinks; first the
    /// checkpoints that it names.
    async fn write_names(
        &self,
        before: &Names,
        after: &Names,
        taken: &mut Versions,
    ) -> Result<(), BucketError> {
        if before == after {
            return Ok(());
        }
        for id in after.needed() {
            if !before.needed().contains(&id) {
                self.send(&self.0.registry, &id).await?;
            }
        }
        let files = before.files().into_iter().zip(after.files()).zip(taken);
        for (((_, old), (name, new)), version) in files {
            let Some(bytes) = new.as_ref().filter(|_| old != new) else { continue };
            let mode = version.clone().map_or(PutMode::Create, PutMode::Update);
            let (path, bytes) = (self.path(name), PutPayload::from(bytes.clone()));
            let put = self.0.store.put_opts(&path, bytes, mode.into());
            *version = Some(put.await.map_err(self.failed("write", name))?.into());
        }
        Ok(())
    }

    /// Whether nothing was ever promoted there.
    pub async fn is_empty(&self) -> Result<bool, BucketError> {
        let [current, _] = names();
        match self.0.store.head(&self.path(current)).await {
            Err(StoreError::NotFound { .. }) => Ok(true),
            found => found.map(|_| false).map_err(self.failed("read", current)),
        }
    }

    /// Promotes a checkpoint that is in the store, if none is promoted there; whether it was.
    pub async fn promote_first(&self, id: &str) -> Result<bool, BucketError> {
        // Not every store refuses to write what is there.
        if !self.is_empty().await? {
            return Ok(false);
        }
        let [current, _] = names();
        let text = PutPayload::from(format!("{id}\n").into_bytes());
        match self.0.store.put_opts(&self.path(current), text, PutMode::Create.into()).await {
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            put => put.map(|_| true).map_err(self.failed("write", current)),
        }
    }

    fn path(&self, name: &str) -> Path {
        self.0.prefix.clone().join(name)
    }

    fn failed<'a>(
        &'a self,
        action: &'static str,
        what: &'a str,
    ) -> impl Fn(StoreError) -> BucketError + 'a {
        move |source| BucketError::Failed { action, url: format!("{}/{what}", self.0.url), source }
    }

    fn listed(&self) -> std::sync::MutexGuard<'_, Listed> {
        self.0.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copied(&self) -> Result<Copied, BucketError> {
        let path = self.0.registry.root().join(COPIED);
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Copied::default()),
            bytes => {
                let bytes = bytes.map_err(|source| io_error("read", path.clone(), source))?;
                // A list that cannot be read is a list of nothing: no checkpoint goes.
                Ok(serde_json::from_slice(&bytes).unwrap_or_default())
            }
        }
    }

    fn set_copied(&self, copied: &Copied) -> Result<(), BucketError> {
        let path = self.0.registry.root().join(COPIED);
        let bytes = serde_json::to_vec_pretty(copied).unwrap_or_default();
        write_atomically(&path, &bytes).map_err(|source| io_error("write", path.clone(), source))
    }
}

/// `CURRENT` and `MARKS`.
fn names() -> [&'static str; 2] {
    Names::default().files().map(|(name, _)| name)
}

fn version_of(meta: &object_store::ObjectMeta) -> UpdateVersion {
    UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
}

fn io_error(action: &'static str, path: PathBuf, source: std::io::Error) -> BucketError {
    CheckpointError::Io { action, path, source }.into()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BucketError> + Send + 'static,
) -> Result<T, BucketError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BucketError::Ended(error.to_string()))?
}
