//! The memory beside the serving network: what the samples teach is read at once, before any
//! training.
//!
//! ```text
//! samples ─► those that count and that the checkpoint was not trained on ─► keys ─► Memory ─► engine
//! ```
//!
//! A change of the samples is in force when it is acknowledged: whoever makes one calls
//! [`TaughtMemory::refresh`] before it answers. Changes by other servers that share the database, and
//! new checkpoints, are found by looking.

use std::{collections::HashMap, sync::Arc, time::Duration};

use glyphic_model::{
    Classifier, Glyph,
    backend::DeviceFailed,
    memory::{Key, Memory},
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
/// Time between two looks for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Samples that the network reads at once, so that requests get their turn between them.
const BATCH: usize = 16;

/// Keeps the serving network's memory in step with the samples; cheap to clone.
#[derive(Clone)]
pub struct TaughtMemory {
    store: Store,
    engine: Engine,
    /// Locked while it is brought up to date.
    last: Arc<Mutex<Remembered>>,
}

/// What the memory was made of.
#[derive(Default)]
struct Remembered {
    checkpoint: String,
    /// The state of the samples ([`Store::taught_state`]).
    state: String,
    /// The keys by the ids of their samples, for this checkpoint.
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
        Self { store, engine: engine.without_memory(), last: Arc::default() }
    }

    /// Brings the memory up to date with the samples and the serving checkpoint. When this returns,
    /// everything that was acknowledged before the call takes part in what is read.
    pub async fn refresh(&self) -> Result<(), TaughtError> {
        let mut last = self.last.lock().await;
        let checkpoint = self.engine.serving().id.clone();
        // Before the samples: what changes between the two is found by the next refresh.
        let state = self.store.taught_state().await?;
        if (&last.checkpoint, &last.state) == (&checkpoint, &state) {
            return Ok(());
        }
        if last.checkpoint != checkpoint {
            *last = Remembered { checkpoint: checkpoint.clone(), ..Remembered::default() };
        }
        let taught = self.store.taught(&checkpoint, OF_A_LABEL, IN_ALL).await?;
        let classifier = self.engine.classifier();
        self.complete(&mut last, &taught, &classifier).await?;
        let key =
            |(id, label): &(String, String)| Some((label.clone(), last.keys.get(id)?.clone()));
        let samples: Vec<(String, Key)> = taught.iter().filter_map(key).collect();
        // Otherwise another checkpoint serves meanwhile: the next refresh remembers for that one.
        if self.engine.remember(&checkpoint, Memory::new(classifier.network_labels(), &samples)) {
            last.state = state;
        }
        Ok(())
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
