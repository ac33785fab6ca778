//! Which checkpoint is served: promotion, roll-back, and following `CURRENT`.
//!
//! Whatever asks for a change, it goes the same way: read and verify, build,
//! warm, and only then swap. A checkpoint that fails on the way is refused, and
//! the one that was serving goes on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use glyphic_model::{Glyph, checkpoint::Manifest, glyph::PIXELS};
use glyphic_runtime::{
    device::{ComputeDevice, Device},
    registry::{PromotionGate, Registry, RegistryError},
};
use tokio::sync::Mutex;

use crate::{
    bucket::Bucket,
    engine::{Engine, Model},
    error::ApiError,
    meters::Meters,
};

/// Time between two looks at `CURRENT`.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Time between two tries of a checkpoint that was refused.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Most checkpoints that are loaded beside the one that serves: each has a thread and its
/// weights in memory.
const MOST_LOADED: usize = 4;

/// The registry, the device, and the engine that serves from them; cheap to
/// clone.
#[derive(Clone)]
pub struct Models {
    registry: Registry,
    device: ComputeDevice,
    engine: Engine,
    /// Checkpoints that answer beside the one that serves, by id. Held for lookups alone.
    others: Arc<StdMutex<BTreeMap<String, Engine>>>,
    /// Held through a change, so that changes follow one another. A tokio lock,
    /// because it is held while the new checkpoint is read.
    change: Arc<Mutex<()>>,
    /// Where the registry is shared with other servers, if it is.
    bucket: Option<Bucket>,
    queue: usize,
    max_batch: usize,
}

/// A checkpoint's id, and its manifest or what is wrong with it.
pub type Listed = (String, Result<Manifest, RegistryError>);

impl Models {
    /// Loads the promoted checkpoint and starts serving it. If it is damaged,
    /// the ones promoted before it are tried, newest first.
    pub fn start(
        registry: Registry,
        device: ComputeDevice,
        queue: usize,
        max_batch: usize,
    ) -> anyhow::Result<Self> {
        let current = registry.current()?;
        let mut model = prepare(&registry, &current, &device.device, max_batch);
        for earlier in registry.history()?.iter().skip(1) {
            let Err(error) = &model else { break };
            tracing::error!(%error, "the promoted checkpoint is refused; trying '{earlier}'");
            model = prepare(&registry, earlier, &device.device, max_batch);
        }
        let (model, meters) = (model?, Meters::new()?);
        meters.serves(&model.manifest.id, None);
        let engine = Engine::start(model, queue, max_batch, meters)?;
        let (others, change) = Default::default();
        Ok(Self { registry, device, engine, others, change, bucket: None, queue, max_batch })
    }

