//! `/api/samples`: pictures and what people say they show.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use glyphic_model::{Glyph, glyph::PREPROCESSING_VERSION, labels};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{decode, receive},
    error::ApiError,
    extract::{Client, Id, Json, Query},
    input::{FormInput, Input, JsonInput, form_fields},
    openapi::{
        BadRequest, Conflict, Forbidden, Full, NotFound, TooLarge, TooManyRequests, Unauthorized,
        Unavailable, Unprocessable, UnsupportedType,
    },
};
use crate::{
    app::App,
    samples::{Added, Count, Filter, Form, NewSample, Raw, SampleRecord},
};

/// Largest raw input that is kept, in bytes.
pub const MAX_RAW: usize = 8 << 20;
/// Most samples that one answer lists.
const MAX_LISTED: i64 = 500;

/// What a sample shows and who sends it: from the query, or from the body's own fields of these
/// names.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct About {
    /// What it shows; without it, the sample is to be labelled later
    pub label: Option<String>,
    /// Who or what sends it; `api`, if it is not given
    pub source: Option<String>,
}

/// A page of the samples that match.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The last id of the page before: `next` of its answer
    before: Option<String>,
    /// Most samples of the page, at most 500; 100, if it is not given
    limit: Option<i64>,
}

/// A sample that was sent.
#[derive(Serialize, ToSchema)]
pub struct AddedSample {
    /// Its id, or the id of the same one that was there already.
    id: String,
    /// What it shows.
    label: Option<String>,
    /// The label that the network reads.
    prediction: String,
    /// The network's confidence, 0 to 1.
    confidence: f64,
    /// The checkpoint that read it.
    model: String,
    /// Whether the same picture with the same label was there already.
    duplicate: bool,
    /// The id of a sample of the same picture with another label.
    contradicts: Option<String>,
    /// Whether it is held back from training, to measure what was learned.
    held_back: bool,
}

/// Keeps a sample; answers when it is on disk.
#[utoipa::path(post, path = "/api/samples", tag = "samples", params(About), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 201, body = AddedSample, description = "It is kept"),
        (status = 200, body = AddedSample, description = "It was there already"),
        BadRequest, Forbidden, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable, Full))]
pub async fn add(
    State(app): State<App>,
    Client(client): Client,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AddedSample>), ApiError> {
    let training = app.training()?;
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let (input, about) = with_fields(&headers, bytes, about).await?;
    let label = about.label.as_deref().map(checked_label).transpose()?;
    let source = checked_label(about.source.as_deref().unwrap_or("api"))?;
    let (raw, glyph) = decode(&app, client, input, Raw::glyph).await?;
    let glyph = glyph.ok_or(ApiError::NothingDrawn)?;
    let (form, raw) = raw.into_bytes();
    if raw.len() > MAX_RAW {
        return Err(ApiError::BodyTooLarge((MAX_RAW >> 20) as u16));
    }
    let sample = read(&app, glyph, label, source, form, raw).await?;
    let sent = sample.clone();
    let added = training.store.add(vec![sample], training.quota).await?.remove(0);
    training.wake();
    let status = if added.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(AddedSample::new(added, sent))))
}

impl AddedSample {
    fn new(added: Added, sample: NewSample) -> Self {
        Self {
            id: added.id,
            label: sample.label,
            prediction: sample.prediction,
            confidence: sample.confidence,
            model: sample.checkpoint,
            duplicate: added.duplicate,
            contradicts: added.contradicts,
            held_back: added.held_back,
        }
    }
}

/// A page of samples.
#[derive(Serialize, ToSchema)]
pub struct SampleList {
    /// Number of samples that match, on all pages.
    total: i64,
    /// What to send as `before` for the next page; `null` on the last one.
    next: Option<String>,
    /// The samples, newest first.
    samples: Vec<SampleRecord>,
}

