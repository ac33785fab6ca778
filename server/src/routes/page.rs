//! The drawing page and its assets, embedded in the binary.

use axum::{
    extract::Path,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use crate::error::ApiError;

macro_rules! assets {
    ($($name:literal: $type:literal),* $(,)?) => {
        &[$(($name, $type, include_bytes!(concat!("../../../web/", $name)))),*]
    };
}

/// Name, content type and content of each file of the page.
const ASSETS: &[(&str, &str, &[u8])] = assets! {
    "index.html": "text/html; charset=utf-8",
    "samples.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "drawing.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "result.js": "text/javascript; charset=utf-8",
    "upload.js": "text/javascript; charset=utf-8",
    "dom.js": "text/javascript; charset=utf-8",
    "teach.js": "text/javascript; charset=utf-8",
    "job.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
    "samples.js": "text/javascript; charset=utf-8",
    "suggestions.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
};

/// The page.
pub async fn index() -> Result<Response, ApiError> {
    file("index.html")
}

/// A file of the page.
pub async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&name)
}

fn file(name: &str) -> Result<Response, ApiError> {
    let (_, content_type, bytes) =
        ASSETS.iter().find(|(asset, ..)| *asset == name).ok_or(ApiError::NoSuchPath)?;
    // A new binary may bring a new page under the same names.
    let headers = [(CONTENT_TYPE, *content_type), (CACHE_CONTROL, "no-cache")];
    Ok((headers, *bytes).into_response())
}
