//! `POST /api/predict`: a picture in any form to a label.

use std::{sync::Arc, time::Instant};

use axum::{body::Body, extract::State, http::HeaderMap};
use glyphic_model::{
    Thresholds, Verdict,
    answer::{LabelProbability, TaughtLabel},
    checkpoint::Manifest,
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    body::{check_pictures, decode, receive},
    error::ApiError,
    extract::{Client, Json, Query},
    input::{FormInput, Input, JsonInput},
    openapi::{
        BadRequest, NotFound, TooLarge, TooManyRequests, Unavailable, Unprocessable,
        UnsupportedType,
    },
    schemas::{LabelProbabilitySchema, TaughtLabelSchema, ThresholdsSchema},
};
use crate::{
    app::App,
    config::ThresholdOverrides,
    engine::{Engine, Predicted},
    samples::{Aim, data_url},
};

/// How a picture is read.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PredictOptions {
    /// The id of a checkpoint that is loaded beside the serving one; the serving one, if it is
    /// not given
    #[param(required = false)]
    model: Option<String>,
    /// 1 adds the glyph that the network read
    #[serde(default)]
    #[param(required = false)]
    explain: u8,
    /// The threshold for `not_a_digit`, 0 to 1
    #[param(minimum = 0, maximum = 1)]
    reject_below: Option<f32>,
    /// The threshold for `unsure`, 0 to 1
    #[param(minimum = 0, maximum = 1)]
    unsure_below: Option<f32>,
}

impl PredictOptions {
    /// The engine of the checkpoint.
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
        app.thresholds_over(model, ThresholdOverrides { reject_below, unsure_below })
    }
}

/// The label of a picture.
#[derive(Serialize, ToSchema)]
pub struct PredictAnswer {
    /// The most probable label; `null` if there is no ink.
    label: Option<String>,
    /// Its probability.
    confidence: Option<f32>,
    /// `read`, `unsure`, `not_a_digit`, or `blank` if there is no ink.
    verdict: &'static str,
    /// The two most probable labels.
    #[schema(value_type = Vec<LabelProbabilitySchema>)]
    best: Vec<LabelProbability>,
    /// The in-distribution score, 0 to 1: how probably it is one of the labels at all.
    in_distribution: Option<f32>,
    /// The thresholds that the verdict was decided by.
    #[schema(value_type = ThresholdsSchema)]
    thresholds: Thresholds,
    /// The probability of each label, in the order of `labels`, if it is one of them.
    probabilities: Option<Vec<f32>>,
    /// What was taught, if that decided the label or the verdict.
    #[schema(value_type = Option<TaughtLabelSchema>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    taught: Option<TaughtLabel>,
    /// The checkpoint that answered.
    #[serde(flatten)]
    model: AnsweringModel,
    /// Where the time went.
    timing_us: Timing,
    /// The 28 × 28 glyph that the network read, as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
}

/// A checkpoint as the answer's `labels` and `model`, without copying either.
struct AnsweringModel(Arc<Manifest>);

impl Serialize for AnsweringModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("AnsweringModel", 2)?;
        fields.serialize_field("labels", &self.0.labels)?;
        fields.serialize_field("model", &self.0.id)?;
        fields.end()
    }
}

/// An [`AnsweringModel`] in the answer's JSON.
#[derive(ToSchema)]
#[allow(dead_code)]
struct AnsweringModelFields {
    /// The checkpoint's labels, and those that were taught beside them.
    labels: Vec<String>,
    /// The checkpoint's id.
    model: String,
}

impl PartialSchema for AnsweringModel {
    fn schema() -> RefOr<Schema> {
        AnsweringModelFields::schema()
    }
}

impl ToSchema for AnsweringModel {}

/// Where the time went, in microseconds.
#[derive(Serialize, ToSchema)]
pub struct Timing {
    /// From the body to glyphs.
    pub decode: u64,
    /// In the engine's queue.
    pub queue: u64,
    /// In the network.
    pub compute: u64,
}

/// Reads a picture of one symbol.
#[utoipa::path(post, path = "/api/predict", tag = "reading", params(PredictOptions), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 200, body = PredictAnswer, description = "The label, its confidence and the verdict"),
        BadRequest, NotFound, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable))]
pub async fn predict(
    State(app): State<App>,
    Client(client): Client,
    Query(options): Query<PredictOptions>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PredictAnswer>, ApiError> {
    let engine = options.engine(&app)?;
    // Before the body is read: wrong thresholds are refused at once.
    options.thresholds(&app, &engine.serving())?;
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let begun = Instant::now();
    let input = Input::of(&headers, bytes)?;
    let pictures = engine.serving().pictures;
    let glyph = decode(&app, client, input, Aim::Symbol, move |raw| raw.glyph(pictures));
    let (opened, glyph) = glyph.await?;
    app.metrics().stage("decode", begun.elapsed());
    let decode = micros(begun.elapsed());
    let Some(glyph) = glyph else {
        let model = engine.serving();
        let thresholds = options.thresholds(&app, &model)?;
        return Ok(Json(blank(&model, thresholds, decode)));
    };
    let seen = (options.explain != 0).then(|| data_url(&glyph));
    let predicted = engine.predict(glyph.clone()).await?;
    check_pictures(opened.raw.form(), pictures, &predicted.model)?;
    if options.model.is_none() {
        app.shadow.compare(&predicted.model, [(&glyph, &predicted.prediction)]);
    }
    let thresholds = options.thresholds(&app, &predicted.model)?;
    Ok(Json(answer(predicted, thresholds, decode, seen)))
}

fn blank(model: &Arc<Manifest>, thresholds: Thresholds, decode: u64) -> PredictAnswer {
    PredictAnswer {
        label: None,
        confidence: None,
        verdict: Verdict::Blank.name(),
        best: Vec::new(),
        in_distribution: None,
        thresholds,
        probabilities: None,
        taught: None,
        model: AnsweringModel(Arc::clone(model)),
        timing_us: Timing { decode, queue: 0, compute: 0 },
        seen: None,
    }
}

fn answer(
    predicted: Predicted,
    thresholds: Thresholds,
    decode: u64,
    seen: Option<String>,
) -> PredictAnswer {
    let Predicted { prediction, model, queue, compute } = predicted;
    let best = LabelProbability::best_two(&prediction, &model.labels);
    PredictAnswer {
        label: model.labels.get(prediction.index).cloned(),
        confidence: Some(prediction.confidence()),
        verdict: thresholds.verdict(&prediction).name(),
        best,
        in_distribution: Some(prediction.in_distribution),
        taught: TaughtLabel::of(&prediction, &model.labels),
        thresholds,
        probabilities: Some(prediction.probabilities),
        model: AnsweringModel(model),
        timing_us: Timing { decode, queue: micros(queue), compute: micros(compute) },
        seen,
    }
}

/// Whole microseconds.
pub fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
