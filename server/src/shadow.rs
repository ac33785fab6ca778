//! A candidate that reads along: it gets a share of what the serving checkpoint has
//! answered, nobody sees its answers, and where the two disagree the picture is kept.

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
    models::Models,
    store::samples::{Form, NewSample},
    teach::Teaching,
};

/// Time between two looks at which checkpoint is the candidate.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two tries of a candidate that could not be loaded.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// Most requests whose glyphs wait for the candidate; those beyond are not read by it.
const WAITING: usize = 64;
/// Most disagreements that are remembered; with a database all of them are kept.
const REMEMBERED: usize = 100;
/// The source of the samples that disagreements are kept as.
const SOURCE: &str = "shadow";

/// The candidate and what came of its readings; cheap to clone.
#[derive(Clone)]
pub struct Shadow {
    /// Share (0–1) of the answered glyphs that the candidate reads too.
    share: f32,
    models: Models,
    teaching: Option<Teaching>,
    state: Arc<Mutex<State>>,
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    candidate: Option<Engine>,
    agreed: u64,
    disagreed: u64,
    last: VecDeque<Disagreement>,
}

/// How a candidate compares, as far as it was asked.
#[derive(Serialize, ToSchema)]
pub struct Report {
    /// The checkpoint that reads along: the one with the label `candidate`.
    candidate: Option<String>,
    /// The share (0 to 1) of what is answered that it reads too.
    share: f32,
    /// Glyphs on which both said the same.
    agreed: u64,
    /// Glyphs on which they did not.
    disagreed: u64,
    /// The share (0 to 1) on which both said the same.
    agreement: Option<f64>,
    /// The last disagreements, newest first.
    disagreements: Vec<Disagreement>,
}

/// A glyph on which the two disagree.
#[derive(Clone, Serialize, ToSchema)]
pub struct Disagreement {
    /// What the serving checkpoint said.
    serving: String,
    /// What the candidate said.
    candidate: String,
    /// The sample that it is kept as, if there is a database.
    sample: Option<String>,
}

impl Shadow {
    /// Nobody reads along until a checkpoint is labelled `candidate`.
    pub fn new(share: f32, models: Models, teaching: Option<Teaching>) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self { share, models, teaching, state: Arc::default(), waiting }
    }

    /// Follows the label `candidate`; never returns.
    pub async fn follow(self) {
        if self.share <= 0.0 {
            return;
        }
        let mut refused: Option<(String, Instant)> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let registry = self.models.registry().clone();
            let marks = tokio::task::spawn_blocking(move || registry.aliases()).await;
            let Ok(Ok(marks)) = marks else { continue };
            let serving = self.models.engine().serving().id.clone();
            let wanted = marks.aliases.get(CANDIDATE).filter(|id| **id != serving).cloned();
            if wanted == self.candidate() {
                continue;
            }
            // Whoever has lost the label reads no more, whatever becomes of the next one.
            self.with(|state| *state = State::default());
            let Some(id) = wanted else { continue };
            let tried = refused.as_ref().filter(|(known, _)| *known == id);
            if tried.is_some_and(|(_, tried)| tried.elapsed() < RETRY_EVERY) {
                continue;
            }
            match self.models.beside(id.clone()).await {
                Ok(engine) => {
                    // Not on the threads of those who wait for an answer.
                    let candidate = Some(engine.queued());
                    self.with(|state| *state = State { candidate, ..State::default() });
                }
                Err(error) => {
                    tracing::error!("the candidate '{id}' cannot read along: {error}");
                    refused = Some((id, Instant::now()));
                }
            }
        }
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        let candidate = self.candidate();
        self.with(|state| {
            let read = state.agreed + state.disagreed;
            Report {
                candidate,
                share: self.share,
                agreed: state.agreed,
                disagreed: state.disagreed,
                agreement: (read > 0).then(|| state.agreed as f64 / read as f64),
                disagreements: state.last.iter().cloned().collect(),
            }
        })
    }

    /// Has the candidate read what was answered, if it is its turn; the answer waits for
    /// nothing of it.
    pub fn look<'a>(
        &self,
        serving: &Arc<Manifest>,
        answered: impl IntoIterator<Item = (&'a Glyph, &'a Prediction)>,
    ) {
        if self.share <= 0.0 {
            return;
        }
        let Some(candidate) = self.with(|state| state.candidate.clone()) else { return };
        // A candidate that is too slow or fails misses them, and nobody waits.
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else { return };
        let chosen = answered.into_iter().filter(|_| fastrand::f32() < self.share);
        let chosen: Vec<(Glyph, Prediction)> =
            chosen.map(|(glyph, prediction)| (glyph.clone(), prediction.clone())).collect();
        if chosen.is_empty() {
            return;
        }
        let (shadow, serving) = (self.clone(), Arc::clone(serving));
        tokio::spawn(async move {
            // Held until what they disagree on is kept.
            let _place = place;
            let glyphs = chosen.iter().map(|(glyph, _)| glyph.clone()).collect();
            let Ok(said) = candidate.predict_all(glyphs).await else { return };
            let label = |manifest: &Manifest, prediction: &Prediction| {
                manifest.labels.get(prediction.index).cloned().unwrap_or_default()
            };
            for ((glyph, prediction), after) in chosen.into_iter().zip(&said.prediction) {
                let pair = [label(&serving, &prediction), label(&said.model, after)];
                shadow.note(&serving, &said.model.id, glyph, &prediction, pair).await;
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
        // Another one may read along since.
        let still = |state: &State| {
            state.candidate.as_ref().is_some_and(|engine| engine.serving().id == candidate)
        };
        let meters = self.models.engine().meters();
        if before == after {
            meters.shadow("agreed");
            return self.with(|state| state.agreed += u64::from(still(state)));
        }
        meters.shadow("disagreed");
        let sample = self.keep(serving, glyph, prediction, before.clone()).await;
        self.with(|state| {
            if still(state) {
                state.disagreed += 1;
                state.last.push_front(Disagreement { serving: before, candidate: after, sample });
                state.last.truncate(REMEMBERED);
            }
        });
    }

    /// Keeps a glyph to be labelled; its quota is that of any source.
    async fn keep(
        &self,
        serving: &Manifest,
        glyph: Glyph,
        prediction: &Prediction,
        read: String,
    ) -> Option<String> {
        let teaching = self.teaching.as_ref()?;
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
        match teaching.store.add(vec![sample], teaching.quota).await {
            Ok(added) => added.into_iter().next().map(|added| added.id),
            Err(error) => {
                tracing::debug!("a disagreement is not kept: {error}");
                None
            }
        }
    }

    fn candidate(&self) -> Option<String> {
        self.with(|state| state.candidate.as_ref().map(|engine| engine.serving().id.clone()))
    }

    /// A lock, because readings of the candidate end on any thread; it is held for a count.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
