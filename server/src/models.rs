//! Which checkpoint is served: promotion, roll-back, and following `CURRENT`.
//!
//! Whatever asks for a change, it goes the same way: read and verify, build,
//! warm, and only then swap. A checkpoint that fails on the way is refused, and
//! the one that was serving goes on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use glyphic_model::{
    Glyph,
    checkpoint::{CheckpointError, Manifest, Registry},
    device::{ComputeDevice, Device},
    glyph::PIXELS,
};
use tokio::sync::Mutex;

use crate::{
    engine::{Engine, Model},
    error::ApiError,
};

/// Time between two looks at `CURRENT`.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Time between two tries of a checkpoint that was refused.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// The registry, the device, and the engine that serves from them; cheap to
/// clone.
#[derive(Clone)]
pub struct Models {
    registry: Registry,
    device: ComputeDevice,
    engine: Engine,
    /// Held through a change, so that changes follow one another. A tokio lock,
    /// because it is held while the new checkpoint is read.
    change: Arc<Mutex<()>>,
    max_batch: usize,
}

/// A checkpoint's id, and its manifest or what is wrong with it.
pub type Listed = (String, Result<Manifest, CheckpointError>);

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
        let engine = Engine::start(model?, queue, max_batch)?;
        Ok(Self { registry, device, engine, change: Arc::default(), max_batch })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The device that computes.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// All checkpoints, newest first; a damaged one with what is wrong with it.
    pub fn list(&self) -> Result<Vec<Listed>, CheckpointError> {
        let mut models: Vec<_> = self
            .registry
            .ids()?
            .into_iter()
            .map(|id| (id.clone(), self.registry.manifest(&id)))
            .collect();
        let created =
            |m: &Result<Manifest, CheckpointError>| m.as_ref().ok().map(|m| m.created.clone());
        models.sort_by_key(|(id, manifest)| std::cmp::Reverse((created(manifest), id.clone())));
        Ok(models)
    }

    /// The checkpoint that a roll-back would go to.
    pub fn previous(&self) -> Option<String> {
        self.registry.previous().ok()
    }

    /// Verifies, promotes and serves a checkpoint; if `from` is given, only in
    /// the place of that one.
    pub async fn promote(&self, id: String, from: Option<String>) -> Result<(), ApiError> {
        self.change(|models| async move {
            let record =
                move |registry: &Registry, id: &str| registry.promote_from(id, from.as_deref());
            models.serve(id, record).await
        })
        .await
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
            let record =
                move |registry: &Registry, _: &str| registry.roll_back(from.as_deref()).map(drop);
            models.serve(previous.clone(), record).await?;
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
            if let Err(error) = self.serve(current.clone(), |_, _| Ok(())).await {
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
        record: impl FnOnce(&Registry, &str) -> Result<(), CheckpointError> + Send + 'static,
    ) -> Result<(), ApiError> {
        let Self { registry, device, max_batch, .. } = self.clone();
        let model = tokio::task::spawn_blocking(move || {
            let model = prepare(&registry, &id, &device.device, max_batch)?;
            record(&registry, &id)?;
            Ok::<_, ApiError>(model)
        })
        .await
        .map_err(|error| ApiError::Unavailable(error.to_string()))??;
        let id = model.manifest.id.clone();
        self.engine.swap(model).await?;
        tracing::info!("serving checkpoint '{id}'");
        Ok(())
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
    // The sizes that batches are padded to on a GPU: each compiles its kernels.
    let sizes =
        std::iter::successors(Some(1), |size| Some(size * 2)).take_while(|&s| s < 2 * max_batch);
    for size in sizes {
        let glyphs = vec![Glyph::new([0; PIXELS]); size];
        classifier.classify(&glyphs).map_err(|error| ApiError::Unavailable(error.to_string()))?;
    }
    Ok(Model { manifest, classifier })
}
