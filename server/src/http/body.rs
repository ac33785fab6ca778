//! From a request's body to a glyph, within the server's limits.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use glyphic_runtime::decode::DecodeError;
use tokio::sync::OwnedSemaphorePermit;

use super::{error::ApiError, extract::body_within, input::Input};
use crate::{app::App, samples::Raw};

/// Room in memory for a request's body, to be held until the request is answered: for the
/// announced length, or for the longest body if none is announced.
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
        app.metrics().turned_away("bodies");
        ApiError::Busy
    })
}

/// The whole body, if it is within the server's limit.
pub async fn read_body(app: &App, body: Body) -> Result<Bytes, ApiError> {
    body_within(body, app.limits.max_body_mib).await
}

/// Opens an input and makes of it what the network is to read, on a thread of
/// [`on_a_core`], so that memory stays bounded.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn decode<T: Send + 'static, E: Into<ApiError>>(
    app: &App,
    input: Input,
    prepare: impl FnOnce(&Raw) -> Result<T, E> + Send + 'static,
) -> Result<(Raw, T), ApiError> {
    let open = |input: Input| {
        let raw = input.open()?;
        let prepared = prepare(&raw).map_err(Into::into)?;
        Ok((raw, prepared))
    };
    // Pixels need no decoding.
    if let Input::Pixels(_) = input {
        return open(input);
    }
    on_a_core(app, move || open(input)).await
}

/// Computes on a thread for blocking work. There are as many computations at once as cores, and
/// a limited number may wait.
pub async fn on_a_core<T: Send + 'static>(
    app: &App,
    compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let _waiting = Arc::clone(&app.waiting).try_acquire_owned().map_err(|_| {
        app.metrics().turned_away("decoders");
        ApiError::Busy
    })?;
    let permit = Arc::clone(&app.decoders)
        .acquire_owned()
        .await
        .map_err(|error| ApiError::Unavailable(error.to_string()))?;
    let task = tokio::task::spawn_blocking(move || {
        let computed = compute();
        drop(permit);
        computed
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "decoding panicked");
        ApiError::Image(DecodeError::Damaged("its decoder failed".to_owned()))
    })?
}

/// Does blocking work on a thread for it.
pub async fn blocking<T: Send + 'static, E: Into<ApiError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await?.map_err(Into::into)
}
