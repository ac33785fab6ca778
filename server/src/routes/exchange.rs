//! `/api/samples/export` and `/api/samples/import`.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use utoipa::IntoParams;

use super::{
    intake::{read_body, room_for_body},
    openapi::ErrorBody,
    samples::{About, MAX_RAW, checked_label, filter, read},
};
use crate::{
    App,
    error::ApiError,
    exchange::{self, Format, Incoming},
    store::{
        Store, StoreError,
        samples::{Filter, Sample},
    },
};

/// Samples that are read from the database at once.
const CHUNK: i64 = 500;
/// The same with their raw inputs, each of which may be some MiB.
const WHOLE: i64 = 16;

/// The file's format.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    format: Format,
}

/// The samples that match, as a file.
#[utoipa::path(get, path = "/api/samples/export", tag = "samples", params(Options, Filter),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/csv; charset=utf-8"), (inline(Vec<u8>) = "application/zip"))), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn export(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    query: Result<Query<Filter>, QueryRejection>,
) -> Result<Response, ApiError> {
    let store = app.teaching()?.store.clone();
    let Query(Options { format }) = options.map_err(|e| ApiError::Malformed(e.body_text()))?;
    let filter = filter(query)?;
    let place = Arc::clone(&app.exchanges).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let (content_type, name) = format.file();
    let body = match format {
        Format::Jsonl => stream(store, filter, place),
        _ => {
            let samples = all(&store, &filter).await?;
            let written = tokio::task::spawn_blocking(move || format.write(&samples));
            Body::from(written.await.map_err(|e| ApiError::Unavailable(e.to_string()))??)
        }
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(CONTENT_TYPE, content_type.to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, body).into_response())
}

/// Keeps the samples of a file; `source` and `label` stand in where the file says
/// nothing. All of them or none.
#[utoipa::path(post, path = "/api/samples/import", tag = "samples", params(About), security((), ("token" = [])),
    request_body(content = inline(Vec<u8>), content_type = "application/octet-stream", description = "JSON lines, CSV, or a zip of IDX files or PNG folders, as exported"),
    responses((status = 201, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 507, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn import(
    State(app): State<App>,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let teaching = app.teaching()?;
    let Query(about) = about.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let room = room_for_body(&app, &headers)?;
    let place = Arc::clone(&app.exchanges).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let bytes = read_body(&app, body).await?;
    let parsed = tokio::task::spawn_blocking(move || {
        let samples = exchange::read(&bytes);
        // Held to the end of the work, even if whoever asked for it has gone.
        drop((room, place));
        samples
    });
    let incoming = parsed.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
    let source = checked_label(about.source.as_deref().unwrap_or("import"))?;
    let mut samples = Vec::with_capacity(incoming.len());
    for (i, sample) in incoming.into_iter().enumerate() {
        let Incoming { label, source: from, held_back, form, raw, glyph } = sample;
        let refused = |what: &str| ApiError::BadSamples(format!("sample {}: {what}", i + 1));
        if glyph.is_blank() {
            return Err(refused("there is no ink in it"));
        }
        if raw.len() > MAX_RAW {
            return Err(refused("its raw input is larger than 8 MiB"));
        }
        let label = label.or_else(|| about.label.clone());
        let label = label.as_deref().map(checked_label).transpose()?;
        let from = from.map_or_else(|| Ok(source.clone()), |from| checked_label(&from))?;
        let mut sample = read(&app, glyph, label, from, form, raw).await?;
        sample.held_back = held_back;
        samples.push(sample);
    }
    let added = teaching.store.add(samples, teaching.quota).await?;
    teaching.wake();
    let duplicates = added.iter().filter(|added| added.duplicate).count();
    let contradictions = added.iter().filter(|added| added.contradicts.is_some()).count();
    let report = json!({
        "added": added.len() - duplicates,
        "duplicates": duplicates,
        "contradictions": contradictions,
    });
    Ok((StatusCode::CREATED, Json(report)))
}

/// JSON lines as they come from the database: raw inputs may be large.
fn stream(store: Store, filter: Filter, place: OwnedSemaphorePermit) -> Body {
    let (send, receive) = mpsc::channel::<Result<Bytes, std::io::Error>>(2);
    tokio::spawn(async move {
        // Held until the last of it is sent.
        let _place = place;
        let mut before: Option<String> = None;
        loop {
            let chunk = match store.find_whole(&filter, before.as_deref(), WHOLE).await {
                Ok(chunk) => chunk,
                Err(error) => {
                    tracing::error!(%error, "an export broke off");
                    // The client sees a broken transfer, not a short file.
                    let _ = send.send(Err(std::io::Error::other("the export broke off"))).await;
                    return;
                }
            };
            let Some(last) = chunk.last() else { return };
            before = Some(last.id.clone());
            let lines = Format::Jsonl.write(&chunk).unwrap_or_default();
            if send.send(Ok(lines.into())).await.is_err() {
                return;
            }
        }
    });
    Body::from_stream(ReceiverStream::new(receive))
}

async fn all(store: &Store, filter: &Filter) -> Result<Vec<Sample>, StoreError> {
    let mut samples: Vec<Sample> = Vec::new();
    loop {
        let before = samples.last().map(|sample| sample.id.clone());
        let mut chunk = store.find(filter, before.as_deref(), CHUNK).await?;
        if chunk.is_empty() {
            return Ok(samples);
        }
        // These formats hold pictures alone.
        chunk.iter_mut().for_each(|sample| sample.content.raw = Vec::new());
        samples.extend(chunk);
    }
}
