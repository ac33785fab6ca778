//! `/api/samples`: pictures and what people say they show.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{Glyph, glyph::PREPROCESSING_VERSION};
use serde::Deserialize;
use serde_json::{Value, json};

use utoipa::{IntoParams, ToSchema};

use super::intake::{data_url, decode, read_body, room_for_body};
use super::openapi::ErrorBody;
use crate::{
    App,
    error::ApiError,
    input::{FormInput, Input, JsonInput, Raw, form_fields},
    store::samples::{Added, Filter, Form, NewSample, Sample},
};

/// Largest raw input that is kept, in bytes.
pub const MAX_RAW: usize = 8 << 20;
/// Most characters of a label or a source.
const MAX_LABEL: usize = 32;
/// Most samples that one answer lists.
const MAX_LISTED: i64 = 500;

/// What a sample shows and who says so: from the query, or from the body's own
/// fields of these names.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct About {
    /// What it shows; none: to be labelled later.
    pub label: Option<String>,
    /// Who or what sends it [default: `api`].
    pub source: Option<String>,
}

/// A page of the samples that match.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The last id of the page before: `next` of its answer.
    before: Option<String>,
    /// At most so many [default: 100].
    limit: Option<i64>,
}

/// Keeps a sample; answers when it is on disk.
#[utoipa::path(post, path = "/api/samples", tag = "samples", params(About), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 201, body = Object), (status = 200, body = Object, description = "It was there already"), (status = 403, body = ErrorBody), (status = 507, body = ErrorBody), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn add(
    State(app): State<App>,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let teaching = app.teaching()?;
    let Query(about) = about.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let _room = room_for_body(&app, &headers)?;
    let bytes = read_body(&app, body).await?;
    let (input, about) = with_fields(&headers, bytes, about).await?;
    let label = about.label.as_deref().map(checked_label).transpose()?;
    let source = checked_label(about.source.as_deref().unwrap_or("api"))?;
    let (raw, glyph) = decode(&app, input, Raw::glyph).await?;
    let glyph = glyph.ok_or(ApiError::NothingDrawn)?;
    let (form, raw) = raw.into_bytes();
    if raw.len() > MAX_RAW {
        return Err(ApiError::BodyTooLarge((MAX_RAW >> 20) as u16));
    }
    let sample = read(&app, glyph, label, source, form, raw).await?;
    let said = sample.clone();
    let added = teaching.store.add(vec![sample], teaching.quota).await?.remove(0);
    teaching.wake();
    let status = if added.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(added_json(&added, &said))))
}

/// The samples that match, newest first.
#[utoipa::path(get, path = "/api/samples", tag = "samples", params(Filter, Page), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    query: Result<Query<Filter>, QueryRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let store = &app.teaching()?.store;
    let filter = filter(query)?;
    let Query(page) = page.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let limit = page.limit.unwrap_or(100).clamp(1, MAX_LISTED);
    let before = page.before.filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()));
    let samples = store.find(&filter, before.as_deref(), limit).await?;
    let next = (samples.len() as i64 == limit).then(|| samples.last().map(|s| s.id.clone()));
    Ok(Json(json!({
        "total": store.count(&filter).await?,
        "next": next.flatten(),
        "samples": samples.iter().map(sample_json).collect::<Vec<_>>(),
    })))
}

/// One sample, with its raw input.
#[utoipa::path(get, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn one(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let sample = app.teaching()?.store.sample(&path(id)?).await?;
    let mut body = sample_json(&sample);
    raw_fields(&sample.content, &mut body);
    Ok(Json(body))
}

/// The new label.
#[derive(Deserialize, ToSchema)]
pub struct Relabel {
    label: String,
}

/// Gives a sample another label, or confirms the one it has.
#[utoipa::path(patch, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), request_body = Relabel, security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn relabel(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    change: Result<Json<Relabel>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let teaching = app.teaching()?;
    let Json(change) = change.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let (id, label) = (path(id)?, checked_label(&change.label)?);
    teaching.store.relabel(&id, &label).await?;
    teaching.wake();
    Ok(Json(sample_json(&teaching.store.sample(&id).await?)))
}

/// Deletes a sample; `undo` brings it back.
#[utoipa::path(delete, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn delete_one(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    app.teaching()?.store.delete_one(&path(id)?).await?;
    Ok(Json(json!({ "deleted": 1 })))
}

/// Deletes all samples that match, a whole source for example.
#[utoipa::path(post, path = "/api/samples/delete", tag = "samples", params(Filter), security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn delete(
    State(app): State<App>,
    query: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let filter = filter(query)?;
    if filter.is_empty() {
        return Err(ApiError::Malformed(
            "say which samples: label, prediction, verdict, model, source, since, until, \
             disagreement, labelled or held_back"
                .to_owned(),
        ));
    }
    let deleted = app.teaching()?.store.delete(&filter).await?;
    Ok(Json(json!({ "deleted": deleted })))
}

