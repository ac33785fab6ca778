//! Transfer of checkpoints: from the store into the copy, and back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use glyphic_model::checkpoint::{MANIFEST_FILE, MAX_BYTES, Manifest};
use glyphic_runtime::registry::{Registry, RegistryError, is_id};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::{
    Bucket, BucketError, blocking, copied,
    copied::at,
    listing,
    state::{Files, RefusedCheckpoint, Stored},
};

/// The folder of checkpoints, as in an artifacts folder.
const CHECKPOINTS: &str = "checkpoints";
/// Most files of a checkpoint, and most bytes of all of them: it is held in memory while it is
/// checked.
const MOST_FILES: u64 = 64;
const MOST_BYTES: u64 = 256 << 20;
const MOST_MANIFEST: u64 = MAX_BYTES as u64;
/// Most objects that are reported because they belong to no checkpoint.
const MOST_REPORTED: usize = 50;
/// Time until an unchanged checkpoint that was refused is fetched again.
const AGAIN: Duration = Duration::from_secs(60);

impl Bucket {
    /// Fetches the checkpoints that the copy lacks, and removes from it those that were in the
    /// store before and are missing there, except the ones that are `used`. If `used` is not given,
    /// none are removed.
    pub(super) async fn fetch_checkpoints(
        &self,
        used: Option<&[String]>,
    ) -> Result<(), BucketError> {
        let Stored { checkpoints: stored, is_cut } = self.list(CHECKPOINTS).await?;
        for (id, files) in &stored {
            self.fetch_listed(id, files).await?;
        }
        // What a list that is not complete lacks may be there.
        if let Some(used) = used.filter(|_| !is_cut) {
            self.remove_missing(&stored, used).await?;
        }
        let mut copied = copied::read(self.registry())?;
        let present = self.registry().ids()?;
        let before = copied.ids.clone();
        copied.ids.retain(|id| present.contains(id));
        copied.ids.extend(stored.keys().cloned());
        if copied.ids != before {
            copied::write(self.registry(), &copied)?;
        }
        let mut listed = self.listed();
        listed.refused.retain(|id, _| stored.contains_key(id));
        listed.at = Some(Instant::now());
        Ok(())
    }

    /// Fetches a checkpoint, if the copy lacks it and the store has it.
    pub async fn fetch_missing(&self, id: &str) -> Result<(), BucketError> {
        if !is_id(id) || self.registry().folder(id).exists() {
            return Ok(());
        }
        let stored = self.list(&format!("{CHECKPOINTS}/{id}")).await?;
        match stored.checkpoints.get(id) {
            Some(files) => self.fetch_listed(id, files).await,
            None => Ok(()),
        }
    }

