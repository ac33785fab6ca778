//! Asks the serving network a question, again and again until it answers.

use std::{net::IpAddr, sync::Arc, time::Duration};

use glyphic_model::{
    Prediction, Thresholds,
    checkpoint::Manifest,
    number::{Question, Reader, Step},
};

use super::error::ApiError;
use crate::{app::App, config::ThresholdOverrides, samples::Effort};

/// Most glyphs that go to the network at once, so that others get their turn between them.
const AT_ONCE: usize = 768;

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
        let (first, rest) = chunks(question.glyphs());
        let mut predicted = app.models.engine().predict_all(first).await?;
        for glyphs in rest {
            let next = app.models.engine().predict_all(glyphs).await?;
            // Another checkpoint may have other labels.
            if next.model.id != predicted.model.id {
                return Err(ApiError::Busy);
            }
            predicted.prediction.extend(next.prediction);
            predicted.queue += next.queue;
            predicted.compute += next.compute;
        }
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

/// The glyphs in parts of at most [`AT_ONCE`]: the first part, and the others.
fn chunks<T>(mut glyphs: Vec<T>) -> (Vec<T>, Vec<Vec<T>>) {
    let mut rest = Vec::new();
    while glyphs.len() > AT_ONCE {
        rest.push(glyphs.split_off(glyphs.len() - AT_ONCE));
    }
    rest.reverse();
    (glyphs, rest)
}
