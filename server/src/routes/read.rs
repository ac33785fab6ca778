//! `POST /api/read`: a drawing or a picture to the numbers in it.

use std::time::{Duration, Instant};

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use glyphic_model::{Thresholds, number::Bounds};
use serde::{Deserialize, Serialize};

use utoipa::IntoParams;

use super::{
    answer::Answer,
    intake::{decode, read_body, room_for_body},
    openapi::ErrorBody,
    predict::{Timing, micros, thresholds},
};
use crate::{
    App,
    config::Doubt,
    error::ApiError,
    input::{FormInput, Input, JsonInput},
};

/// Most boxes in a request.
const MOST_BOXES: usize = 256;

/// `?explain=1` adds what the network saw; `reject_below` and `unsure_below` (0–1) take the
/// place of the thresholds; `boxes` says where the symbols are:
/// `[[x, y, width, height], …]`, as in an answer.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// 1 adds what the network saw.
    #[serde(default)]
    #[param(required = false)]
    explain: u8,
    /// 0 to 1
    #[param(minimum = 0, maximum = 1)]
    reject_below: Option<f32>,
    /// 0 to 1
    #[param(minimum = 0, maximum = 1)]
    unsure_below: Option<f32>,
    /// Where the symbols are: `[[x, y, width, height], …]`
    boxes: Option<String>,
}

impl Options {
    fn doubt(&self) -> Doubt {
        Doubt { reject_below: self.reject_below, unsure_below: self.unsure_below }
    }

    fn boxes(&self) -> Result<Option<Vec<Bounds>>, ApiError> {
        let Some(text) = &self.boxes else { return Ok(None) };
        let bad = |problem: String| {
            let form = "boxes must be [[x, y, width, height], …]";
            ApiError::Malformed(format!("{form}: {problem}"))
        };
        let boxes: Vec<[f32; 4]> =
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if boxes.is_empty() || boxes.len() > MOST_BOXES {
            return Err(bad(format!("1 to {MOST_BOXES} of them, not {}", boxes.len())));
        }
        let checked = boxes.iter().map(|&numbers| Bounds::checked(numbers)).enumerate();
        let checked = checked.map(|(i, bounds)| {
            bounds.ok_or_else(|| bad(format!("box {i} has a side below 0 or a number beyond 1e6")))
        });
        checked.collect::<Result<_, _>>().map(Some)
    }
}

/// The answer to a request.
#[derive(Serialize)]
pub struct Response {
    #[serde(flatten)]
    answer: Answer,
    labels: Vec<String>,
    /// The checkpoint that answered.
    model: String,
    thresholds: Thresholds,
    timing_us: Timing,
}

/// Finds what may be symbols, has the network read them all, and takes the best.
#[utoipa::path(post, path = "/api/read", tag = "reading", params(Options), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 200, body = Object, description = "What stands on each line, and where"), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn read(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Response>, ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    thresholds(options.doubt(), &app, &app.models.engine().serving())?;
    let boxes = options.boxes()?;
    let _room = room_for_body(&app, &headers)?;
    let bytes = read_body(&app, body).await?;
    let begun = Instant::now();
    let input = Input::read(&headers, bytes).await?;
    let found = decode(&app, input, move |raw| {
        let lattice = raw.lattice(boxes.as_deref())?;
        let glyphs = lattice.glyphs();
        Ok((lattice, glyphs))
    });
    let (_, (lattice, glyphs)) = found.await?;
    let decode = micros(begun.elapsed());
    let said = app.models.engine().predict_all(glyphs).await?;
    let thresholds = thresholds(options.doubt(), &app, &said.model)?;
    let labels = said.model.labels.clone();
    let reading = lattice.best(said.prediction, thresholds);
    let symbols = reading.lines.iter().flat_map(|line| &line.symbols);
    app.shadow.look(&said.model, symbols.map(|symbol| (&symbol.glyph, &symbol.prediction)));
    app.meters().stage("decode", Duration::from_micros(decode));
    Ok(Json(Response {
        answer: Answer::of(reading, &labels, thresholds, options.explain != 0),
        labels,
        model: said.model.id.clone(),
        thresholds,
        timing_us: Timing { decode, queue: micros(said.queue), compute: micros(said.compute) },
    }))
}
