//! From a request's body to a glyph, within the server's limits.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::Glyph;
use glyphic_runtime::decode::png;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    App,
    error::ApiError,
    input::{Input, Raw},
};

/// Room in memory for a request's body, held until it is answered: by its
/// announced length, or by the limit if it announces none.
pub fn room_for_body(app: &App, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, ApiError> {
    let limit = app.limits.max_body();
    let announced: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length = announced.unwrap_or(limit);
    if length > limit {
        return Err(ApiError::BodyTooLarge(app.limits.max_body_mib));
    }
    let kib = u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX);
    Arc::clone(&app.bodies).try_acquire_many_owned(kib).map_err(|_| {
        app.meters().turned_away("bodies");
        ApiError::Busy
    })
}

/// The whole body, if it is within the limit.
pub async fn read_body(app: &App, body: Body) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::BodyTooLarge(app.limits.max_body_mib);
    let limit = app.limits.max_body();
    to_bytes(body, limit).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        match source.is_some_and(|source| source.to_string().contains("length limit")) {
            true => too_large(),
            false => ApiError::Malformed("the request body broke off".to_owned()),
        }
    })
}

/// Opens an input and makes of it what the network is to read, as [`on_a_core`] does, so
/// that memory stays bounded.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn decode<T: Send + 'static>(
    app: &App,
    input: Input,
    made: impl FnOnce(&Raw) -> Result<T, ApiError> + Send + 'static,
) -> Result<(Raw, T), ApiError> {
    let open = |input: Input| {
        let raw = input.open()?;
        let made = made(&raw)?;
        Ok((raw, made))
    };
    if let Input::Pixels(_) = input {
        return open(input);
    }
    on_a_core(app, move || open(input)).await
}

/// Computes on a thread of its own; as many at once as there are cores, and only so many
/// may wait.
pub async fn on_a_core<T: Send + 'static>(
    app: &App,
    compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let _waiting = Arc::clone(&app.waiting).try_acquire_owned().map_err(|_| {
        app.meters().turned_away("decoders");
        ApiError::Busy
    })?;
    let failed = |error: &dyn std::fmt::Display| ApiError::Unavailable(error.to_string());
    let permit = Arc::clone(&app.decoders).acquire_owned().await.map_err(|e| failed(&e))?;
    let task = tokio::task::spawn_blocking(move || {
        let computed = compute();
        drop(permit);
        computed
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "decoding panicked");
        ApiError::Image(glyphic_runtime::decode::DecodeError::Damaged(
            "its decoder gave up".to_owned(),
        ))
    })?
}

/// A glyph as a page shows it.
pub fn data_url(glyph: &Glyph) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(glyph)))
}
