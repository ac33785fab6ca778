//! From a request's body to a glyph, within the server's limits.

use std::net::IpAddr;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use glyphic_model::{checkpoint::Manifest, preprocess::Pictures};
use tokio_stream::StreamExt;

use super::{
    error::ApiError,
    input::{Input, Opened},
    room::Room,
};
use crate::{
    app::App,
    samples::{Aim, Effort, Form, Raw},
};

/// The whole body, if it is within the server's limit, with the room that it takes: to be held
/// until the request is answered. Room is taken as the bytes arrive.
pub async fn receive(
    app: &App,
    client: IpAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Room), ApiError> {
    let limit = app.limits.max_body();
    let announced: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge(app.limits.max_body_mib));
    }
    let mut room = app.bodies.none(client);
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece =
            piece.map_err(|_| ApiError::malformed("the request body broke off, or is damaged"))?;
        if bytes.len() + piece.len() > limit {
            return Err(ApiError::BodyTooLarge(app.limits.max_body_mib));
        }
        let length = bytes.len() + piece.len();
        room.hold(length).inspect_err(|_| app.metrics().turned_away("bodies"))?;
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.into(), room))
}

/// Opens an input and makes of it what the network is to read, on a thread of the lane for it. Not
/// even its form is parsed elsewhere: that may take half a second.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn decode<T: Send + 'static, E: Into<ApiError>>(
    app: &App,
    client: IpAddr,
    input: Input,
    aim: Aim,
    prepare: impl FnOnce(&Raw) -> Result<T, E> + Send + 'static,
) -> Result<(Opened, T), ApiError> {
    // Pixels need no decoding.
    if let Input::Pixels(_) = input {
        let opened = input.open()?;
        let prepared = prepare(&opened.raw).map_err(Into::into)?;
        return Ok((opened, prepared));
    }
    let turned_away = |error: &ApiError| {
        if let ApiError::Busy = error {
            app.metrics().turned_away("decoders");
        }
    };
    let finish = move |opened: Opened| {
        let prepared = prepare(&opened.raw).map_err(Into::into)?;
        Ok((opened, prepared))
    };
    let first = Effort::of_length(input.len());
    // What it is shows only when it is open.
    let opened = app.lanes.lane(first).compute(client, move || {
        let opened = input.open()?;
        match opened.raw.effort(aim) {
            effort if effort > first => Ok(Err((effort, opened, finish))),
            _ => finish(opened).map(Ok),
        }
    });
    match opened.await.inspect_err(turned_away)? {
        Ok(finished) => Ok(finished),
        Err((effort, opened, finish)) => {
            let lane = app.lanes.lane(effort);
            lane.compute(client, move || finish(opened)).await.inspect_err(turned_away)
        }
    }
}

/// Refuses to answer for an image that was prepared for other pictures than those of the checkpoint
/// that read it, which began to serve in between. Strokes and pixels are the same for both.
pub fn check_pictures(
    form: Form,
    prepared_for: Pictures,
    model: &Manifest,
) -> Result<(), ApiError> {
    match form == Form::Image && prepared_for != model.pictures {
        true => Err(ApiError::Busy),
        false => Ok(()),
    }
}

/// Does blocking work on a thread for it.
pub async fn blocking<T: Send + 'static, E: Into<ApiError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await?.map_err(Into::into)
}
