//! `POST /api/predict`: a picture in any form to a label.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use glyphic_model::{Thresholds, Verdict, checkpoint::Manifest};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

use utoipa::IntoParams;

use super::answer::Candidate;
use super::intake::{data_url, decode, read_body, room_for_body};
use super::openapi::ErrorBody;
use crate::{
    App,
    config::Doubt,
    engine::{Answer, Engine},
    error::ApiError,
    input::{FormInput, Input, JsonInput, Raw},
};

/// `?model=ID` asks a checkpoint that is loaded beside the one that serves; `explain=1` adds
/// what the network saw; `reject_below` and `unsure_below` (0–1) take
/// the place of the thresholds for `not_a_digit` and `unsure`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// The id of a checkpoint that is loaded.
    #[param(required = false)]
    model: Option<String>,
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
}

impl Options {
    /// The engine that is asked.
    fn engine(&self, app: &App) -> Result<Engine, ApiError> {
        match &self.model {
            None => Ok(app.models.engine().clone()),
            Some(id) => {
                let missing = || ApiError::NotLoaded { model: id.clone() };
                app.models.loaded(id).ok_or_else(missing)
            }
        }
    }

    fn thresholds(&self, app: &App, model: &Manifest) -> Result<Thresholds, ApiError> {
        let Self { reject_below, unsure_below, .. } = *self;
        thresholds(Doubt { reject_below, unsure_below }, app, model)
    }
}

/// Where answers become doubtful: where it was asked for, the server's, the checkpoint's.
pub fn thresholds(asked: Doubt, app: &App, model: &Manifest) -> Result<Thresholds, ApiError> {
    let thresholds = asked.over(app.thresholds(model));
    if thresholds.are_valid() {
        return Ok(thresholds);
    }
    let problem = "reject_below and unsure_below must be between 0 and 1";
    Err(ApiError::Malformed(problem.to_owned()))
}

/// The answer to a request.
#[derive(Serialize)]
pub struct Response {
    /// The most probable label; none for a blank.
    label: Option<String>,
    /// Its probability.
    confidence: Option<f32>,
    /// `read`, `unsure`, `not_a_digit`, or `blank` if there was no ink.
    verdict: &'static str,
    /// The two most probable labels.
    best: Vec<Candidate>,
    /// How probably it is one of the labels at all.
    in_distribution: Option<f32>,
    /// Where the verdict begins to be another.
    thresholds: Thresholds,
    /// The probability of each label, in the order of `labels`: what it is if it is one
    /// of them.
    probabilities: Option<Vec<f32>>,
    /// The checkpoint that answered: its labels and its id.
    #[serde(flatten)]
    model: Source,
    timing_us: Timing,
    /// The 28 × 28 picture that the network saw, as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
}

/// A checkpoint as the answer's `labels` and `model`, without a copy of either.
struct Source(Arc<Manifest>);

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Source", 2)?;
        fields.serialize_field("labels", &self.0.labels)?;
        fields.serialize_field("model", &self.0.id)?;
        fields.end()
    }
}

/// Where the time went, in microseconds.
#[derive(Serialize)]
pub struct Timing {
    /// From the body to glyphs.
    pub decode: u64,
    /// In the engine's queue.
    pub queue: u64,
    /// In the network.
    pub compute: u64,
}

/// Reads the request, has the network read the glyph, and answers.
#[utoipa::path(post, path = "/api/predict", tag = "reading", params(Options), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 200, body = Object, description = "The label, how sure, and why it may be doubtful"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn predict(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Response>, ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let engine = options.engine(&app)?;
    options.thresholds(&app, &engine.serving())?;
    let _room = room_for_body(&app, &headers)?;
    let bytes = read_body(&app, body).await?;
    let begun = Instant::now();
    let input = Input::read(&headers, bytes).await?;
    let (_, glyph) = decode(&app, input, Raw::glyph).await?;
    app.meters().stage("decode", begun.elapsed());
    let decode = micros(begun.elapsed());
    let Some(glyph) = glyph else {
        let model = engine.serving();
        let thresholds = options.thresholds(&app, &model)?;
        return Ok(Json(blank(&model, thresholds, decode)));
    };
    let seen = (options.explain != 0).then(|| data_url(&glyph));
    let answer = engine.predict(glyph.clone()).await?;
    if options.model.is_none() {
        app.shadow.look(&answer.model, [(&glyph, &answer.prediction)]);
    }
    let thresholds = options.thresholds(&app, &answer.model)?;
    Ok(Json(read(answer, thresholds, decode, seen)))
}

fn blank(model: &Arc<Manifest>, thresholds: Thresholds, decode: u64) -> Response {
    Response {
        label: None,
        confidence: None,
        verdict: Verdict::Blank.name(),
        best: Vec::new(),
        in_distribution: None,
        thresholds,
        probabilities: None,
        model: Source(Arc::clone(model)),
        timing_us: Timing { decode, queue: 0, compute: 0 },
        seen: None,
    }
}

fn read(answer: Answer, thresholds: Thresholds, decode: u64, seen: Option<String>) -> Response {
    let Answer { prediction, model, queue, compute } = answer;
    let best = Candidate::best_two(&prediction, &model.labels);
    Response {
        label: model.labels.get(prediction.index).cloned(),
        confidence: Some(prediction.confidence()),
        verdict: thresholds.verdict(&prediction).name(),
        best,
        in_distribution: Some(prediction.in_distribution),
        thresholds,
        probabilities: Some(prediction.probabilities),
        model: Source(model),
        timing_us: Timing { decode, queue: micros(queue), compute: micros(compute) },
        seen,
    }
}

/// Whole microseconds.
pub fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
