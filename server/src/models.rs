//! Which checkpoint is served: promotion, roll-back, and following `CURRENT`. Only the first of
//! them is a decision for the [`PromotionPolicy`].
//!
//! Every change takes the same steps: read and verify, build, warm up, and only then swap. A
//! checkpoint that fails on the way is refused, and the serving one keeps serving.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use glyphic_model::{
    Glyph, Prediction,
    checkpoint::{CheckpointError, Manifest},
    glyph::PIXELS,
};
use glyphic_runtime::{
    device::{ComputeDevice, Device},
    registry::{Aliases, Basis, PromotionPolicy, Registry, RegistryError},
};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    bucket::{Bucket, BucketError},
    engine::{Engine, EngineError, Model},
    metrics::ServerMetrics,
    taught::TaughtMemory,
};

/// Time between two looks at `CURRENT`.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Time between two tries of a checkpoint that was refused.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Most checkpoints that are loaded beside the serving one: each has a thread and its weights in
/// memory.
const MOST_LOADED: usize = 4;

/// The registry, the device, and the engine that serves from them; cheap to
/// clone.
#[derive(Clone)]
pub struct Models {
    registry: Registry,
    device: ComputeDevice,
    engine: Engine,
    /// Checkpoints that are loaded beside the serving one, by id. Locked for lookups alone.
    others: Arc<StdMutex<BTreeMap<String, Engine>>>,
    /// Locked during a change, so that changes happen one after another. A tokio lock, because it
    /// is held while the new checkpoint is read.
    change: Arc<Mutex<()>>,
    /// Locked while the checkpoints are listed.
    listing: Arc<Mutex<()>>,
    /// The registry that is shared with other servers, if this one is a copy of it.
    bucket: Option<Bucket>,
    /// What a checkpoint must keep and gain to be promoted.
    policy: PromotionPolicy,
    /// What a checkpoint that is to serve remembers.
    memory: Arc<OnceLock<TaughtMemory>>,
    /// What was last reported of the files that name checkpoints.
    reported: Arc<StdMutex<Reported>>,
    queue: usize,
    max_batch: usize,
}

/// What is wrong with a file that names checkpoints, as it was last reported.
#[derive(Default)]
struct Reported {
    current: Option<String>,
    aliases: Option<String>,
}

/// A checkpoint's id, and its manifest or why that cannot be read.
pub type ListedManifest = (String, Result<Manifest, RegistryError>);

/// Why a checkpoint is not served, loaded or changed.
#[derive(Debug, Error)]
pub enum ModelsError {
    /// The network cannot answer, or the server is too busy.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The registry or one of its checkpoints.
    #[error(transparent)]
    Checkpoint(#[from] RegistryError),
    /// The shared registry cannot be read or changed.
    #[error(transparent)]
    Bucket(BucketError),
    /// The checkpoint is not loaded.
    #[error("'{model}' is not loaded")]
    NotLoaded {
        /// Its id.
        model: String,
    },
    /// The serving checkpoint was to be unloaded.
    #[error("the serving checkpoint cannot be unloaded")]
    AlwaysServes,
    /// No more checkpoints can be loaded.
    #[error("{0} checkpoints are loaded beside the serving one")]
    TooManyLoaded(usize),
}

impl From<BucketError> for ModelsError {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Checkpoint(error) => Self::Checkpoint(error),
            error => Self::Bucket(error),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> ModelsError {
    ModelsError::Engine(EngineError::Unavailable(error.to_string()))
}

impl Models {
    /// Loads the promoted checkpoint and starts serving it. If it is damaged, the ones promoted
    /// before it are tried, newest first. What killed processes left behind is removed.
    pub fn start(
        registry: Registry,
        device: ComputeDevice,
        queue: usize,
        max_batch: usize,
    ) -> anyhow::Result<Self> {
        if let Err(error) = registry.remove_leftovers() {
            tracing::warn!("what killed processes left behind cannot be removed: {error}");
        }
        let current = registry.current()?;
        let mut model = prepare(&registry, &current, &device.device, max_batch);
        for earlier in registry.history()?.iter().skip(1) {
            let Err(error) = &model else { break };
            tracing::error!(%error, "the promoted checkpoint is refused; trying '{earlier}'");
            model = prepare(&registry, earlier, &device.device, max_batch);
        }
        let (model, metrics) = (model?, ServerMetrics::new()?);
        metrics.serves(&model.manifest.id, None);
        let engine = Engine::start(model, queue, max_batch, metrics)?;
        let (others, change, listing, bucket) = Default::default();
        let (policy, reported, memory) = Default::default();
        Ok(Self {
            registry,
            device,
            engine,
            others,
            change,
            listing,
            bucket,
            policy,
            memory,
            reported,
            queue,
            max_batch,
        })
    }