/// The samples that match, newest first.
#[utoipa::path(get, path = "/api/samples", tag = "samples", params(Filter, Page),
    responses((status = 200, body = SampleList, description = "A page of samples, newest first"),
        BadRequest, Unavailable))]
pub async fn list(
    State(app): State<App>,
    Query(filter): Query<Filter>,
    Query(page): Query<Page>,
) -> Result<Json<SampleList>, ApiError> {
    let store = &app.training()?.store;
    check(&filter)?;
    let limit = page.limit.unwrap_or(100).clamp(1, MAX_LISTED);
    let before = page.before.filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()));
    let samples = store.find(&filter, before.as_deref(), limit).await?;
    let next = (samples.len() as i64 == limit).then(|| samples.last().map(|s| s.id.clone()));
    let shown = samples.iter().map(|sample| SampleRecord::new(sample).with_picture(sample));
    Ok(Json(SampleList {
        total: store.count(&filter).await?,
        next: next.flatten(),
        samples: shown.collect(),
    }))
}

/// One sample, with its input.
#[utoipa::path(get, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)),
    responses((status = 200, body = SampleRecord, description = "The sample, with its input"),
        BadRequest, NotFound, Unavailable))]
pub async fn one(State(app): State<App>, Id(id): Id) -> Result<Json<SampleRecord>, ApiError> {
    let sample = app.training()?.store.sample(&id).await?;
    Ok(Json(SampleRecord::new(&sample).with_picture(&sample).with_input(&sample)))
}

/// The new label.
#[derive(Deserialize, ToSchema)]
pub struct Relabel {
    /// What the sample shows.
    label: String,
}

/// Gives a sample another label, or confirms the one it has.
#[utoipa::path(patch, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), request_body = Relabel, security((), ("token" = [])),
    responses((status = 200, body = SampleRecord, description = "The sample as it is now"),
        BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Unavailable))]
pub async fn relabel(
    State(app): State<App>,
    Id(id): Id,
    Json(change): Json<Relabel>,
) -> Result<Json<SampleRecord>, ApiError> {
    let training = app.training()?;
    let label = checked_label(&change.label)?;
    training.store.relabel(&id, &label).await?;
    training.wake();
    let sample = training.store.sample(&id).await?;
    Ok(Json(SampleRecord::new(&sample).with_picture(&sample)))
}

/// Number of deleted samples.
#[derive(Serialize, ToSchema)]
pub struct DeletedSamples {
    /// How many were deleted.
    deleted: u64,
}

/// Deletes a sample; `undo` brings it back.
#[utoipa::path(delete, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = DeletedSamples, description = "It is deleted"),
        BadRequest, Unauthorized, Forbidden, NotFound, Unavailable))]
pub async fn delete_one(
    State(app): State<App>,
    Id(id): Id,
) -> Result<Json<DeletedSamples>, ApiError> {
    app.training()?.store.delete_one(&id).await?;
    Ok(Json(DeletedSamples { deleted: 1 }))
}

/// Deletes all samples that match, a whole source for example.
#[utoipa::path(post, path = "/api/samples/delete", tag = "samples", params(Filter), security((), ("token" = [])),
    responses((status = 200, body = DeletedSamples, description = "They are deleted"),
        BadRequest, Unauthorized, Forbidden, Unavailable))]
pub async fn delete(
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Result<Json<DeletedSamples>, ApiError> {
    check(&filter)?;
    if filter.is_empty() {
        return Err(ApiError::malformed(
            "say which samples: label, prediction, verdict, model, source, since, until, \
             disagreement, labelled or held_back",
        ));
    }
    let deleted = app.training()?.store.delete(&filter).await?;
    Ok(Json(DeletedSamples { deleted }))
}

/// A change that was undone.
#[derive(Serialize, ToSchema)]
pub struct Undone {
    /// `delete` or `relabel`.
    undone: String,
    /// Number of samples that are as before.
    samples: u64,
}

/// Undoes the last deletion or relabelling.
#[utoipa::path(post, path = "/api/samples/undo", tag = "samples", security((), ("token" = [])),
    responses((status = 200, body = Undone, description = "What was undone"),
        Unauthorized, Forbidden, Conflict, Unavailable))]