    /// Fetches a checkpoint that the copy lacks. One that cannot be fetched is reported once, and
    /// tried again when it has changed. It is an error only if other checkpoints would fail too.
    async fn fetch_listed(&self, id: &str, files: &Files) -> Result<(), BucketError> {
        if self.registry().folder(id).exists() {
            return Ok(());
        }
        let known =
            |listed: &RefusedCheckpoint| listed.files == *files && listed.at.elapsed() < AGAIN;
        if self.listed().refused.get(id).is_some_and(known) {
            return Ok(());
        }
        match self.fetch_checkpoint(id, files).await {
            Ok(()) => {
                tracing::info!("fetched checkpoint '{id}'");
                self.listed().refused.remove(id);
                Ok(())
            }
            Err(error) if error.is_of_one() => {
                let message = error.to_string();
                let refused = RefusedCheckpoint {
                    files: files.clone(),
                    at: Instant::now(),
                    message: message.clone(),
                };
                let before = self.listed().refused.insert(id.to_owned(), refused);
                if before.is_none_or(|before| before.message != message) {
                    tracing::error!("checkpoint '{id}' could not be fetched: {message}");
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The complete checkpoints below a path: those with a manifest. Objects whose names cannot be
    /// those of a checkpoint and its files are passed over, and reported once.
    async fn list(&self, below: &str) -> Result<Stored, BucketError> {
        let prefix = format!("{}/", self.path(below));
        let listing = listing::list(&*self.0.pages, &prefix).await;
        let listing = listing.map_err(self.failed("list", below))?;
        let mut stored = Stored { is_cut: listing.is_cut, ..Stored::default() };
        let mut odd = listing.odd;
        let folder = self.path(CHECKPOINTS);
        for object in listing.objects {
            let parts = object.location.prefix_match(&folder).into_iter().flatten();
            let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
            match parts.as_slice() {
                [id, name] if is_id(id) && is_id(name) => {
                    let files = stored.checkpoints.entry(id.clone()).or_default();
                    files.insert(name.clone(), object);
                }
                // Some programs make an object for each folder.
                [] | [_] => {}
                _ => odd.push(object.location.to_string()),
            }
        }
        stored.checkpoints.retain(|_, files| files.contains_key(MANIFEST_FILE));
        self.report_odd(odd, stored.is_cut, below == CHECKPOINTS);
        Ok(stored)
    }

    /// Reports objects that belong to no checkpoint, each once as long as it is there; and a list
    /// that is not complete. `of_all` if all checkpoints were listed.
    fn report_odd(&self, odd: Vec<String>, is_cut: bool, of_all: bool) {
        let odd: BTreeSet<String> = odd.into_iter().take(MOST_REPORTED).collect();
        let mut listed = self.listed();
        for name in odd.difference(&listed.odd) {
            tracing::warn!(
                "the object {name:?} in {} belongs to no checkpoint and is passed over: remove it",
                self.0.url
            );
        }
        if is_cut && !listed.is_cut {
            tracing::warn!(
                "not all checkpoints in {} can be listed, because of objects that belong to none: \
                 remove these; those that are promoted, pinned or have an alias are fetched anyway",
                self.0.url
            );
        }
        match of_all {
            true => (listed.odd, listed.is_cut) = (odd, is_cut),
            false => listed.odd.extend(odd),
        }
    }

    async fn fetch_checkpoint(&self, id: &str, files: &Files) -> Result<(), BucketError> {
        let file = |name: &str| format!("{CHECKPOINTS}/{id}/{name}");
        // The manifest first: it shows whether the other files are worth fetching.
        let manifest = self.get(&file(MANIFEST_FILE), MOST_MANIFEST).await?;
        let manifest = Manifest::parse(id, &manifest.map(|(bytes, _)| bytes).unwrap_or_default())
            .map_err(RegistryError::from)?;
        let others = files.iter().filter(|(name, _)| *name != MANIFEST_FILE);
        let bytes = others.clone().fold(0u64, |sum, (_, file)| sum.saturating_add(file.size));
        let folder = format!("{CHECKPOINTS}/{id}");
        self.check_size(&folder, bytes, MOST_BYTES)?;
        self.check_count(&folder, files.len() as u64, MOST_FILES, "files")?;
        let mut contents = Vec::new();
        for (name, listed) in others {
            let found = self.0.store.get(&listed.location).await;
            let found = found.map_err(self.failed("read", &file(name)))?;
            self.check_size(&file(name), found.meta.size, listed.size)?;
            let bytes = found.bytes().await.map_err(self.failed("read", &file(name)))?;
            contents.push((name.clone(), bytes.to_vec()));
        }
        let registry = self.registry().clone();
        blocking(move || Ok(registry.adopt(&manifest, contents)?)).await
    }

    /// Removes checkpoints from the copy that were missing in two lists. It removes nothing if the
    /// store lacks the promoted checkpoint: then it was emptied, or is the wrong one.
    async fn remove_missing(
        &self,
        stored: &BTreeMap<String, Files>,
        used: &[String],
    ) -> Result<(), BucketError> {
        let names = self.0.taken.lock().await.names.clone();
        let promoted = names.history().into_iter().next();
        if !promoted.is_some_and(|id| stored.contains_key(&id)) {
            return Ok(());
        }
        let (copied, present) = (copied::read(self.registry())?, self.registry().ids()?);
        let gone = |id: &String| copied.ids.contains(id) && !stored.contains_key(id);
        let missing: BTreeSet<String> = present.into_iter().filter(gone).collect();
        let before = std::mem::replace(&mut self.listed().missing, missing.clone());
        let needed = names.needed();
        for id in missing.intersection(&before) {
            if used.contains(id) || needed.contains(id) {
                continue;
            }
            let (registry, doomed) = (self.registry().clone(), id.clone());
            match blocking(move || Ok(registry.remove(&doomed)?)).await {
                Ok(()) => {
                    tracing::info!("removed checkpoint '{id}', which is no longer in the store")
                }
                Err(error) => tracing::warn!("'{id}' could not be removed: {error}"),
            }
        }
        Ok(())
    }

    /// Verifies a checkpoint of a registry and sends it to the store, unless it is there.
    pub async fn send(&self, registry: &Registry, id: &str) -> Result<(), BucketError> {
        let manifest = registry.manifest(id)?;
        if self.has(&manifest).await? {
            return Ok(());
        }
        let (registry, checked) = (registry.clone(), manifest.clone());
        let mut files = blocking(move || {
            registry.weights(&checked)?;
            read_files(&registry, &checked.id)
        })
        .await?;
        let bytes = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.check_size(&format!("{CHECKPOINTS}/{id}"), bytes, MOST_BYTES)?;
        // The manifest is last: once it is there, all other files are.
        files.sort_by_key(|(name, _)| name == MANIFEST_FILE);
        for (name, bytes) in files {
            let mode = match name == MANIFEST_FILE {
                true => PutMode::Create,
                false => PutMode::Overwrite,
            };
            let file = format!("{CHECKPOINTS}/{id}/{name}");
            let path = self.path(&file);
            match self.0.store.put_opts(&path, PutPayload::from(bytes), mode.into()).await {
                // Another server sent the same one meanwhile.
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. })
                    if self.has(&manifest).await? => {}
                put => drop(put.map_err(self.failed("write", &file))?),
            }
        }
        tracing::info!("sent checkpoint '{id}'");
        Ok(())
    }

    /// Whether the store has this checkpoint; an error if it has another one with its name.
    async fn has(&self, manifest: &Manifest) -> Result<bool, BucketError> {
        let file = format!("{CHECKPOINTS}/{}/{MANIFEST_FILE}", manifest.id);
        match self.get(&file, MOST_MANIFEST).await? {
            None => Ok(false),
            Some((bytes, _))
                if Manifest::parse(&manifest.id, &bytes).map_err(RegistryError::from)?
                    == *manifest =>
            {
                Ok(true)
            }
            Some(_) => Err(RegistryError::Exists(manifest.id.clone()).into()),
        }
    }

    /// Removes checkpoints from the store. Each one's manifest goes first, so that the rest is not
    /// taken for a checkpoint. Those that other servers have named meanwhile stay, or are sent
    /// again.
    pub async fn remove(&self, ids: &[String]) -> Result<(), BucketError> {
        let needed = self.read_names().await?.names.needed();
        let gone: Vec<&String> = ids.iter().filter(|id| !needed.contains(*id)).collect();
        for id in &gone {
            let below = format!("{CHECKPOINTS}/{id}");
            let stored = self.list(&below).await?;
            let mut files: Vec<_> = stored.checkpoints.get(*id).into_iter().flatten().collect();
            files.sort_by_key(|(name, _)| *name != MANIFEST_FILE);
            for (name, file) in files {
                match self.0.store.delete(&file.location).await {
                    Err(StoreError::NotFound { .. }) => {}
                    removed => {
                        removed.map_err(self.failed("remove", &format!("{below}/{name}")))?
                    }
                }
            }
        }
        let needed = self.read_names().await?.names.needed();
        for id in gone.into_iter().filter(|id| needed.contains(*id)) {
            self.send(self.registry(), id).await?;
        }
        Ok(())
    }
}

/// A checkpoint's files, without temporary ones.
fn read_files(registry: &Registry, id: &str) -> Result<Vec<(String, Vec<u8>)>, BucketError> {
    let folder = registry.folder(id);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(at("read", folder.clone()))? {
        let path = entry.map_err(at("read", folder.clone()))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name.filter(|name| is_id(name) && path.is_file()) {
            files.push((name, fs::read(&path).map_err(at("read", path.clone()))?));
        }
    }
    Ok(files)
}