/// Takes the last deletion or relabelling back.
#[utoipa::path(post, path = "/api/samples/undo", tag = "samples", security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn undo(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let (what, samples) = app.teaching()?.store.undo().await?;
    Ok(Json(json!({ "undone": what, "samples": samples })))
}

/// How many there are, by label and by source.
#[utoipa::path(get, path = "/api/samples/summary", tag = "samples", responses((status = 200, body = Object), (status = 503, body = ErrorBody)))]
pub async fn summary(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let store = &app.teaching()?.store;
    let since = store.last_learned().await?;
    Ok(Json(json!({
        "total": store.count(&Filter::default()).await?,
        "labelled": store.labelled_since(0).await?,
        "to_label": store.count(&Filter { labelled: Some(0), ..Filter::default() }).await?,
        "since_training": store.labelled_since(since).await?,
        "labels": store.by_label().await?,
        "sources": store.by_source().await?,
    })))
}

/// Has the network read a glyph and makes a sample of both.
pub async fn read(
    app: &App,
    glyph: Glyph,
    label: Option<String>,
    source: String,
    form: Form,
    raw: Vec<u8>,
) -> Result<NewSample, ApiError> {
    let answer = app.models.engine().predict(glyph.clone()).await?;
    let verdict = app.thresholds(&answer.model).verdict(&answer.prediction);
    Ok(NewSample {
        source,
        label,
        prediction: answer.model.labels.get(answer.prediction.index).cloned().unwrap_or_default(),
        confidence: f64::from(answer.prediction.confidence()),
        verdict: verdict.name().to_owned(),
        checkpoint: answer.model.id.clone(),
        preprocessing: PREPROCESSING_VERSION,
        form,
        raw,
        glyph,
        held_back: None,
    })
}

/// A label or a source, if it can be one.
pub fn checked_label(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let printed = |c: char| !c.is_control();
    match text.chars().count() {
        1..=MAX_LABEL if text.chars().all(printed) => Ok(text.to_owned()),
        _ => Err(ApiError::BadLabel(text.chars().take(40).collect())),
    }
}

/// A sample as the API shows it, with its picture.
pub fn sample_json(sample: &Sample) -> Value {
    let mut json = about_json(sample);
    json["picture"] = json!(data_url(&sample.content.glyph));
    json
}

/// All that is known of a sample but its picture and its raw input.
pub fn about_json(sample: &Sample) -> Value {
    let content = &sample.content;
    json!({
        "id": sample.id,
        "created": sample.created,
        "source": content.source,
        "label": content.label,
        "prediction": content.prediction,
        "confidence": content.confidence,
        "verdict": content.verdict,
        "model": content.checkpoint,
        "preprocessing": content.preprocessing,
        "form": content.form,
        "held_back": sample.held_back,
        "confirmed": sample.confirmed,
        "deleted": sample.deleted,
    })
}

/// Adds the glyph and the raw input to a sample's JSON, as they are exported.
pub fn raw_fields(content: &NewSample, body: &mut Value) {
    body["glyph"] = json!(STANDARD.encode(content.glyph.pixels()));
    match content.form {
        Form::Strokes => {
            body["strokes"] = serde_json::from_slice(&content.raw).unwrap_or_default();
        }
        Form::Image => body["image"] = json!(STANDARD.encode(&content.raw)),
        Form::Pixels => {}
    }
}

fn added_json(added: &Added, sample: &NewSample) -> Value {
    json!({
        "id": added.id,
        "label": sample.label,
        "prediction": sample.prediction,
        "confidence": sample.confidence,
        "model": sample.checkpoint,
        "duplicate": added.duplicate,
        "contradicts": added.contradicts,
        "held_back": added.held_back,
    })
}

/// The input, and what its own fields say of it beyond the query.
async fn with_fields(
    headers: &HeaderMap,
    bytes: Bytes,
    mut about: About,
) -> Result<(Input, About), ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if content_type.starts_with("application/json") {
        // What else is in it is skipped here; it is parsed with the input.
        let fields: About = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::Malformed(format!("the JSON cannot be read: {error}")))?;
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
        let missing = || ApiError::Malformed("the form has no field 'image'".to_owned());
        return Ok((Input::Image(image.ok_or_else(missing)?), about));
    }
    Ok((Input::read(headers, bytes).await?, about))
}

/// The id in a request's path.
pub fn path(id: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    match id.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => Ok(id),
        false => Err(ApiError::Malformed("ids are of letters and digits".to_owned())),
    }
}

/// The filter in a request's query.
pub fn filter(query: Result<Query<Filter>, QueryRejection>) -> Result<Filter, ApiError> {
    let Query(filter) = query.map_err(|error| ApiError::Malformed(error.body_text()))?;
    match filter.is_sound() {
        true => Ok(filter),
        false => Err(ApiError::Malformed("a filter must not contain a NUL".to_owned())),
    }
}
