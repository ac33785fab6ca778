//! `/api/models/{id}/comparison`: what a fine-tuned checkpoint reads differently from its parent.

use std::mem;

use axum::extract::State;
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_runtime::registry::{Changed, Comparison, SampleReading};

use super::{
    body::blocking,
    caller::Caller,
    error::ApiError,
    extract::{Json, Path},
    openapi::{BadRequest, NotFound, Unavailable, Unprocessable},
    schemas::ComparisonSchema,
};
use crate::{app::App, samples::Sample, store::Store};

/// The name of the set of samples that were held back.
const HELD_BACK: &str = "held_back";
/// Most held-back samples of an answer.
const SHOWN: usize = 60;

/// A fine-tuned checkpoint beside its parent. Samples are shown with the token alone, and only as
/// long as they are there.
#[utoipa::path(get, path = "/api/models/{id}/comparison", tag = "checkpoints", params(("id" = String, Path)),
    responses((status = 200, body = ComparisonSchema, description = "What changed"),
        BadRequest, NotFound, Unprocessable, Unavailable))]
pub async fn comparison(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Comparison>, ApiError> {
    let registry = app.models.registry().clone();
    let comparison = blocking(move || registry.comparison(&id)).await?;
    let mut comparison = comparison.ok_or(ApiError::NoSuchPath)?;
    // Older trainers copied the samples into this file.
    comparison.changed.retain(|changed| changed.set != HELD_BACK);
    let readings = mem::take(&mut comparison.samples);
    if caller.is_holder() {
        if let Ok(training) = app.training() {
            let mut changed = changed_samples(&training.store, &readings).await?;
            changed.append(&mut comparison.changed);
            comparison.changed = changed;
        }
        comparison.samples = readings;
    }
    Ok(Json(comparison))
}

/// The held-back samples that only one of the two reads right, the lost ones first, with their
/// pictures from the database.
async fn changed_samples(
    store: &Store,
    readings: &[SampleReading],
) -> Result<Vec<Changed>, ApiError> {
    let right = |reading: &SampleReading| {
        [&reading.before, &reading.after].map(|label| *label == reading.label)
    };
    let held_back = readings.iter().filter(|reading| reading.held_back);
    let changed = held_back.filter(|reading| right(reading)[0] != right(reading)[1]);
    let mut changed: Vec<&SampleReading> = changed.collect();
    changed.sort_by_key(|reading| right(reading)[1]);
    changed.truncate(SHOWN);
    let ids: Vec<String> = changed.iter().map(|reading| reading.id.clone()).collect();
    let samples = store.samples(&ids).await?;
    let picture = |reading: &SampleReading, sample: &Sample| Changed {
        set: HELD_BACK.to_owned(),
        label: reading.label.clone(),
        before: reading.before.clone(),
        after: reading.after.clone(),
        glyph: STANDARD.encode(sample.content.glyph.pixels()),
    };
    let of = |reading: &&SampleReading| {
        let sample = samples.iter().find(|sample| sample.id == reading.id)?;
        Some(picture(reading, sample))
    };
    Ok(changed.iter().filter_map(of).collect())
}
