//! A candidate that reads along: it gets a share of what the serving checkpoint has
//! answered, nobody sees its answers, and where the two disagree the picture is kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use glyphic_model::{
    Glyph, Prediction,
    checkpoint::{CANDIDATE, Manifest},
    glyph::PREPROCESSING_VERSION,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    engine::Engine,
    models::Models,
    store::samples::{Form, NewSample},
    teach::Teaching,
};

/// Time between two looks at which checkpoint is the candidate.
const LOOK_EVERY: Duration = Duration::from_secs(1);
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
        Self { share, models, teaching, state: Arc::default() }
    }

    /// Follows the label `candidate`; never returns.
    pub async fn follow(self) {
        if self.share <= 0.0 {
            return;
        }
        let mut refused = String::new();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let registry = self.models.registry().clone();
            let marks = tokio::task::spawn_blocking(move || registry.marks()).await;
            let Ok(Ok(marks)) = marks else { continue };
            let serving = self.models.engine().serving().id.clone();
            let wanted = marks.labels.get(CANDIDATE).filter(|id| **id != serving).cloned();
            if wanted == self.candidate() {
                continue;
            }
            let engine = match &wanted {
                Some(id) if *id == refused => continue,
                Some(id) => match self.models.beside(id.clone()).await {
                    Ok(engine) => Some(engine),
                    Err(error) => {
                        tracing::error!("the candidate '{id}' cannot read along: {error}");
                        refused = id.clone();
                        None
                    }
                },
                None => None,
            };
            self.with(|state| *state = State { candidate: engine, ..State::default() });
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
        for (glyph, prediction) in answered {
            if fastrand::f32() >= self.share {
                continue;
            }
            let (glyph, prediction) = (glyph.clone(), prediction.clone());
            let (shadow, serving) = (self.clone(), Arc::clone(serving));
            let candidate = candidate.clone();
            tokio::spawn(async move {
                // A candidate that is too slow or fails misses a glyph, and nobody waits.
                let Ok(said) = candidate.predict(glyph.clone()).await else { return };
                let label = |manifest: &Manifest, prediction: &Prediction| {
                    manifest.labels.get(prediction.index).cloned().unwrap_or_default()
                };
                let before = label(&serving, &prediction);
                let after = label(&said.model, &said.prediction);
                shadow.note(&serving, glyph, &prediction, before, after).await;
            });
        }
    }

    async fn note(
        &self,
        serving: &Manifest,
        glyph: Glyph,
        prediction: &Prediction,
        before: String,
        after: String,
    ) {
        let meters = self.models.engine().meters();
        if before == after {
            meters.shadow("agreed");
            return self.with(|state| state.agreed += 1);
        }
        meters.shadow("disagreed");
        let sample = self.keep(serving, glyph, prediction, before.clone()).await;
        self.with(|state| {
            state.disagreed += 1;
            state.last.push_front(Disagreement { serving: before, candidate: after, sample });
            state.last.truncate(REMEMBERED);
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
                tracing::warn!("a disagreement is not kept: {error}");
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
