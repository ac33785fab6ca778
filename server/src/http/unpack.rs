//! Bodies that clients send compressed: they are unpacked as they arrive. Every limit counts what comes
//! out, and the limit for bodies what comes in too.

use std::io;

use async_compression::tokio::bufread::{GzipDecoder, ZlibDecoder};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_LENGTH},
    },
    middleware::Next,
    response::Response,
};
use tokio_stream::StreamExt;
use tokio_util::io::{ReaderStream, StreamReader};

use super::error::{ApiError, ErrorText};
use crate::app::App;

/// Unpacks a request's body if it is compressed.
pub async fn unpack(State(app): State<App>, request: Request, next: Next) -> Response {
    let form = ErrorText::of(request.uri().path());
    match unpacked(request, app.limits.max_body()) {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response_as(form),
    }
}

/// The request with its body unpacked, of which at most `most` packed bytes are read.
fn unpacked(request: Request, most: usize) -> Result<Request, ApiError> {
    let Some(encoding) = encoding(request.headers()) else { return Ok(request) };
    let (mut parts, body) = request.into_parts();
    let mut left = most;
    let within = move |piece: Result<Bytes, axum::Error>| {
        let piece = piece.map_err(io::Error::other)?;
        left = left.checked_sub(piece.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok::<_, io::Error>(piece)
    };
    let bytes = StreamReader::new(body.into_data_stream().map(within));
    let body = match encoding.as_str() {
        "gzip" | "x-gzip" => {
            let mut decoder = GzipDecoder::new(bytes);
            decoder.multiple_members(true);
            Body::from_stream(ReaderStream::new(decoder))
        }
        // By its name it has zlib's header (RFC 9110, 8.4.1.2).
        "deflate" => Body::from_stream(ReaderStream::new(ZlibDecoder::new(bytes))),
        _ => return Err(ApiError::UnsupportedEncoding(encoding.chars().take(100).collect())),
    };
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, body))
}

/// How a body is compressed; `None` if it is as it is.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).into_iter();
    let text = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let all: Vec<String> = text.collect();
    let all = all.join(",");
    let named = all.split(',').map(str::trim).filter(|one| !matches!(*one, "" | "identity"));
    let named: Vec<&str> = named.collect();
    (!named.is_empty()).then(|| named.join(", "))
}
