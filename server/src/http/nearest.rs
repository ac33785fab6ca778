//! `POST /api/nearest`: the training examples that look most like an input to the network.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{decode, receive},
    caller::Caller,
    error::ApiError,
    extract::{Client, Json, Query},
    input::{FormInput, Input, JsonInput},
    openapi::{
        BadRequest, NotFound, TooLarge, TooManyRequests, Unavailable, Unprocessable,
        UnsupportedType,
    },
};
use crate::{
    app::App,
    neighbours::TrainingExample,
    samples::{Aim, LearnedSample, data_url},
};

/// Most examples of an answer.
const MOST: usize = 50;
/// Examples of an answer if the request does not say.
const DEFAULT: usize = 8;
/// Most samples that are searched, the newest.
const SAMPLES: i64 = 2000;

/// How many examples are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NearestOptions {
    /// 1 to 50; 8 if it is not given
    #[param(minimum = 1, maximum = 50, required = false)]
    count: Option<usize>,
}

/// The nearest training examples.
#[derive(Serialize, ToSchema)]
pub struct NearestAnswer {
    /// The checkpoint whose training data was searched.
    model: String,
    /// Number of examples that were searched; 0 if there is no ink.
    of: usize,
    /// The nearest ones, nearest first.
    examples: Vec<NearestExample>,
}

/// A training example.
#[derive(Serialize, ToSchema)]
pub struct NearestExample {
    /// What it shows.
    label: String,
    /// Where it is from: a dataset's name, `samples`, or `taught` if the network has it in its memory and
    /// was not trained on it.
    from: String,
    /// The cosine of both features, at most 1.
    similarity: f32,
    /// The example as a PNG data URL.
    picture: String,
}

/// The training examples that are nearest to the input, by the features that the serving
/// checkpoint's last layer reads. Samples are among them with the token, or if they are the visitor's
/// own.
#[utoipa::path(post, path = "/api/nearest", tag = "reading", params(NearestOptions), security((), ("visitor" = [])), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "The same as for a prediction"),
    responses((status = 200, body = NearestAnswer, description = "The nearest examples, nearest first"),
        BadRequest, NotFound, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable))]
pub async fn nearest(
    State(app): State<App>,
    Client(client): Client,
    caller: Caller,
    Query(options): Query<NearestOptions>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<NearestAnswer>, ApiError> {
    let count = options.count.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&count) {
        return Err(ApiError::malformed(format!("count must be 1 to {MOST}")));
    }
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let input = Input::of(&headers, bytes)?;
    let serving = app.models.engine().serving();
    let (model, pictures) = (serving.id.clone(), serving.pictures);
    let glyph = decode(&app, client, input, Aim::Symbol, move |raw| raw.glyph(pictures));
    let (_, glyph) = glyph.await?;
    let neighbours = app.neighbours()?;
    let Some(glyph) = glyph else {
        return Ok(Json(NearestAnswer { model, of: 0, examples: Vec::new() }));
    };
    let known = neighbours.of(app.models.registry(), &model).await?;
    // Before the samples are read: so they are in memory for as few requests as are computed.
    let turn = app.lanes.heavy.turn(client).await;
    let turn = turn.inspect_err(|_| app.metrics().turned_away("decoders"))?;
    let samples = samples(&app, &caller, &model).await?;
    let of = known.count() + samples.len();
    let found = turn.compute(move || Ok(known.nearest(&glyph, count, &samples)?)).await?;
    let examples = found.into_iter().map(|neighbour| NearestExample {
        label: neighbour.example.label,
        from: neighbour.example.from.to_string(),
        similarity: neighbour.similarity,
        picture: data_url(&neighbour.example.glyph),
    });
    Ok(Json(NearestAnswer { model, of, examples: examples.collect() }))
}

/// The samples that a checkpoint was fine-tuned on or that its memory holds, of those that the caller
/// may see.
async fn samples(
    app: &App,
    caller: &Caller,
    checkpoint: &str,
) -> Result<Vec<TrainingExample>, ApiError> {
    let (Ok(training), Ok(visitor)) = (app.training(), caller.scope()) else {
        return Ok(Vec::new());
    };
    let learned = training.store.learned(checkpoint, visitor, SAMPLES).await?;
    let [trained, taught]: [Arc<str>; 2] = ["samples".into(), "taught".into()];
    let learned = learned.into_iter().filter(|sample| sample.trained || app.memory.is_some());
    let example = |LearnedSample { label, glyph, trained: is_trained }| TrainingExample {
        glyph,
        label,
        from: Arc::clone(if is_trained { &trained } else { &taught }),
    };
    Ok(learned.map(example).collect())
}
