//! The drawing page and its assets, embedded in the binary.

use std::{fs, path::Path as FilePath};

use anyhow::{Context, Result};
use axum::{
    extract::Path,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::checkpoint::{Registry, write_atomically};

use super::checkpoint::{MANIFEST, WEIGHTS, public, weights_name};
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
    "engines.js": "text/javascript; charset=utf-8",
    "inbrowser.js": "text/javascript; charset=utf-8",
    "reader.js": "text/javascript; charset=utf-8",
    "offline.js": "text/javascript; charset=utf-8",
    "glyphic.js": "text/javascript; charset=utf-8",
    "glyphic_bg.wasm": "application/wasm",
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

/// What of the page needs a server behind it.
const NEEDS_SERVER: [&str; 3] = ["samples.html", "samples.js", "suggestions.js"];
/// How the page begins, and how it begins where there is no server.
const BEGIN: &str = "<html lang=\"en\">";
const BEGIN_ALONE: &str = "<html lang=\"en\" data-server=\"none\">";

/// Writes the page and the promoted checkpoint into a folder that any host of files
/// can serve: there the browser reads by itself. A folder that is being served may be
/// written again: what names a file comes after it.
pub fn write(folder: &FilePath, registry: &Registry) -> Result<()> {
    let manifest = registry.manifest(&registry.current()?)?;
    let weights = format!("{WEIGHTS}/{}", weights_name(&manifest));
    let mut files = vec![(weights, registry.weights(&manifest)?)];
    for (name, _, content) in ASSETS.iter().rev().filter(|(name, ..)| !NEEDS_SERVER.contains(name))
    {
        let content = match *name {
            "index.html" => String::from_utf8_lossy(content).replace(BEGIN, BEGIN_ALONE).into(),
            _ => content.to_vec(),
        };
        files.push(((*name).to_owned(), content));
    }
    files.push((MANIFEST.to_owned(), serde_json::to_vec(&public(&manifest))?));
    fs::create_dir_all(folder.join(WEIGHTS))
        .with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, content) in files {
        let path = folder.join(name);
        write_atomically(&path, &content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
