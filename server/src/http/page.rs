//! The drawing page and its assets, embedded in the binary.

use std::{fs, io::Write, path::Path as FilePath, sync::LazyLock};

use anyhow::{Context, Result};
use axum::{
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            VARY,
        },
    },
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use glyphic_model::checkpoint::sha256;
use glyphic_runtime::registry::{Registry, write_atomically};

use super::{
    checkpoint::{MANIFEST, WEIGHTS, public, weights_name},
    error::ApiError,
    extract::Path,
};

macro_rules! assets {
    ($($folder:literal { $($name:literal: $type:literal),* $(,)? })*) => {
        &[$($(
            ($name, $type, include_bytes!(concat!("../../../web/", $folder, "/", $name))),
        )*)*]
    };
}

/// Name, content type and content of each file of the pages. Browsers get them all from
/// one folder: the names are the URLs, the folders are only those of the repository.
const ASSETS: &[(&str, &str, &[u8])] = assets! {
    "pages" {
        "index.html": "text/html; charset=utf-8",
        "samples.html": "text/html; charset=utf-8",
        "models.html": "text/html; charset=utf-8",
        "sheets.html": "text/html; charset=utf-8",
        "style.css": "text/css; charset=utf-8",
        "insight.css": "text/css; charset=utf-8",
        "tour.css": "text/css; charset=utf-8",
        "photos.css": "text/css; charset=utf-8",
        "camera.css": "text/css; charset=utf-8",
        "samples.css": "text/css; charset=utf-8",
        "models.css": "text/css; charset=utf-8",
        "sheets.css": "text/css; charset=utf-8",
        "reference.css": "text/css; charset=utf-8",
        "main.js": "text/javascript; charset=utf-8",
        "models.js": "text/javascript; charset=utf-8",
        "reference.html": "text/html; charset=utf-8",
        "reference.js": "text/javascript; charset=utf-8",
        "samples.js": "text/javascript; charset=utf-8",
        "sheets.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    "lib" {
        "drawing.js": "text/javascript; charset=utf-8",
        "boxes.js": "text/javascript; charset=utf-8",
        "insight.js": "text/javascript; charset=utf-8",
        "insight-page.js": "text/javascript; charset=utf-8",
        "insight-paint.js": "text/javascript; charset=utf-8",
        "insight-stroke.js": "text/javascript; charset=utf-8",
        "insight-path.js": "text/javascript; charset=utf-8",
        "insight-maps.js": "text/javascript; charset=utf-8",
        "insight-break.js": "text/javascript; charset=utf-8",
        "extended.js": "text/javascript; charset=utf-8",
        "tour.js": "text/javascript; charset=utf-8",
        "number.js": "text/javascript; charset=utf-8",
        "api.js": "text/javascript; charset=utf-8",
        "result.js": "text/javascript; charset=utf-8",
        "bars.js": "text/javascript; charset=utf-8",
        "photos.js": "text/javascript; charset=utf-8",
        "camera.js": "text/javascript; charset=utf-8",
        "region.js": "text/javascript; charset=utf-8",
        "shrink.js": "text/javascript; charset=utf-8",
        "strengthen.js": "text/javascript; charset=utf-8",
        "welcome.js": "text/javascript; charset=utf-8",
        "upload.js": "text/javascript; charset=utf-8",
        "dom.js": "text/javascript; charset=utf-8",
        "teach.js": "text/javascript; charset=utf-8",
        "here.js": "text/javascript; charset=utf-8",
        "there.js": "text/javascript; charset=utf-8",
        "glyph.js": "text/javascript; charset=utf-8",
        "thumbnails.js": "text/javascript; charset=utf-8",
        "alphabet.js": "text/javascript; charset=utf-8",
        "job.js": "text/javascript; charset=utf-8",
        "chart.js": "text/javascript; charset=utf-8",
        "compare.js": "text/javascript; charset=utf-8",
        "runs.js": "text/javascript; charset=utf-8",
        "token.js": "text/javascript; charset=utf-8",
        "words.js": "text/javascript; charset=utf-8",
        "es.js": "text/javascript; charset=utf-8",
        "suggestions.js": "text/javascript; charset=utf-8",
        "sheet.js": "text/javascript; charset=utf-8",
        "stage.js": "text/javascript; charset=utf-8",
        "texts.js": "text/javascript; charset=utf-8",
        "walk.js": "text/javascript; charset=utf-8",
        "mend.js": "text/javascript; charset=utf-8",
        "grid.js": "text/javascript; charset=utf-8",
        "columns.js": "text/javascript; charset=utf-8",
        "corrections.js": "text/javascript; charset=utf-8",
        "pile.js": "text/javascript; charset=utf-8",
        "reading.js": "text/javascript; charset=utf-8",
        "patience.js": "text/javascript; charset=utf-8",
        "export.js": "text/javascript; charset=utf-8",
        "csv.js": "text/javascript; charset=utf-8",
        "engines.js": "text/javascript; charset=utf-8",
        "inbrowser.js": "text/javascript; charset=utf-8",
        "reader.js": "text/javascript; charset=utf-8",
        "offline.js": "text/javascript; charset=utf-8",
    }
    "wasm/built" {
        "glyphic.js": "text/javascript; charset=utf-8",
        "glyphic_bg.wasm": "application/wasm",
        "pictures.js": "text/javascript; charset=utf-8",
        "pictures_bg.wasm": "application/wasm",
    }
    "../model/src/number/pairs" {
        "pairs.i8": "application/octet-stream",
    }
};

