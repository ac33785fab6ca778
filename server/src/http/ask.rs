//! Asks the serving network a question, again and again until it answers.

use std::{net::IpAddr, sync::Arc, time::Duration};

use glyphic_model::{
    Glyph, Prediction, Thresholds,
    checkpoint::Manifest,
    number::{Question, Reader, Step},
};

use super::error::ApiError;
use crate::{app::App, config::ThresholdOverrides, engine::Predicted, samples::Effort};

/// Most glyphs that go to the network at once, so that others get their turn between them.
const AT_ONCE: usize = 768;
/// How often more than these are read anew because a label came or went meanwhile.
const TRIES: usize = 4;

/// An answer, and what it comes from.
pub struct Asked<A> {
    /// The answer.
    pub answer: A,
    /// The checkpoint that gave it.
    pub model: Arc<Manifest>,
    /// The thresholds that its verdicts are decided by.
    pub thresholds: Thresholds,
    /// How long it waited for the network, and how long that computed.
    pub queue: Duration,
    pub compute: Duration,
}

/// Asks the serving network. `check` refuses a checkpoint for which the question was not made. If it takes
/// long to answer, `effort` says how long: that is done on a thread for blocking work.
pub async fn ask<Q>(
    app: &App,
    client: IpAddr,
    mut question: Q,
    effort: Option<Effort>,
    overrides: ThresholdOverrides,
    check: impl Fn(&Manifest) -> Result<(), ApiError>,
) -> Result<Asked<Q::Answer>, ApiError>
where
    Q: Question + Send + 'static,
    Q::Answer: Send + 'static,
{
    let (mut queue, mut compute) = (Duration::ZERO, Duration::ZERO);
    loop {
        let predicted = predict_all(app, question.glyphs()).await?;
        check(&predicted.model)?;
        let thresholds = app.thresholds_over(&predicted.model, overrides)?;
        (queue, compute) = (queue + predicted.queue, compute + predicted.compute);
        let predictions: Vec<Prediction> = predicted.prediction;
        let model = predicted.model.clone();
        let step = move || question.step(predictions, Reader { labels: &model.labels, thresholds });
        let step = match effort {
            Some(effort) => app.lanes.lane(effort).compute(client, || Ok(step())).await?,
            None => step(),
        };
        let next = match step {
            Step::Answer(answer) => {
                let model = predicted.model;
                return Ok(Asked { answer, model, thresholds, queue, compute });
            }
            Step::Again(next) => next,
        };
        let lane = app.lanes.lane(Effort::Heavy);
        question = lane.compute(client, move || Ok(next())).await?;
    }
}

/// Has the serving network read glyphs, in parts of at most [`AT_ONCE`], all with the same labels:
/// somebody may teach one meanwhile.
async fn predict_all(
    app: &App,
    glyphs: Vec<Glyph>,
) -> Result<Predicted<Vec<Prediction>>, ApiError> {
    let engine = app.models.engine();
    if glyphs.len() <= AT_ONCE {
        return Ok(engine.predict_all(glyphs).await?);
    }
    let (first, rest) = glyphs.split_at(AT_ONCE);
    'all: for _ in 0..TRIES {
        let mut predicted = engine.predict_all(first.to_vec()).await?;
        for part in rest.chunks(AT_ONCE) {
            let next = engine.predict_all(part.to_vec()).await?;
            if next.model.id != predicted.model.id {
                return Err(ApiError::Busy);
            }
            if next.model.labels != predicted.model.labels {
                continue 'all;
            }
            predicted.prediction.extend(next.prediction);
            predicted.queue += next.queue;
            predicted.compute += next.compute;
        }
        return Ok(predicted);
    }
    Err(ApiError::Busy)
}