pub async fn undo(State(app): State<App>) -> Result<Json<Undone>, ApiError> {
    let (undone, samples) = app.training()?.store.undo().await?;
    Ok(Json(Undone { undone, samples }))
}

/// Counts of samples.
#[derive(Serialize, ToSchema)]
pub struct SampleSummary {
    /// All samples.
    total: i64,
    /// Those with a label.
    labelled: i64,
    /// Those that are still to be labelled.
    to_label: i64,
    /// Those that were labelled since the last successful fine-tuning began.
    since_training: i64,
    /// By label.
    labels: Vec<Count>,
    /// By source.
    sources: Vec<Count>,
}

/// Counts of samples, by label and by source.
#[utoipa::path(get, path = "/api/samples/summary", tag = "samples",
    responses((status = 200, body = SampleSummary, description = "The counts"), Unavailable))]
pub async fn summary(State(app): State<App>) -> Result<Json<SampleSummary>, ApiError> {
    let store = &app.training()?.store;
    let since = store.last_learned().await?;
    let unlabelled = Filter { labelled: Some(0), ..Filter::default() };
    Ok(Json(SampleSummary {
        total: store.count(&Filter::default()).await?,
        labelled: store.labelled_since(0).await?,
        to_label: store.count(&unlabelled).await?,
        since_training: store.labelled_since(since).await?,
        labels: store.by_label().await?,
        sources: store.by_source().await?,
    }))
}

/// Has the network read a glyph, and makes a sample of both.
pub async fn read(
    app: &App,
    glyph: Glyph,
    label: Option<String>,
    source: String,
    form: Form,
    raw: Vec<u8>,
) -> Result<NewSample, ApiError> {
    let predicted = app.models.engine().predict(glyph.clone()).await?;
    let (model, prediction) = (predicted.model, predicted.prediction);
    Ok(NewSample {
        source,
        label,
        prediction: model.labels.get(prediction.index).cloned().unwrap_or_default(),
        confidence: f64::from(prediction.confidence()),
        verdict: app.thresholds(&model).verdict(&prediction).name().to_owned(),
        checkpoint: model.id.clone(),
        preprocessing: PREPROCESSING_VERSION,
        form,
        raw,
        glyph,
        held_back: None,
    })
}

/// A label or a source, without the spaces around it.
pub fn checked_label(text: &str) -> Result<String, ApiError> {
    Ok(labels::trimmed(text)?.to_owned())
}

/// Refuses a filter that no database takes.
pub fn check(filter: &Filter) -> Result<(), ApiError> {
    match filter.is_sound() {
        true => Ok(()),
        false => Err(ApiError::malformed("a filter must not contain a NUL")),
    }
}

/// The input, and what its own fields say about it beyond the query.
async fn with_fields(
    headers: &HeaderMap,
    bytes: Bytes,
    mut about: About,
) -> Result<(Input, About), ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if content_type.starts_with("application/json") {
        // Its other fields are parsed with the input.
        let fields: About = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::malformed(format!("the JSON cannot be read: {error}")))?;
        about.label = about.label.or(fields.label);
        about.source = about.source.or(fields.source);
        return Ok((Input::Json(bytes), about));
    }
    if content_type.starts_with("multipart/form-data") {
        let mut fields = form_fields(headers, bytes).await?;
        let mut text = |name: &str| {
            fields.remove(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        about.label = about.label.or(text("label"));
        about.source = about.source.or(text("source"));
        let image = fields.remove("image");
        let missing = || ApiError::malformed("the form has no field 'image'");
        return Ok((Input::Image(image.ok_or_else(missing)?), about));
    }
    Ok((Input::read(headers, bytes).await?, about))
}
