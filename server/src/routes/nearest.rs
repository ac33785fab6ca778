//! `POST /api/nearest`: the training examples that look most like an input to the network.

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    intake::{data_url, decode, on_a_core, read_body, room_for_body},
    openapi::ErrorBody,
};
use crate::{
    App,
    error::ApiError,
    input::{FormInput, Input, JsonInput, Raw},
    neighbours::Example,
    store::samples::Sample,
};

/// Most examples of an answer, and how many there are if nobody says.
const MOST: usize = 50;
const USUAL: usize = 8;
/// Most taught samples that are looked through, the newest.
const TAUGHT: i64 = 2000;

/// How many are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// 1 to 50; 8 if it is not given
    #[param(minimum = 1, maximum = 50, required = false)]
    count: Option<usize>,
}

/// The training examples nearest to what is sent, as the serving checkpoint's last layer
/// sees them: their pictures, labels and how alike they are (the cosine, at most 1).
#[utoipa::path(post, path = "/api/nearest", tag = "reading", params(Options), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "The same as for a prediction"),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn nearest(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let count = options.count.unwrap_or(USUAL);
    if !(1..=MOST).contains(&count) {
        return Err(ApiError::Malformed(format!("count must be 1 to {MOST}")));
    }
    let _room = room_for_body(&app, &headers)?;
    let bytes = read_body(&app, body).await?;
    let input = Input::read(&headers, bytes).await?;
    let (_, glyph) = decode(&app, input, Raw::glyph).await?;
    let model = app.models.engine().serving().id.clone();
    let neighbours = app.neighbours()?;
    let Some(glyph) = glyph else {
        return Ok(Json(json!({ "model": model, "of": 0, "examples": [] })));
    };
    let taught = async || taught(&app, &model).await;
    let known = neighbours.of(app.models.registry(), &model, taught).await?;
    let of = known.count();
    let found = on_a_core(&app, move || known.nearest(&glyph, count)).await?;
    let examples = found.iter().map(|neighbour| {
        json!({
            "label": neighbour.example.label,
            "from": neighbour.example.from,
            "similarity": neighbour.similarity,
            "picture": data_url(&neighbour.example.glyph),
        })
    });
    let examples: Vec<Value> = examples.collect();
    Ok(Json(json!({ "model": model, "of": of, "examples": examples })))
}

/// The samples that a checkpoint learned from, if it learned from any here.
async fn taught(app: &App, checkpoint: &str) -> Result<Vec<Example>, ApiError> {
    let Ok(teaching) = app.teaching() else { return Ok(Vec::new()) };
    let samples = teaching.store.taught(checkpoint, TAUGHT).await?;
    let example = |sample: Sample| {
        let label = sample.content.label?;
        Some(Example { glyph: sample.content.glyph, label, from: "taught".into() })
    };
    Ok(samples.into_iter().filter_map(example).collect())
}
