//! The serving checkpoint's two files, for a browser that reads by itself. The same
//! paths are files where the page lies on a host of files alone.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::checkpoint::Manifest;
use glyphic_runtime::registry::{Registry, RegistryError};

use crate::{App, error::ApiError};

/// Name of the manifest's file beside the page.
pub const MANIFEST: &str = "checkpoint.json";
/// The folder of weights beside the page.
pub const WEIGHTS: &str = "weights";

/// Name of a weights' file in [`WEIGHTS`]: its hash, so that it may be kept for ever.
pub fn weights_name(manifest: &Manifest) -> String {
    format!("{}.bpk", manifest.weights.sha256)
}

/// `GET /checkpoint.json`: the manifest of what serves.
pub async fn manifest(State(app): State<App>) -> Response {
    let headers = [(CACHE_CONTROL, "no-cache")];
    let serving = app.models.engine().serving();
    // A browser decides by the thresholds that the server decides by.
    let thresholds = app.thresholds(&serving);
    (headers, Json(Manifest { thresholds, ..public(&serving) })).into_response()
}

/// What a browser needs of a manifest: not the names of all files that were trained on.
pub fn public(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.datasets.iter_mut().for_each(|dataset| dataset.files.clear());
    manifest
}

/// `GET /weights/{sha256}.bpk`: the weights of what serves or of any other checkpoint.
pub async fn weights(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let serving = app.models.engine().serving();
    let registry = app.models.registry().clone();
    let read = tokio::task::spawn_blocking(move || find(&registry, &serving, &name));
    let bytes = read.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
    let bytes = bytes.ok_or(ApiError::NoSuchPath)?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}

/// The weights of this name. A swap may come between the manifest's request and this
/// one, so the others are looked through too.
fn find(
    registry: &Registry,
    serving: &Manifest,
    name: &str,
) -> Result<Option<Vec<u8>>, RegistryError> {
    if weights_name(serving) == name {
        return registry.weights(serving).map(Some);
    }
    for id in registry.ids()? {
        // A damaged checkpoint is nobody's answer.
        let Ok(manifest) = registry.manifest(&id) else { continue };
        if weights_name(&manifest) == name {
            return registry.weights(&manifest).map(Some);
        }
    }
    Ok(None)
}