    /// The same, with a registry that is the copy of a shared one.
    pub fn shared_in(self, bucket: Option<Bucket>) -> Self {
        Self { bucket, ..self }
    }

    /// Has checkpoints that begin to serve remember what was taught. Later calls change nothing.
    pub fn remember(&self, memory: TaughtMemory) {
        let _ = self.memory.set(memory);
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The device that computes.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// The engine of this checkpoint, if it is loaded or serving.
    pub fn loaded(&self, id: &str) -> Option<Engine> {
        let other = self.others().get(id).cloned();
        other.or_else(|| (self.engine.serving().id == id).then(|| self.engine.clone()))
    }

    /// Loads a checkpoint beside the serving one: verified, built and warmed up like one that is
    /// to serve.
    pub async fn load(&self, id: String) -> Result<(), ModelsError> {
        self.change(|models| async move {
            // The serving checkpoint is loaded too: it may soon be replaced.
            if models.others().contains_key(&id) {
                return Ok(());
            }
            if models.others().len() >= MOST_LOADED {
                return Err(ModelsError::TooManyLoaded(MOST_LOADED));
            }
            let engine = models.beside(id.clone()).await?;
            models.others().insert(id, engine);
            Ok(())
        })
        .await
    }

    /// A checkpoint with an engine of its own, which ends when its last handle is dropped.
    pub async fn beside(&self, id: String) -> Result<Engine, ModelsError> {
        let model = self.prepared(id).await?;
        // Metrics of its own: the server's count only the answers to its clients.
        let metrics = ServerMetrics::new().map_err(|error| failed(&error))?;
        Engine::start(model, self.queue, self.max_batch, metrics).map_err(|error| failed(&error))
    }

    /// Unloads a checkpoint that was loaded beside the serving one. Requests that have reached it
    /// are still answered.
    pub fn unload(&self, id: &str) -> Result<(), ModelsError> {
        if self.others().remove(id).is_some() {
            return Ok(());
        }
        match self.engine.serving().id == id {
            true => Err(ModelsError::AlwaysServes),
            false => Err(ModelsError::NotLoaded { model: id.to_owned() }),
        }
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<String, Engine>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All checkpoints, newest first, without what they were trained on; a damaged one with its
    /// error. One list is made at a time: a manifest may have megabytes.
    pub async fn list(&self) -> Result<Vec<ListedManifest>, ModelsError> {
        let registry = self.registry.clone();
        let alone = Arc::clone(&self.listing).lock_owned().await;
        let listed = tokio::task::spawn_blocking(move || {
            let _alone = alone;
            let shorter = |manifest| Manifest {
                training: serde_json::Value::Null,
                datasets: Vec::new(),
                ..manifest
            };
            let read = |id: String| (id.clone(), registry.manifest(&id).map(shorter));
            let mut models: Vec<_> = registry.ids()?.into_iter().map(read).collect();
            let created =
                |m: &Result<Manifest, RegistryError>| m.as_ref().ok().map(|m| m.created.clone());
            models.sort_by_key(|(id, manifest)| std::cmp::Reverse((created(manifest), id.clone())));
            Ok::<_, RegistryError>(models)
        });
        Ok(listed.await.map_err(|error| failed(&error))??)
    }

    /// Aliases and pins; none while their file is damaged, which is reported once.
    pub fn aliases(&self) -> Aliases {
        let aliases = self.registry.aliases();
        self.report(&aliases, "aliases and pins have no effect", |last| &mut last.aliases);
        aliases.unwrap_or_default()
    }

    /// Reports what is wrong with a file that names checkpoints, and what follows from it, when it
    /// begins, when it changes, and when it ends.
    fn report<T>(
        &self,
        found: &Result<T, RegistryError>,
        consequence: &str,
        of: impl FnOnce(&mut Reported) -> &mut Option<String>,
    ) {
        let problem = found.as_ref().err().map(ToString::to_string);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let last = of(&mut reported);
        if *last == problem {
            return;
        }
        match &problem {
            Some(problem) => tracing::error!("{problem}. Until then {consequence}"),
            None => tracing::info!("what was damaged in the artifacts folder is repaired"),
        }
        *last = problem;
    }

    /// The checkpoint that a roll-back would go to.
    pub async fn previous(&self) -> Option<String> {
        self.on_disk(Registry::previous).await.ok()
    }

    /// Verifies, promotes and serves a checkpoint, named by its id or an alias, unless the policy
    /// objects. If `from` is given, the checkpoint is promoted only if `from` is promoted now.
    pub async fn promote(
        &self,
        name: String,
        from: Option<String>,
        basis: Basis,
    ) -> Result<(), ModelsError> {
        self.change(move |models| async move {
            let asked = name.clone();
            let id = models.on_disk(move |registry| registry.resolve(&asked)).await?;
            if let Some(bucket) = &models.bucket {
                // It may have been sent since the last look.
                bucket.fetch_missing(&id).await?;
            }
            let (promoted, policy) = (id.clone(), models.policy);
            let record = move |registry: &Registry| {
                let id = &promoted;
                // Somebody may have moved the alias meanwhile.
                let found = registry.resolve(&name)?;
                if found != *id {
                    return Err(RegistryError::PromotedMeanwhile { expected: id.clone(), found });
                }
                registry.promote_if_allowed(id, from.as_deref(), &policy, &basis)
            };
            models.serve(id, models.record(record)).await
        })
        .await
    }

    /// Removes all but the newest `keep` checkpoints and those that are needed: the promoted one,
    /// the one promoted before it, and those that are pinned, have an alias, or are loaded here.
    /// Returns the ids of the removed ones, which can be [restored](Self::restore) for a day.
    pub async fn prune(&self, keep: usize) -> Result<Vec<String>, ModelsError> {
        self.change(move |models| async move {
            let used = models.used();
            let gone = match models.bucket.clone() {
                None => models.record(move |registry| registry.prune(keep, &used)).await?,
                Some(bucket) => {
                    // First in the shared registry: other servers may need one of them.
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

    /// The ids of the checkpoints that [`prune`](Self::prune) would remove.
    pub async fn prunable(&self, keep: usize) -> Result<Vec<String>, ModelsError> {
        let used = self.used();
        self.on_disk(move |registry| registry.prunable(keep, &used)).await
    }

    /// Restores a checkpoint that this server has removed, here and in the shared registry.
    pub async fn restore(&self, id: String) -> Result<(), ModelsError> {
        self.change(move |models| async move {
            let removed = id.clone();
            models.on_disk(move |registry| registry.restore(&removed)).await?;
            if let Some(bucket) = &models.bucket {
                bucket.send(bucket.registry(), &id).await?;
            }
            tracing::info!("restored checkpoint '{id}'");
            Ok(())
        })
        .await
    }

    /// The checkpoints that are loaded or serving here.
    fn used(&self) -> Vec<String> {
        let mut used: Vec<String> = self.others().keys().cloned().collect();
        used.push(self.engine.serving().id.clone());
        used
    }

    /// Changes aliases or pins, here and in the shared registry.
    pub async fn change_aliases<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, RegistryError> + Send + Sync + 'static,
    ) -> Result<T, ModelsError> {
        self.change(move |models| async move { models.record(change).await }).await
    }

    /// Changes the registry, and the shared one first; the caller holds the lock for changes.
    async fn record<T: Send + 'static>(
        &self,
        change: impl Fn(&Registry) -> Result<T, RegistryError> + Send + Sync + 'static,
    ) -> Result<T, ModelsError> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.record(change).await?),
            None => self.on_disk(change).await,
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, ModelsError> {
        let registry = self.registry.clone();
        let done = tokio::task::spawn_blocking(move || work(&registry));
        Ok(done.await.map_err(|error| failed(&error))??)
    }

    /// Sends a checkpoint to the shared registry, if there is one.
    pub async fn share(&self, id: &str) -> Result<(), ModelsError> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.send(&self.registry, id).await?),
            None => Ok(()),
        }
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Goes back to the checkpoint that was promoted before; returns its id. If `from` is given,
    /// it happens only if that one is still promoted. This is no promotion: the policy is not
    /// asked, because the checkpoint served before.
    pub async fn roll_back(&self, from: Option<String>) -> Result<String, ModelsError> {
        self.change(|models| async move {
            // From the present one, not from one that others promote meanwhile.
            let (previous, current) =
                models.on_disk(|registry| Ok((registry.previous()?, registry.current()?))).await?;
            let from = from.or(Some(current));
            let record = move |registry: &Registry| registry.roll_back(from.as_deref()).map(drop);
            models.serve(previous.clone(), models.record(record)).await?;
            Ok(previous)
        })
        .await
    }

    /// Runs a change to its end, alone, in a task of its own: if the client disconnects, the
    /// change is still finished under the lock.
    async fn change<T: Send + 'static, F>(
        &self,
        change: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ModelsError>
    where
        F: Future<Output = Result<T, ModelsError>> + Send + 'static,
    {
        let models = self.clone();
        let task = tokio::spawn(async move {
            let _alone = Arc::clone(&models.change).lock_owned().await;
            change(models).await
        });
        task.await.map_err(|error| failed(&error))?
    }

    /// Keeps the registry in step with the shared one. Returns at once if there is none, else
    /// never.
    pub async fn follow_bucket(self) {
        if let Some(bucket) = self.bucket.clone() {
            bucket.follow(move || self.used()).await;
        }
    }

    /// Serves the checkpoint that `CURRENT` names, whenever it changes; never returns. This is no
    /// promotion: that was decided where `CURRENT` was changed. A checkpoint that is refused because it
    /// cannot be served is reported once and tried again from time to time: its files may still be
    /// being copied.
    pub async fn follow_current(self) {
        let mut refused: Option<(String, String, Instant)> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let _change = self.change.lock().await;
            let models = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                // Nobody may ask for the aliases for days, so they are looked at here too.
                models.aliases();
                models.registry.current()
            });
            let Ok(current) = looked.await else { continue };
            let consequence = format!("'{}' keeps serving", self.engine.serving().id);
            self.report(&current, &consequence, |last| &mut last.current);
            let Ok(current) = current else { continue };
            if current == self.engine.serving().id {
                refused = None;
                continue;
            }
            let before = refused.as_ref().filter(|(id, ..)| *id == current);
            if before.is_some_and(|(.., tried)| tried.elapsed() < RETRY_EVERY) {
                continue;
            }
            if let Err(error) = self.serve(current.clone(), async { Ok(()) }).await {
                let message = error.to_string();
                if before.is_none_or(|(_, reported, _)| *reported != message) {
                    let serving = &self.engine.serving().id;
                    tracing::error!(
                        "checkpoint '{current}' is refused, so '{serving}' keeps serving: {message}"
                    );
                }
                refused = Some((current, message, Instant::now()));
            }
        }
    }