/// An asset, prepared for sending.
struct Packed {
    /// Its entity tag, which changes with the content.
    tag: String,
    /// The content, compressed.
    gzip: Vec<u8>,
}

/// Each of [`ASSETS`], prepared when the first is requested.
static PACKED: LazyLock<Vec<Packed>> =
    LazyLock::new(|| ASSETS.iter().map(|(_, _, content)| Packed::new(content)).collect());

impl Packed {
    fn new(content: &[u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let _ = encoder.write_all(content);
        let gzip = encoder.finish().unwrap_or_default();
        Self { tag: format!("\"{}\"", &sha256(content)[..16]), gzip }
    }
}

/// The page.
pub async fn index(headers: HeaderMap) -> Result<Response, ApiError> {
    file("index.html", &headers)
}

/// A file of the page.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(&name, &headers)
}

/// A file, compressed if the client accepts that; without its content if the client has it.
fn file(name: &str, asked: &HeaderMap) -> Result<Response, ApiError> {
    let named = |(asset, ..): &(&str, &str, &[u8])| *asset == name;
    let place = ASSETS.iter().position(named).ok_or(ApiError::NoSuchPath)?;
    let (_, content_type, content) = ASSETS[place];
    let Packed { tag, gzip } = &PACKED[place];
    let lists = |name: HeaderName, wanted: &str| {
        let values = asked.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        let mut words = values.flat_map(|value| value.split(','));
        words.any(|word| word.split(';').next().unwrap_or_default().trim() == wanted)
    };
    // A new binary may bring a new page under the same names.
    let headers = [(CACHE_CONTROL, "no-cache"), (ETAG, tag.as_str()), (VARY, "accept-encoding")];
    if lists(IF_NONE_MATCH, tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let content_type = [(CONTENT_TYPE, content_type)];
    Ok(if lists(ACCEPT_ENCODING, "gzip") {
        (headers, content_type, [(CONTENT_ENCODING, "gzip")], gzip.as_slice()).into_response()
    } else {
        (headers, content_type, content).into_response()
    })
}

/// What of the page needs a server behind it.
const NEEDS_SERVER: [&str; 28] = [
    "samples.html",
    "samples.css",
    "samples.js",
    "suggestions.js",
    "sheets.html",
    "sheets.css",
    "sheets.js",
    "sheet.js",
    "stage.js",
    "texts.js",
    "walk.js",
    "mend.js",
    "grid.js",
    "columns.js",
    "corrections.js",
    "pile.js",
    "reading.js",
    "patience.js",
    "export.js",
    "csv.js",
    "models.html",
    "models.css",
    "models.js",
    "compare.js",
    "runs.js",
    "reference.html",
    "reference.css",
    "reference.js",
];
/// The beginning of the page, and its beginning where there is no server.
const BEGIN: &str = "<html lang=\"en\">";
const BEGIN_ALONE: &str = "<html lang=\"en\" data-server=\"none\">";

/// Writes the page and the promoted checkpoint into a folder for any host of static files; there
/// the browser runs the network. A folder may be written while it is being served: a file is
/// written before those that refer to it.
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
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, content) in files {
        let path = folder.join(name);
        write_atomically(&path, &content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
