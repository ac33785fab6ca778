//! Shadow mode: a candidate reads a share of what the serving checkpoint has answered. Its
//! answers go to no client. Where the two disagree, the glyph is kept as a sample, if the operator
//! wants that: nobody taught it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use glyphic_model::{Glyph, Prediction, checkpoint::Manifest, glyph::PREPROCESSING_VERSION};
use glyphic_runtime::registry::CANDIDATE;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::{
    engine::Engine,
    jobs::TrainingService,
    models::Models,
    samples::{Form, NewSample, Sender},
};

/// Time between two looks at which checkpoint is the candidate.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two tries of a candidate that could not be loaded.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// Most requests whose glyphs wait for the candidate; it does not read further ones.
const WAITING: usize = 64;
/// Most disagreements in a report.
const REMEMBERED: usize = 100;
/// The source of the samples that disagreements are kept as.
const SOURCE: &str = "shadow";

/// The candidate and how often it agreed; cheap to clone.
#[derive(Clone)]
pub struct Shadow {
    /// Share (0–1) of the answered glyphs that the candidate reads too.
    share: f32,
    models: Models,
    training: Option<TrainingService>,
    state: Arc<Mutex<ShadowState>>,
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct ShadowState {
    candidate: Option<Engine>,
    agreed: u64,
    disagreed: u64,
    last: VecDeque<Disagreement>,
}

/// How the candidate compares with the serving checkpoint.
#[derive(Serialize, ToSchema)]
pub struct ShadowReport {
    /// The checkpoint with the alias `candidate`.
    candidate: Option<String>,
    /// The share (0 to 1) of the answered glyphs that it reads.
    share: f32,
    /// Glyphs that both read alike.
    agreed: u64,
    /// Glyphs that they read differently.
    disagreed: u64,
    /// The share (0 to 1) of glyphs that both read alike.
    agreement: Option<f64>,
    /// The last disagreements, newest first; with the token alone.
    disagreements: Vec<Disagreement>,
}

impl ShadowReport {
    /// The same without what was in single requests.
    pub fn without_disagreements(self) -> Self {
        Self { disagreements: Vec::new(), ..self }
    }
}

/// A glyph that the two read differently.
#[derive(Clone, Serialize, ToSchema)]
pub struct Disagreement {
    /// What the serving checkpoint read.
    serving: String,
    /// What the candidate read.
    candidate: String,
    /// The sample that it is kept as, if the server keeps it.
    sample: Option<String>,
}

impl Shadow {
    /// There is no candidate until a checkpoint gets the alias `candidate`.
    pub fn new(share: f32, models: Models, training: Option<TrainingService>) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self { share, models, training, state: Arc::default(), waiting }
    }

