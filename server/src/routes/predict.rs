//! `POST /api/predict`: a picture in any form to a label.

use std::time::Instant;

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use glyphic_model::checkpoint::Manifest;
use serde::{Deserialize, Serialize};

use super::intake::{data_url, decode, read_body, room_for_body};
use crate::{App, engine::Answer, error::ApiError, input::Input};

/// `?explain=1` adds what the network saw.
#[derive(Deserialize)]
pub struct Options {
    #[serde(default)]
    explain: u8,
}

/// The answer to a request.
#[derive(Serialize)]
pub struct Response {
    /// The most probable label; none for a blank.
    label: Option<String>,
    /// Its probability.
    confidence: Option<f32>,
    /// `read`, or `blank` if there was no ink.
    verdict: &'static str,
    /// The probability of each label, in the order of `labels`.
    probabilities: Option<Vec<f32>>,
    labels: Vec<String>,
    /// The checkpoint that answered.
    model: String,
    timing_us: Timing,
    /// The 28 × 28 picture that the network saw, as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
}

/// Where the time went, in microseconds.
#[derive(Serialize)]
struct Timing {
    decode: u64,
    queue: u64,
    compute: u64,
}

/// Reads the request, has the network read the glyph, and answers.
pub async fn predict(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Response>, ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let _room = room_for_body(&app, &headers)?;
    let bytes = read_body(&app, body).await?;
    let begun = Instant::now();
    let input = Input::read(&headers, bytes).await?;
    let (_, glyph) = decode(&app, input).await?;
    let decode = micros(begun.elapsed());
    let Some(glyph) = glyph else {
        return Ok(Json(blank(&app.models.engine().serving(), decode)));
    };
    let seen = (options.explain != 0).then(|| data_url(&glyph));
    let answer = app.models.engine().predict(glyph).await?;
    Ok(Json(read(answer, decode, seen)))
}

fn blank(model: &Manifest, decode: u64) -> Response {
    Response {
        label: None,
        confidence: None,
        verdict: "blank",
        probabilities: None,
        labels: model.labels.clone(),
        model: model.id.clone(),
        timing_us: Timing { decode, queue: 0, compute: 0 },
        seen: None,
    }
}

fn read(answer: Answer, decode: u64, seen: Option<String>) -> Response {
    let Answer { prediction, model, queue, compute } = answer;
    Response {
        label: model.labels.get(prediction.index).cloned(),
        confidence: Some(prediction.confidence()),
        verdict: "read",
        probabilities: Some(prediction.probabilities),
        labels: model.labels.clone(),
        model: model.id.clone(),
        timing_us: Timing { decode, queue: micros(queue), compute: micros(compute) },
        seen,
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