    /// Prepares a checkpoint, then records the change, then swaps. In this order a failure changes
    /// nothing: a checkpoint that is not recorded is not served.
    async fn serve(
        &self,
        id: String,
        record: impl Future<Output = Result<(), ModelsError>>,
    ) -> Result<(), ModelsError> {
        let metrics = self.engine.metrics();
        let ready = async {
            let model = self.prepared(id).await?;
            record.await.map(|()| model)
        };
        let mut model = ready.await.inspect_err(|_| metrics.swap("refused"))?;
        let id = model.manifest.id.clone();
        if let Some(memory) = self.memory.get() {
            // Before it serves, so that what was taught is read all the time. Without its samples a
            // checkpoint serves all the same.
            let taught = memory.of(&model.manifest, &model.classifier).await;
            let report = |error: &_| tracing::error!("'{id}' does not remember samples: {error}");
            model.memory = taught.inspect_err(report).unwrap_or_default();
        }
        self.engine.swap(model).await?;
        metrics.swap("served");
        tracing::info!("serving checkpoint '{id}'");
        Ok(())
    }

    /// A checkpoint that is ready to answer.
    async fn prepared(&self, id: String) -> Result<Model, ModelsError> {
        let Self { registry, device, max_batch, .. } = self.clone();
        let prepared =
            tokio::task::spawn_blocking(move || prepare(&registry, &id, &device.device, max_batch));
        prepared.await.map_err(|error| failed(&error))?
    }
}

/// Reads, verifies, builds and warms up a checkpoint.
fn prepare(
    registry: &Registry,
    id: &str,
    device: &Device,
    max_batch: usize,
) -> Result<Model, ModelsError> {
    let checkpoint = registry.load(id, device)?;
    let manifest = checkpoint.manifest.clone();
    let classifier = checkpoint.into_classifier(device);
    if *device == Device::flex() && !classifier.uses_kernels() {
        tracing::warn!(
            "the CPU kernels do not give the results of burn for '{id}', so burn computes it, \
             which is slower"
        );
    }
    // Batches on a GPU are padded to these sizes, and each size compiles kernels of its own.
    let sizes =
        std::iter::successors(Some(1), |size| Some(size * 2)).take_while(|&s| s < 2 * max_batch);
    for size in sizes {
        // Full of ink, which makes the largest numbers.
        let glyphs = vec![Glyph::new([u8::MAX; PIXELS]); size];
        let read = classifier.classify(&glyphs).map_err(|error| failed(&error))?;
        if !read.iter().all(Prediction::is_finite) {
            return Err(RegistryError::from(CheckpointError::Overflows(id.to_owned())).into());
        }
    }
    Ok(Model { manifest, classifier, memory: None })
}