    /// Follows the alias `candidate`; never returns unless the share is 0.
    pub async fn follow(self) {
        if self.share <= 0.0 {
            return;
        }
        let mut refused: Option<(String, Instant)> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let registry = self.models.registry().clone();
            let aliases = tokio::task::spawn_blocking(move || registry.aliases()).await;
            let Ok(Ok(aliases)) = aliases else { continue };
            let serving = self.models.engine().serving().id.clone();
            let wanted = aliases.aliases.get(CANDIDATE).filter(|id| **id != serving).cloned();
            if wanted == self.candidate() {
                continue;
            }
            // A checkpoint that lost the alias stops reading, even if the next one cannot be loaded.
            self.with(|state| *state = ShadowState::default());
            let Some(id) = wanted else { continue };
            let tried = refused.as_ref().filter(|(refused, _)| *refused == id);
            if tried.is_some_and(|(_, tried)| tried.elapsed() < RETRY_EVERY) {
                continue;
            }
            match self.models.beside(id.clone()).await {
                Ok(engine) => {
                    // Not on the threads of requests, which wait for nothing here.
                    let candidate = Some(engine.queued());
                    self.with(|state| *state = ShadowState { candidate, ..ShadowState::default() });
                }
                Err(error) => {
                    tracing::error!("the candidate '{id}' cannot be loaded: {error}");
                    refused = Some((id, Instant::now()));
                }
            }
        }
    }

    /// How the candidate compares so far.
    pub fn report(&self) -> ShadowReport {
        let candidate = self.candidate();
        self.with(|state| {
            let read = state.agreed + state.disagreed;
            ShadowReport {
                candidate,
                share: self.share,
                agreed: state.agreed,
                disagreed: state.disagreed,
                agreement: (read > 0).then(|| state.agreed as f64 / read as f64),
                disagreements: state.last.iter().cloned().collect(),
            }
        })
    }

    /// Has the candidate read its share of what was answered, in the background.
    pub fn compare<'a>(
        &self,
        serving: &Arc<Manifest>,
        answered: impl IntoIterator<Item = (&'a Glyph, &'a Prediction)>,
    ) {
        if self.share <= 0.0 {
            return;
        }
        let Some(candidate) = self.with(|state| state.candidate.clone()) else { return };
        // The glyphs were made for the serving checkpoint.
        if candidate.serving().pictures != serving.pictures {
            return;
        }
        // A candidate that is too slow misses these glyphs: no request waits for it.
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else { return };
        // What was taught has not been trained: the candidate cannot know it either.
        let answered = answered.into_iter().filter(|(_, prediction)| prediction.taught.is_none());
        let chosen = answered.filter(|_| fastrand::f32() < self.share);
        let chosen: Vec<(Glyph, Prediction)> =
            chosen.map(|(glyph, prediction)| (glyph.clone(), prediction.clone())).collect();
        if chosen.is_empty() {
            return;
        }
        let (shadow, serving) = (self.clone(), Arc::clone(serving));
        tokio::spawn(async move {
            // Held until the disagreements are kept.
            let _place = place;
            let glyphs = chosen.iter().map(|(glyph, _)| glyph.clone()).collect();
            let Ok(read) = candidate.predict_all(glyphs).await else { return };
            let label = |manifest: &Manifest, prediction: &Prediction| {
                manifest.labels.get(prediction.index).cloned().unwrap_or_default()
            };
            for ((glyph, prediction), after) in chosen.into_iter().zip(&read.prediction) {
                let pair = [label(&serving, &prediction), label(&read.model, after)];
                shadow.note(&serving, &read.model.id, glyph, &prediction, pair).await;
            }
        });
    }

    async fn note(
        &self,
        serving: &Manifest,
        candidate: &str,
        glyph: Glyph,
        prediction: &Prediction,
        [before, after]: [String; 2],
    ) {
        // The candidate may have changed since.
        let still = |state: &ShadowState| {
            state.candidate.as_ref().is_some_and(|engine| engine.serving().id == candidate)
        };
        let metrics = self.models.engine().metrics();
        if before == after {
            metrics.shadow("agreed");
            return self.with(|state| state.agreed += u64::from(still(state)));
        }
        metrics.shadow("disagreed");
        let sample = self.keep(serving, glyph, prediction, before.clone()).await;
        self.with(|state| {
            if still(state) {
                state.disagreed += 1;
                state.last.push_front(Disagreement { serving: before, candidate: after, sample });
                state.last.truncate(REMEMBERED);
            }
        });
    }

    /// Keeps a glyph as a sample to be labelled, if that is wanted, within the quotas.
    async fn keep(
        &self,
        serving: &Manifest,
        glyph: Glyph,
        prediction: &Prediction,
        read: String,
    ) -> Option<String> {
        let training = self.training.as_ref().filter(|t| t.keeping.disagreements)?;
        let sample = NewSample {
            source: SOURCE.to_owned(),
            label: None,
            prediction: read,
            confidence: f64::from(prediction.confidence()),
            verdict: serving.thresholds.verdict(prediction).name().to_owned(),
            checkpoint: serving.id.clone(),
            preprocessing: PREPROCESSING_VERSION,
            form: Form::Pixels,
            raw: glyph.pixels().to_vec(),
            glyph,
            held_back: None,
        };
        match training.store.add(vec![sample], &Sender::default(), training.quota).await {
            Ok(added) => added.into_iter().next().map(|added| added.id),
            Err(error) => {
                tracing::debug!("a disagreement could not be stored: {error}");
                None
            }
        }
    }

    fn candidate(&self) -> Option<String> {
        self.with(|state| state.candidate.as_ref().map(|engine| engine.serving().id.clone()))
    }

    /// A lock, because the candidate may answer on any thread; it is held only to count.
    fn with<T>(&self, change: impl FnOnce(&mut ShadowState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
