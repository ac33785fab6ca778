//! A sample with its input as JSON. Its image may be some MiB, and the client slow: it is read from the
//! database and sent part by part, so that no more than a part of it is in memory.

use axum::body::Bytes;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    error::ApiError,
    pieces::{self, Pieces},
};
use crate::{
    samples::{Form, Sample, SampleRecord},
    store::Store,
};

/// Bytes of an image that are read at once: a multiple of three, so that the base64 of the parts is
/// that of the whole.
const PART: usize = 24 << 10;

/// Sends the record of a sample with its input; false if the client is gone.
///
/// # Errors
/// The database fails, or the sample is deleted meanwhile.
pub async fn send(
    store: &Store,
    sample: &Sample,
    record: SampleRecord,
    client: &Pieces,
) -> Result<bool, ApiError> {
    let mut json = serde_json::to_vec(&record.with_input(sample))
        .map_err(|error| ApiError::Unavailable(error.to_string()))?;
    if sample.content.form != Form::Image {
        return Ok(pieces::send(client, json.into()).await);
    }
    // The image comes before the closing brace.
    json.pop();
    json.extend_from_slice(br#","image":""#);
    if !pieces::send(client, json.into()).await {
        return Ok(false);
    }
    let mut at = 0;
    loop {
        let part = store.image_part(&sample.id, at, PART).await?;
        at += part.len();
        if !pieces::send(client, STANDARD.encode(&part).into()).await {
            return Ok(false);
        }
        if part.len() < PART {
            return Ok(pieces::send(client, Bytes::from_static(br#""}"#)).await);
        }
    }
}
