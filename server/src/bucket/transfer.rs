//! Checkpoints on their way: from the store into the copy, and back.

use std::{collections::BTreeMap, fs, time::Instant};

use glyphic_model::checkpoint::{CheckpointError, MANIFEST_FILE, Manifest, Registry};
use object_store::{Error as StoreError, ObjectStoreExt, PutMode, PutPayload, path::Path};
use tokio_stream::StreamExt;

use super::{Bucket, BucketError, blocking, io_error};

/// The folder of checkpoints, as in an artifacts folder.
const CHECKPOINTS: &str = "checkpoints";
/// Most bytes of a checkpoint: it is held in memory while it is checked.
const MOST_BYTES: u64 = 1 << 30;

/// A checkpoint's files in the store: names and sizes.
type Files = Vec<(String, u64)>;

impl Bucket {
    /// Fetches the checkpoints that the copy lacks, and removes from it those that the store
    /// had once and has no longer, but for `used` ones. One that cannot be fetched is reported
    /// once and tried again the next time.
    pub(super) async fn fetch_checkpoints(&self, used: &[String]) -> Result<(), BucketError> {
        let stored = self.list().await?;
        let present = self.registry().ids()?;
        for (id, files) in stored.iter().filter(|(id, _)| !present.contains(id)) {
            match self.fetch_checkpoint(id, files).await {
                Ok(()) => {
                    tracing::info!("fetched checkpoint '{id}'");
                    self.listed().refused.remove(id);
                }
                // The store is away: so it is for all others.
                Err(error @ BucketError::Failed { .. }) => return Err(error),
                Err(error) => {
                    let message = error.to_string();
                    let before = self.listed().refused.insert(id.clone(), message.clone());
                    if before.as_ref() != Some(&message) {
                        tracing::error!("checkpoint '{id}' is not fetched: {message}");
                    }
                }
            }
        }
        let mut copied = self.copied()?;
        let needed = self.registry().names()?.needed();
        for id in &present {
            let gone = copied.ids.contains(id) && !stored.contains_key(id);
            if gone && !used.contains(id) && !needed.contains(id) {
                let (registry, doomed) = (self.registry().clone(), id.clone());
                blocking(move || Ok(registry.remove(&doomed)?)).await?;
                tracing::info!("removed checkpoint '{id}', as others did");
                copied.ids.remove(id);
            }
        }
        let known = copied.ids.len();
        copied.ids.extend(stored.into_keys());
        if copied.ids.len() != known {
            self.set_copied(&copied)?;
        }
        self.listed().at = Some(Instant::now());
        Ok(())
    }

    /// The checkpoints in the store that are whole, as far as their names say.
    async fn list(&self) -> Result<BTreeMap<String, Files>, BucketError> {
        let mut found: BTreeMap<String, Files> = BTreeMap::new();
        let folder = self.path(CHECKPOINTS);
        let mut objects = self.0.store.list(Some(&folder));
        while let Some(object) = objects.next().await {
            let object = object.map_err(self.failed("list", CHECKPOINTS))?;
            let parts: Option<Vec<_>> =
                object.location.prefix_match(&folder).map(|parts| parts.collect());
            if let Some([id, name]) = parts.as_deref() {
                let files = found.entry(id.as_ref().to_owned()).or_default();
                files.push((name.as_ref().to_owned(), object.size));
            }
        }
        found.retain(|_, files| files.iter().any(|(name, _)| name == MANIFEST_FILE));
        Ok(found)
    }

    async fn fetch_checkpoint(&self, id: &str, files: &Files) -> Result<(), BucketError> {
        let bytes = files.iter().map(|(_, size)| size).sum();
        if bytes > MOST_BYTES {
            return Err(BucketError::TooLarge { id: id.to_owned(), bytes, limit: MOST_BYTES });
        }
        let mut contents = Vec::new();
        for (name, _) in files {
            let file = format!("{CHECKPOINTS}/{id}/{name}");
            let found = self.0.store.get(&self.file(id, name)).await;
            let bytes = found.map_err(self.failed("read", &file))?.bytes().await;
            contents.push((name.clone(), bytes.map_err(self.failed("read", &file))?.to_vec()));
        }
        let (registry, id) = (self.registry().clone(), id.to_owned());
        blocking(move || {
            let manifest = contents.iter().position(|(name, _)| name == MANIFEST_FILE);
            let manifest = manifest.map(|at| contents.swap_remove(at).1).unwrap_or_default();
            let manifest = Manifest::parse(&id, &manifest)?;
            Ok(registry.adopt(&manifest, contents)?)
        })
        .await
    }

    /// Sends a checkpoint of a registry to the store; nothing if it is there.
    pub async fn send(&self, registry: &Registry, id: &str) -> Result<(), BucketError> {
        let manifest = registry.manifest(id)?;
        let file = format!("{CHECKPOINTS}/{id}/{MANIFEST_FILE}");
        match self.0.store.get(&self.file(id, MANIFEST_FILE)).await {
            Err(StoreError::NotFound { .. }) => {}
            found => {
                let bytes = found.map_err(self.failed("read", &file))?.bytes().await;
                let there = Manifest::parse(id, &bytes.map_err(self.failed("read", &file))?)?;
                return match there.weights == manifest.weights {
                    true => Ok(()),
                    false => Err(CheckpointError::Exists(id.to_owned()).into()),
                };
            }
        }
        let folder = registry.folder(id);
        let mut files = blocking(move || {
            let at = |path| move |source| io_error("read", path, source);
            let mut files = Vec::new();
            for entry in fs::read_dir(&folder).map_err(at(folder.clone()))? {
                let path = entry.map_err(at(folder.clone()))?.path();
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                if let Some(name) = name.filter(|_| path.is_file()) {
                    files.push((name, fs::read(&path).map_err(at(path.clone()))?));
                }
            }
            Ok(files)
        })
        .await?;
        // The manifest is last: whoever sees it finds the rest.
        files.sort_by_key(|(name, _)| name == MANIFEST_FILE);
        for (name, bytes) in files {
            let mode = match name == MANIFEST_FILE {
                true => PutMode::Create,
                false => PutMode::Overwrite,
            };
            let path = self.file(id, &name);
            let put = self.0.store.put_opts(&path, PutPayload::from(bytes), mode.into());
            put.await.map_err(self.failed("write", &format!("{CHECKPOINTS}/{id}/{name}")))?;
        }
        tracing::info!("sent checkpoint '{id}'");
        Ok(())
    }

    /// Removes checkpoints from the store: first each one's manifest, so that nobody takes
    /// what is left for a checkpoint. Those that others have named meanwhile stay.
    pub async fn remove(&self, ids: &[String]) -> Result<(), BucketError> {
        self.take_names(&mut *self.0.taken.lock().await).await?;
        let needed = self.registry().names()?.needed();
        let stored = self.list().await?;
        for id in ids.iter().filter(|id| !needed.contains(id)) {
            let mut names: Vec<&str> =
                stored.get(id).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            names.sort_by_key(|name| *name != MANIFEST_FILE);
            for name in names {
                match self.0.store.delete(&self.file(id, name)).await {
                    Err(StoreError::NotFound { .. }) => {}
                    gone => {
                        gone.map_err(self.failed("remove", &format!("{CHECKPOINTS}/{id}/{name}")))?
                    }
                }
            }
        }
        Ok(())
    }

    fn file(&self, id: &str, name: &str) -> Path {
        self.path(CHECKPOINTS).join(id).join(name)
    }
}
