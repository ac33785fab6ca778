//! `CURRENT` and `MARKS` in the store: the promoted checkpoint, aliases and pins.

use glyphic_runtime::registry::Names;
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, PutMode, PutPayload, UpdateVersion,
};

use super::{
    Bucket, BucketError, blocking,
    state::{NAMES, Taken},
};

/// Most bytes of each.
const MOST_BYTES: u64 = 1 << 20;

impl Bucket {
    /// The content in the store.
    pub(super) async fn read_names(&self) -> Result<Taken, BucketError> {
        let mut files = [None, None];
        let mut versions = [None, None];
        for (i, name) in NAMES.into_iter().enumerate() {
            if let Some((bytes, meta)) = self.get(name, MOST_BYTES).await? {
                versions[i] = Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version });
                files[i] = Some(bytes);
            }
        }
        let [current, aliases] = files;
        Ok(Taken { names: Names { current, aliases }, versions })
    }

    /// Whether `CURRENT` or `MARKS` has changed since it was copied, in the store or in the copy.
    pub(super) async fn changed(&self) -> Result<bool, BucketError> {
        let taken = self.0.taken.lock().await.clone();
        let registry = self.registry().clone();
        if blocking(move || Ok(registry.names()?)).await? != taken.names {
            return Ok(true);
        }
        for (name, version) in NAMES.into_iter().zip(taken.versions) {
            let tag = version.as_ref().and_then(|version| version.e_tag.clone());
            let options = GetOptions::new().with_if_none_match(tag.clone());
            let path = self.path(name);
            let asked = tokio::time::timeout(super::ANSWER, self.0.store.get_opts(&path, options));
            let silent =
                |_| BucketError::Silent(format!("{}/{name}", self.0.url), super::ANSWER.as_secs());
            let found = match asked.await.map_err(silent)? {
                Err(StoreError::NotModified { .. }) => continue,
                Err(StoreError::NotFound { .. }) => None,
                found => found.map_err(self.failed("read", name))?.meta.e_tag,
            };
            if found != tag {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the store's content to the copy, unless it is damaged.
    pub(super) async fn take(&self, taken: &mut Taken, there: Taken) -> Result<(), BucketError> {
        let (registry, names) = (self.registry().clone(), there.names.clone());
        let url = self.0.url.clone();
        blocking(move || {
            let here = registry.names()?;
            // No server removes these: if they are gone, this is probably the wrong place.
            let gone = here.current.is_some() && names.current.is_none();
            let wrong = match gone {
                true => Err("CURRENT is gone".to_owned()),
                false => names.check(),
            };
            wrong.map_err(|reason| BucketError::BadNames { url, reason })?;
            Ok(registry.set_names(&names)?)
        })
        .await?;
        *taken = there;
        Ok(())
    }

    /// Undoes a change in the copy: writes the content that the store last had.
    pub(super) async fn restore(&self, taken: &mut Taken) {
        let (registry, names) = (self.registry().clone(), taken.names.clone());
        if let Err(error) = blocking(move || Ok(registry.set_names(&names)?)).await {
            tracing::error!("the copy of {} cannot be restored: {error}", self.0.url);
        }
    }

    /// Writes a change to the store, if that has not changed meanwhile. The checkpoints that are
    /// named for the first time are sent first.
    pub(super) async fn write_names(
        &self,
        after: Names,
        taken: &mut Taken,
    ) -> Result<(), BucketError> {
        let before = taken.names.needed();
        // A checkpoint that the copy lacks was in the store: it is an older one of the history.
        let here = |id: &&String| self.registry().folder(id).exists();
        let named: Vec<String> = after.needed().difference(&before).filter(here).cloned().collect();
        for id in &named {
            self.send(self.registry(), id).await?;
        }
        if after.current != taken.names.current {
            self.write_name(0, after.current.clone(), &mut taken.versions[0]).await?;
            taken.names.current = after.current;
        }
        if after.aliases != taken.names.aliases {
            self.write_name(1, after.aliases.clone(), &mut taken.versions[1]).await?;
            taken.names.aliases = after.aliases;
        }
        // Another server may have removed one just before it was named. The change is made even if
        // this fails.
        for id in &named {
            if let Err(error) = self.send(self.registry(), id).await {
                tracing::warn!("'{id}' may not be in {}: {error}", self.0.url);
            }
        }
        Ok(())
    }

    /// Writes one of the two, if the store still has this version.
    async fn write_name(
        &self,
        which: usize,
        bytes: Option<Vec<u8>>,
        version: &mut Option<UpdateVersion>,
    ) -> Result<(), BucketError> {
        let Some(bytes) = bytes else { return Ok(()) };
        let name = NAMES[which];
        let mode = version.clone().map_or(PutMode::Create, PutMode::Update);
        let path = self.path(name);
        let put = self.0.store.put_opts(&path, PutPayload::from(bytes.clone()), mode.into()).await;
        let error = match put {
            Ok(put) => {
                *version = Some(put.into());
                return Ok(());
            }
            Err(error) => error,
        };
        // The answer may have been lost, or a retry may have met its own first try: only the
        // content in the store tells whether it was written.
        let Ok(there) = self.get(name, MOST_BYTES).await else {
            return Err(BucketError::Unknown(format!("{}/{name}", self.0.url)));
        };
        match there {
            Some((found, meta)) if found == bytes => {
                *version = Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version });
                Ok(())
            }
            _ => Err(match error {
                StoreError::Precondition { .. } | StoreError::AlreadyExists { .. } => {
                    BucketError::Contended
                }
                error => self.failed("write", name)(error),
            }),
        }
    }
}
