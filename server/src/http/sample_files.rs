//! `/api/samples/export` and `/api/samples/import`.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{blocking, read_body, room_for_body},
    error::ApiError,
    extract::{Json, Query},
    openapi::{
        BadRequest, Forbidden, Full, TooLarge, TooManyRequests, Unauthorized, Unavailable,
        Unprocessable,
    },
    samples::{About, MAX_RAW, check, checked_label, read},
};
use crate::{
    app::App,
    samples::{
        Filter, Incoming, NewSample, Sample,
        formats::{self, Format},
    },
    store::{Store, StoreError},
};

/// Samples that are read from the database at once.
const CHUNK: i64 = 500;
/// The same with their raw inputs, each of which may be some MiB.
const WHOLE: i64 = 16;

/// The file's format.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportOptions {
    /// The file's format
    format: Format,
}

/// The samples that match, as a file.
#[utoipa::path(get, path = "/api/samples/export", tag = "samples", params(ExportOptions, Filter),
    responses((status = 200, description = "The file", content((String = "application/x-ndjson"), (String = "text/csv; charset=utf-8"), (inline(Vec<u8>) = "application/zip"))),
        BadRequest, TooManyRequests, Unavailable))]
pub async fn export(
    State(app): State<App>,
    Query(ExportOptions { format }): Query<ExportOptions>,
    Query(filter): Query<Filter>,
) -> Result<Response, ApiError> {
    let store = app.training()?.store.clone();
    check(&filter)?;
    let place = Arc::clone(&app.files).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let (content_type, name) = format.file();
    let body = match format {
        Format::Jsonl => stream(store, filter, place),
        _ => {
            let samples = all(&store, &filter).await?;
            Body::from(blocking(move || format.write(&samples)).await?)
        }
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(CONTENT_TYPE, content_type.to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, body).into_response())
}

/// What an import added.
#[derive(Serialize, ToSchema)]
pub struct ImportReport {
    /// Samples that are new.
    added: usize,
    /// Samples that were there already.
    duplicates: usize,
    /// New samples whose picture is there with another label.
    contradictions: usize,
}

/// Keeps the samples of a file, all or none. `source` and `label` are for samples of which the
/// file does not say them.
#[utoipa::path(post, path = "/api/samples/import", tag = "samples", params(About), security((), ("token" = [])),
    request_body(content = inline(Vec<u8>), content_type = "application/octet-stream", description = "JSON lines, CSV, or a zip of IDX files or PNG folders, as exported"),
    responses((status = 201, body = ImportReport, description = "They are kept"),
        BadRequest, Unauthorized, Forbidden, TooLarge, Unprocessable, TooManyRequests, Unavailable, Full))]
pub async fn import(
    State(app): State<App>,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ImportReport>), ApiError> {
    let training = app.training()?;
    let room = room_for_body(&app, &headers)?;
    let place = Arc::clone(&app.files).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let bytes = read_body(&app, body).await?;
    let incoming = blocking(move || {
        let samples = formats::read(&bytes);
        // Held until the work is done, even if the client has disconnected.
        drop((room, place));
        samples
    });
    let incoming = incoming.await?;
    let source = checked_label(about.source.as_deref().unwrap_or("import"))?;
    let mut samples = Vec::with_capacity(incoming.len());
    for (i, sample) in incoming.into_iter().enumerate() {
        samples.push(checked(&app, sample, i + 1, &about, &source).await?);
    }
    let added = training.store.add(samples, training.quota).await?;
    training.wake();
    let duplicates = added.iter().filter(|added| added.duplicate).count();
    let contradictions = added.iter().filter(|added| added.contradicts.is_some()).count();
    let report = ImportReport { added: added.len() - duplicates, duplicates, contradictions };
    Ok((StatusCode::CREATED, Json(report)))
}

/// A sample of a file, read by the network; `number` is its place in the file.
async fn checked(
    app: &App,
    sample: Incoming,
    number: usize,
    about: &About,
    source: &str,
) -> Result<NewSample, ApiError> {
    let Incoming { label, source: from, held_back, form, raw, glyph } = sample;
    let refused = |problem: &str| ApiError::BadSamples(format!("sample {number}: {problem}"));
    if glyph.is_blank() {
        return Err(refused("there is no ink in it"));
    }
    if raw.len() > MAX_RAW {
        return Err(refused("its raw input is larger than 8 MiB"));
    }
    let label = label.or_else(|| about.label.clone());
    let label = label.as_deref().map(checked_label).transpose()?;
    let from = from.map_or_else(|| Ok(source.to_owned()), |from| checked_label(&from))?;
    let sample = read(app, glyph, label, from, form, raw).await?;
    Ok(NewSample { held_back, ..sample })
}

/// JSON lines, sent as they come from the database: the inputs may be large.
fn stream(store: Store, filter: Filter, place: OwnedSemaphorePermit) -> Body {
    let (send, receive) = mpsc::channel::<Result<Bytes, std::io::Error>>(2);
    tokio::spawn(async move {
        // Held until the last line is sent.
        let _place = place;
        let mut before: Option<String> = None;
        loop {
            let chunk = match store.find_whole(&filter, before.as_deref(), WHOLE).await {
                Ok(chunk) => chunk,
                Err(error) => {
                    tracing::error!(%error, "an export was interrupted");
                    // The client gets a broken transfer, not a short file.
                    let _ =
                        send.send(Err(std::io::Error::other("the export was interrupted"))).await;
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
