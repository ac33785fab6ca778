//! The memory beside the serving network: what the samples teach is read at once, before any
//! training.
//!
//! ```text
//! samples ─► those that count and that the checkpoint was not trained on ─► keys ─► Memory ─► engine
//! ```
//!
//! A change of the samples takes effect before it is acknowledged: the handlers that make one call
//! [`TaughtMemory::refresh`] before they answer. Changes by other servers that share the database, and
//! new checkpoints, are found by looking.

use std::{collections::HashMap, sync::Arc, time::Duration};

use glyphic_model::{
    Classifier, Glyph,
    backend::DeviceFailed,
    checkpoint::Manifest,
    memory::{Key, Memory},
    preprocess::Pictures,
};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    engine::Engine,
    store::{Store, StoreError},
};

/// Most samples of a label that are remembered, and of all labels.
const OF_A_LABEL: i64 = 100;
const IN_ALL: i64 = 1000;
/// Checkpoints whose keys are kept: of the serving one, and of the one that a roll-back returns to.
const KEPT: usize = 2;
/// Time between two looks for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Samples that the network reads at once, so that requests get their turn between them.
const BATCH: usize = 16;

/// Keeps the serving network's memory in step with the samples; cheap to clone.
#[derive(Clone)]
pub struct TaughtMemory {
    store: Store,
    engine: Engine,
    /// What is known of the serving checkpoint and of the one before it, newest last: locked while
    /// that is brought up to date.
    known: Arc<Mutex<Vec<Remembered>>>,
}

/// What a checkpoint's memory was made of.
#[derive(Default)]
struct Remembered {
    checkpoint: String,
    /// The state of the samples ([`Store::taught_state`]) that the engine has it of.
    state: String,
    /// The keys by the ids of their samples.
    keys: HashMap<String, Key>,
}

/// Why the memory is not up to date.
#[derive(Debug, Error)]
pub enum TaughtError {
    /// The samples cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot compute their features.
    #[error("the network cannot read the samples: {0}")]
    Failed(String),
}

impl TaughtMemory {
    /// The memory of the network that serves in `engine`.
    pub fn new(store: Store, engine: Engine) -> Self {
        Self { store, engine: engine.without_memory(), known: Arc::default() }
    }

    /// Brings the memory up to date with the samples and the serving checkpoint. When this returns,
    /// everything that was acknowledged before the call takes part in what is read.
    pub async fn refresh(&self) -> Result<(), TaughtError> {
        let mut known = self.known.lock().await;
        let (manifest, classifier) = self.engine.classifier();
        // Before the samples: what changes between the two is found by the next refresh.
        let state = self.store.taught_state(&manifest.id).await?;
        let remembered = remembered(&mut known, &manifest.id);
        if remembered.state == state {
            return Ok(());
        }
        let memory = self.made(remembered, &manifest, &classifier).await?;
        // Otherwise another checkpoint serves meanwhile: the next refresh remembers for that one.
        if self.engine.remember(&manifest.id, memory) {
            remembered.state = state;
        }
        Ok(())
    }

    /// The memory of a checkpoint that is about to serve.
    pub async fn of(
        &self,
        manifest: &Manifest,
        classifier: &Classifier,
    ) -> Result<Option<Memory>, TaughtError> {
        let mut known = self.known.lock().await;
        let remembered = remembered(&mut known, &manifest.id);
        // The engine does not have it yet: the next refresh looks again.
        remembered.state.clear();
        self.made(remembered, manifest, classifier).await
    }

    async fn made(
        &self,
        remembered: &mut Remembered,
        manifest: &Manifest,
        classifier: &Classifier,
    ) -> Result<Option<Memory>, TaughtError> {
        // The glyphs of photographs were made as ink.
        let images = manifest.pictures == Pictures::Ink;
        let taught = self.store.taught(&manifest.id, images, OF_A_LABEL, IN_ALL).await?;
        self.complete(remembered, &taught, classifier).await?;
        let key = |(id, label): &(String, String)| {
            Some((label.clone(), remembered.keys.get(id)?.clone()))
        };
        let samples: Vec<(String, Key)> = taught.iter().filter_map(key).collect();
        Ok(Memory::new(classifier.network_labels(), &samples))
    }

    /// Drops the keys of samples that are not taught any more, and computes those that are missing.
    async fn complete(
        &self,
        last: &mut Remembered,
        taught: &[(String, String)],
        classifier: &Classifier,
    ) -> Result<(), TaughtError> {
        let mut kept = HashMap::with_capacity(taught.len());
        let mut missing = Vec::new();
        for (id, _) in taught {
            match last.keys.remove(id) {
                Some(key) => drop(kept.insert(id.clone(), key)),
                None => missing.push(id.clone()),
            }
        }
        last.keys = kept;
        for ids in missing.chunks(BATCH) {
            let (ids, glyphs) = self.store.glyphs(ids).await?.into_iter().unzip();
            last.keys.extend(keys(classifier.clone(), ids, glyphs).await?);
        }
        Ok(())
    }

    /// Follows changes that are made elsewhere; never returns.
    pub async fn follow(self) {
        let mut reported = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let problem = self.refresh().await.err().map(|error| error.to_string());
            if let Some(problem) = problem.as_ref().filter(|_| problem != reported) {
                tracing::error!("what was taught last is not read yet: {problem}");
            }
            reported = problem;
        }
    }
}

/// What is known of this checkpoint, which becomes the newest.
fn remembered<'a>(known: &'a mut Vec<Remembered>, checkpoint: &str) -> &'a mut Remembered {
    if let Some(place) = known.iter().position(|one| one.checkpoint == checkpoint) {
        known[place..].rotate_left(1);
    } else {
        known.push(Remembered { checkpoint: checkpoint.to_owned(), ..Remembered::default() });
        let old = known.len().saturating_sub(KEPT);
        known.drain(..old);
    }
    let newest = known.len() - 1;
    &mut known[newest]
}

/// The keys of these glyphs, by the ids of their samples.
async fn keys(
    classifier: Classifier,
    ids: Vec<String>,
    glyphs: Vec<Glyph>,
) -> Result<Vec<(String, Key)>, TaughtError> {
    let computed = tokio::task::spawn_blocking(move || classifier.keys(&glyphs)).await;
    let keys = computed.map_err(|error| TaughtError::Failed(error.to_string()))?;
    let keys = keys.map_err(|error: DeviceFailed| TaughtError::Failed(error.to_string()))?;
    Ok(ids.into_iter().zip(keys).collect())
}
