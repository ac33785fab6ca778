//! `POST /api/predict`: a picture in any form to a label.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{Glyph, checkpoint::Manifest, glyph::SIDE};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;

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
    let glyph = decode(&app, input).await?;
    let decode = micros(begun.elapsed());
    let Some(glyph) = glyph else {
        return Ok(Json(blank(&app.models.engine().serving(), decode)));
    };
    let seen = (options.explain != 0).then(|| data_url(&glyph));
    let answer = app.models.engine().predict(glyph).await?;
    Ok(Json(read(answer, decode, seen)))
}

/// Room in memory for a request's body, held until it is answered: by its
/// announced length, or by the limit if it announces none.
fn room_for_body(app: &App, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, ApiError> {
    let limit = app.limits.max_body();
    let announced: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length = announced.unwrap_or(limit);
    if length > limit {
        return Err(ApiError::BodyTooLarge(app.limits.max_body_mib));
    }
    let kib = u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX);
    Arc::clone(&app.bodies).try_acquire_many_owned(kib).map_err(|_| ApiError::Busy)
}

/// The whole body, if it is within the limit.
async fn read_body(app: &App, body: Body) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::BodyTooLarge(app.limits.max_body_mib);
    let limit = app.limits.max_body();
    to_bytes(body, limit).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        match source.is_some_and(|source| source.to_string().contains("length limit")) {
            true => too_large(),
            false => ApiError::Malformed("the request body broke off".to_owned()),
        }
    })
}

/// Decodes on a thread of its own; as many at once as there are cores, so that
/// memory stays bounded, and only so many may wait.
async fn decode(app: &App, input: Input) -> Result<Option<Glyph>, ApiError> {
    if let Input::Pixels(_) = input {
        return input.glyph();
    }
    let _waiting = Arc::clone(&app.waiting).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let failed = |error: &dyn std::fmt::Display| ApiError::Unavailable(error.to_string());
    let permit = Arc::clone(&app.decoders).acquire_owned().await.map_err(|e| failed(&e))?;
    let task = tokio::task::spawn_blocking(move || {
        let glyph = input.glyph();
        drop(permit);
        glyph
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "decoding panicked");
        ApiError::Image(glyphic_model::decode::DecodeError::Damaged(
            "its decoder gave up".to_owned(),
        ))
    })?
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

fn data_url(glyph: &Glyph) -> String {
    let mut png = Vec::new();
    // Writing to memory does not fail.
    let _ = PngEncoder::new(&mut png).write_image(
        glyph.pixels(),
        SIDE as u32,
        SIDE as u32,
        ExtendedColorType::L8,
    );
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