    /// The same with a registry that is the copy of a shared one.
    pub fn shared_in(self, bucket: Option<Bucket>) -> Self {
        Self { bucket, ..self }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The device that computes.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// The engine that answers with this checkpoint, if one does.
    pub fn loaded(&self, id: &str) -> Option<Engine> {
        let other = self.others().get(id).cloned();
        other.or_else(|| (self.engine.serving().id == id).then(|| self.engine.clone()))
    }

    /// Loads a checkpoint beside the one that serves: verified, built and warmed as if it
    /// were to take over.
    pub async fn load(&self, id: String) -> Result<(), ApiError> {
        self.change(|models| async move {
            // One that serves is loaded too: it may not serve for long.
            if models.others().contains_key(&id) {
                return Ok(());
            }
            if models.others().len() >= MOST_LOADED {
                return Err(ApiError::TooManyLoaded(MOST_LOADED));
            }
            let engine = models.beside(id.clone()).await?;
            models.others().insert(id, engine);
            Ok(())
        })
        .await
    }

    /// A checkpoint with an engine of its own, which ends when its last handle is dropped.
    pub async fn beside(&self, id: String) -> Result<Engine, ApiError> {
        let model = self.prepared(id).await?;
        let failed = |error: &dyn std::fmt::Display| ApiError::Unavailable(error.to_string());
        // Of its own: what the server counts is what its clients were answered.
        let meters = Meters::new().map_err(|error| failed(&error))?;
        Engine::start(model, self.queue, self.max_batch, meters).map_err(|error| failed(&error))
    }

    /// Lets go of a checkpoint that was loaded beside the one that serves. Requests that
    /// have reached it are still answered.
    pub fn unload(&self, id: &str) -> Result<(), ApiError> {
        if self.others().remove(id).is_some() {
            return Ok(());
        }
        match self.engine.serving().id == id {
            true => Err(ApiError::AlwaysServes),
            false => Err(ApiError::NotLoaded { model: id.to_owned() }),
        }
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<String, Engine>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All checkpoints, newest first; a damaged one with what is wrong with it.
    pub async fn list(&self) -> Result<Vec<Listed>, ApiError> {
        let registry = self.registry.clone();
        let listed = tokio::task::spawn_blocking(move || {
            let read = |id: String| (id.clone(), registry.manifest(&id));
            let mut models: Vec<_> = registry.ids()?.into_iter().map(read).collect();
            let created =
                |m: &Result<Manifest, RegistryError>| m.as_ref().ok().map(|m| m.created.clone());
            models.sort_by_key(|(id, manifest)| std::cmp::Reverse((created(manifest), id.clone())));
            Ok::<_, RegistryError>(models)
        });
        Ok(listed.await.map_err(|error| ApiError::Unavailable(error.to_string()))??)
    }

    /// The checkpoint that a roll-back would go to.
    pub fn previous(&self) -> Option<String> {
        self.registry.previous().ok()
    }

    /// Verifies, promotes and serves a checkpoint, named by its id or a label; if `from` is
    /// given, only in the place of that one. Unless it is `forced`, it must pass the gate.
    pub async fn promote(
        &self,
        name: String,
        from: Option<String>,
        forced: bool,
    ) -> Result<(), ApiError> {
        self.change(move |models| async move {
            let id = models.registry.resolve(&name)?;
            if let Some(bucket) = &models.bucket {
                // It may have been sent this very moment.
                bucket.fetch_missing(&id).await?;
            }
            let (serving, promoted) = (models.engine.serving(), id.clone());
            let record = move |registry: &Registry| {
                let id = &promoted;
                // Others may have given the label away meanwhile.
                let found = registry.resolve(&name)?;
                if found != *id {
                    return Err(RegistryError::PromotedMeanwhile { expected: id.clone(), found });
                }
                // What serves here may not be what is promoted: that may be damaged.
                let present = registry.current().and_then(|id| registry.manifest(&id));
                let present = present.unwrap_or_else(|_| Manifest::clone(&serving));
                let objections = match forced {
                    true => Vec::new(),
                    false => PromotionGate::default().objections(&present, &registry.manifest(id)?),
                };
                if !objections.is_empty() {
                    return Err(RegistryError::Objected { id: id.to_owned(), objections });
                }
                registry.promote_from(id, from.as_deref())
            };
            models.serve(id, models.record(record)).await
        })
        .await
    }

    /// Removes all but the newest `keep` checkpoints and those that are needed: promoted,
    /// before that, pinned, labelled, or loaded here. Returns what is gone.
    pub async fn prune(&self, keep: usize) -> Result<Vec<String>, ApiError> {
        self.change(move |models| async move {
            let used = models.used();
            let gone = match models.bucket.clone() {
                None => models.record(move |registry| registry.prune(keep, &used)).await?,
                Some(bucket) => {
                    // Nothing goes here before it is agreed on there.
                    let gone = models.record(move |registry| registry.forget(keep, &used)).await?;
                    bucket.remove(&gone).await?;
                    for id in gone.clone() {
                        models.on_disk(move |registry| registry.remove(&id)).await?;
                    }
                    gone
                }
            };
            if !gone.is_empty() {
                tracing::info!("removed checkpoints: {}", gone.join(", "));
            }
            Ok(gone)
        })
        .await
    }

    /// The checkpoints that answer here.
    fn used(&self) -> Vec<String> {
        let mut used: Vec<String> = self.others().keys().cloned().collect();
        used.push(self.engine.serving().id.clone());
        used
    }

    /// Changes what is said of checkpoints, here and where the registry is shared.
    pub async fn mark<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, RegistryError> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        self.change(move |models| async move { models.record(change).await }).await
    }

    /// The same for whoever is changing something already.
    async fn record<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, RegistryError> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.record(change).await?),
            None => self.on_disk(change).await,
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let registry = self.registry.clone();
        let done = tokio::task::spawn_blocking(move || work(&registry));
        Ok(done.await.map_err(|error| ApiError::Unavailable(error.to_string()))??)
    }

    /// Sends a checkpoint to where the registry is shared, if it is.
    pub async fn share(&self, id: &str) -> Result<(), ApiError> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.send(&self.registry, id).await?),
            None => Ok(()),
        }
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Goes back to the checkpoint promoted before; returns its id. If `from` is
    /// given, only from that one.
    pub async fn roll_back(&self, from: Option<String>) -> Result<String, ApiError> {
        self.change(|models| async move {
            let previous = models.registry.previous()?;
            // Back from here, not from what others promote meanwhile.
            let from = from.or(models.registry.current().ok());
            let record = move |registry: &Registry| registry.roll_back(from.as_deref()).map(drop);
            models.serve(previous.clone(), models.record(record)).await?;
            Ok(previous)
        })
        .await
    }

    /// Runs a change to its end, alone, even if whoever asked for it has gone: a
    /// change that was left halfway would write its promotion later, unlocked.
    async fn change<T: Send + 'static, F>(
        &self,
        change: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let models = self.clone();
        let task = tokio::spawn(async move {
            let _alone = Arc::clone(&models.change).lock_owned().await;
            change(models).await
        });
        task.await.map_err(|error| ApiError::Unavailable(error.to_string()))?
    }

    /// Keeps the registry like the one that is shared, if one is; never returns.
    pub async fn follow_bucket(self) {
        if let Some(bucket) = self.bucket.clone() {
            bucket.follow(move || self.used()).await;
        }
    }

    /// Serves what `CURRENT` names, whenever it changes; never returns. A
    /// checkpoint that is refused is reported once and tried again from time to
    /// time: its files may still be on their way.
    pub async fn follow_current(self) {
        let mut refused: Option<(String, String, Instant)> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let _change = self.change.lock().await;
            let Ok(current) = self.registry.current() else { continue };
            if current == self.engine.serving().id {
                refused = None;
                continue;
            }
            let known = refused.as_ref().filter(|(id, ..)| *id == current);
            if known.is_some_and(|(.., tried)| tried.elapsed() < RETRY_EVERY) {
                continue;
            }
            if let Err(error) = self.serve(current.clone(), async { Ok(()) }).await {
                let message = error.to_string();
                if known.is_none_or(|(_, reported, _)| *reported != message) {
                    let serving = &self.engine.serving().id;
                    tracing::error!(
                        "checkpoint '{current}' is refused; '{serving}' goes on: {message}"
                    );
                }
                refused = Some((current, message, Instant::now()));
            }
        }
    }

    /// Prepares a checkpoint, then records the change, then swaps. The order
    /// makes failure harmless: what is not recorded is not served.
    async fn serve(
        &self,
        id: String,
        record: impl Future<Output = Result<(), ApiError>>,
    ) -> Result<(), ApiError> {
        let meters = self.engine.meters();
        let ready = async {
            let model = self.prepared(id).await?;
            record.await.map(|()| model)
        };
        let model = ready.await.inspect_err(|_| meters.swap("refused"))?;
        let id = model.manifest.id.clone();
        self.engine.swap(model).await?;
        meters.swap("served");
        tracing::info!("serving checkpoint '{id}'");
        Ok(())
    }

    /// A checkpoint that is ready to answer.
    async fn prepared(&self, id: String) -> Result<Model, ApiError> {
        let Self { registry, device, max_batch, .. } = self.clone();
        let prepared =
            tokio::task::spawn_blocking(move || prepare(&registry, &id, &device.device, max_batch));
        prepared.await.map_err(|error| ApiError::Unavailable(error.to_string()))?
    }
}

/// Reads, verifies, builds and warms a checkpoint.
fn prepare(
    registry: &Registry,
    id: &str,
    device: &Device,
    max_batch: usize,
) -> Result<Model, ApiError> {
    let checkpoint = registry.load(id, device)?;
    let manifest = checkpoint.manifest.clone();
    let classifier = checkpoint.into_classifier(device);
    if *device == Device::flex() && !classifier.uses_kernels() {
        tracing::warn!("'{id}' is computed by burn, slower: compiled it says something else");
    }
    // The sizes that batches are padded to on a GPU: each compiles its kernels.
    let sizes =
        std::iter::successors(Some(1), |size| Some(size * 2)).take_while(|&s| s < 2 * max_batch);
    for size in sizes {
        let glyphs = vec![Glyph::new([0; PIXELS]); size];
        classifier.classify(&glyphs).map_err(|error| ApiError::Unavailable(error.to_string()))?;
    }
    Ok(Model { manifest, classifier })
}
