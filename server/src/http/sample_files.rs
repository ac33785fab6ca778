//! `/api/samples/export` and `/api/samples/import`.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use glyphic_model::preprocess::Pictures;
use glyphic_runtime::{clutter, text};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{blocking, receive},
    caller::Caller,
    error::ApiError,
    extract::{Client, Json, Query},
    openapi::{
        BadRequest, Forbidden, Full, TooLarge, TooManyRequests, Unauthorized, Unavailable,
        Unprocessable,
    },
    pieces::{self, Pieces},
    sample_input,
    samples::{About, MAX_RAW, checked_label, read, scoped},
};
use crate::{
    app::App,
    samples::{
        Filter, FormatError, Incoming, Kept, NewSample, SampleRecord, Sender,
        formats::{self, Format, Growing, Reading},
    },
    store::Store,
};

/// Bytes of strokes that are read from the database at once.
const STROKES: i64 = 1 << 20;

/// The file's format.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportOptions {
    /// The file's format
    format: Format,
}

/// The samples that match, as a file: all with the token, else the visitor's own.
#[utoipa::path(get, path = "/api/samples/export", tag = "samples", params(ExportOptions, Filter), security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, description = "The file", content((String = "application/x-ndjson"), (String = "text/csv; charset=utf-8"), (inline(Vec<u8>) = "application/zip"))),
        BadRequest, Unauthorized, Unprocessable, TooManyRequests, Unavailable))]
pub async fn export(
    State(app): State<App>,
    Client(client): Client,
    caller: Caller,
    Query(ExportOptions { format }): Query<ExportOptions>,
    Query(filter): Query<Filter>,
) -> Result<Response, ApiError> {
    let store = app.training()?.store.clone();
    let filter = scoped(filter, &caller)?;
    // Refused before the first byte: later, the transfer could only be broken off.
    if let Some(most) = format.most_labels() {
        let found = store.count_labels(&filter).await?;
        if found > most {
            return Err(ApiError::TooManyLabels { most, found });
        }
    }
    let place = app.exports.of(caller.is_holder()).take(client)?;
    let (content_type, name) = format.file();
    let (pieces, body) = pieces::body();
    let growing = format.begin()?;
    tokio::spawn(async move {
        // Held until the last byte is sent.
        let _place = place;
        if let Err(broken) = write(store, filter, growing, &pieces).await {
            tracing::error!(error = %broken, "an export broke off");
            // The client gets a broken transfer, not a short file.
            let _ = pieces.send(Err(std::io::Error::other("the export broke off"))).await;
        }
    });
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
    /// How many files in a zip are no pictures and were left out, and the names of some.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

/// Keeps the samples of a file, all or none. `source` and `label` are for samples of which the
/// file does not say them.
#[utoipa::path(post, path = "/api/samples/import", tag = "samples", params(About), security((), ("token" = [])),
    request_body(content = inline(Vec<u8>), content_type = "application/octet-stream", description = "JSON lines, CSV, or a zip of IDX files or PNG folders, as exported"),
    responses((status = 201, body = ImportReport, description = "They are kept"),
        BadRequest, Unauthorized, Forbidden, TooLarge, Unprocessable, TooManyRequests, Unavailable, Full))]
pub async fn import(
    State(app): State<App>,
    Client(client): Client,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ImportReport>), ApiError> {
    let training = app.training()?;
    let (bytes, room) = receive(&app, client, &headers, body).await?;
    let (keeping, pictures) = (training.keeping, app.models.engine().serving().pictures);
    // Dropped with this request: when the client disconnects, and when its time is over.
    let (reading, _reader) = Reading::new(pictures, app.limits.import_megapixels);
    let incoming = app.lanes.files.compute(client, move || {
        let samples = formats::read(&bytes, &reading, keeping);
        // Held until the work is done, even if the client has disconnected.
        drop(room);
        Ok(samples?)
    });
    let formats::Read { samples: incoming, left_out } = incoming.await.inspect_err(|error| {
        if let ApiError::Busy = error {
            app.metrics().turned_away("imports");
        }
    })?;
    let source = checked_label(about.source.as_deref().unwrap_or("import"))?;
    let mut samples = Vec::with_capacity(incoming.len());
    for (i, sample) in incoming.into_iter().enumerate() {
        samples.push(checked(&app, sample, pictures, i + 1, &about, &source).await?);
    }
    let added = training.store.add(samples, &Sender::holder(), training.quota).await?;
    training.wake();
    let duplicates = added.iter().filter(|added| added.duplicate).count();
    let contradictions = added.iter().filter(|added| added.contradicts.is_some()).count();
    let (added, left_out) = (added.len() - duplicates, clutter::left_out(&left_out));
    let report = ImportReport { added, duplicates, contradictions, left_out };
    Ok((StatusCode::CREATED, Json(report)))
}

/// A sample of a file, read by the network; `number` is its place in the file.
async fn checked(
    app: &App,
    sample: Incoming,
    pictures: Pictures,
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
    let checked = |what: &str, given: String| {
        text::label(&given).map_err(|error| refused(&format!("its {what} {error}")))
    };
    let label = label.or_else(|| about.label.clone());
    let label = label.map(|label| checked("label", label)).transpose()?;
    let from = from.map_or_else(|| Ok(source.to_owned()), |from| checked("source", from))?;
    let sample = read(app, Kept { form, raw, glyph }, pictures, label, from).await?;
    Ok(NewSample { held_back, ..sample })
}

/// Writes the samples to the client as it takes them: into a file of its format, or as lines of JSON.
async fn write(
    store: Store,
    filter: Filter,
    mut file: Option<Growing>,
    client: &Pieces,
) -> Result<(), ApiError> {
    let mut before: Option<String> = None;
    loop {
        let chunk = store.find_within(&filter, before.as_deref(), STROKES).await?;
        let Some(last) = chunk.last() else { break };
        before = Some(last.id.clone());
        for sample in chunk {
            let sent = match &mut file {
                Some(file) => pieces::send(client, file.add(&sample)?.into()).await,
                None => {
                    let record = SampleRecord::new(&sample);
                    sample_input::send(&store, &sample, record, client).await?
                        && pieces::send(client, Bytes::from_static(b"\n")).await
                }
            };
            if !sent {
                return Ok(());
            }
        }
    }
    let Some(file) = file else { return Ok(()) };
    let Some(rest) = blocking(move || file.finish()).await? else { return Ok(()) };
    pieces::send_file(client, rest).await.map_err(|error| FormatError::write(&error).into())
}
