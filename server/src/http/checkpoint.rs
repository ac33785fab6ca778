//! The serving checkpoint's two files, for a browser that runs the network itself. Where the page
//! is on a host of static files, these paths are files.

use std::fs::File;

use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::checkpoint::Manifest;
use glyphic_runtime::registry::{Registry, RegistryError};

use super::{
    body::blocking,
    error::ApiError,
    extract::{Json, Path},
    pieces,
};
use crate::app::App;

/// Name of the manifest's file beside the page.
pub const MANIFEST: &str = "checkpoint.json";
/// The folder of weights beside the page.
pub const WEIGHTS: &str = "weights";

/// Name of a file in [`WEIGHTS`]: its hash, so that browsers may keep it for ever.
pub fn weights_name(manifest: &Manifest) -> String {
    format!("{}.bpk", manifest.weights.sha256)
}

/// `GET /checkpoint.json`: the manifest of the serving checkpoint.
pub async fn manifest(State(app): State<App>) -> Response {
    let headers = [(CACHE_CONTROL, "no-cache")];
    // The labels of the weights: what is taught here, browsers do not know.
    let serving = app.models.engine().clone().without_memory().serving();
    // The browser uses the same thresholds as the server.
    let thresholds = app.thresholds(&serving);
    (headers, Json(Manifest { thresholds, ..public(&serving) })).into_response()
}

/// The manifest without what a browser does not need: the names of all training files.
pub fn public(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.datasets.iter_mut().for_each(|dataset| dataset.files.clear());
    manifest
}

/// `GET /weights/{sha256}.bpk`: the weights of the serving checkpoint or of any other.
pub async fn weights(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let serving = app.models.engine().serving();
    let registry = app.models.registry().clone();
    let file = blocking(move || find(&registry, &serving, &name)).await?;
    let file = pieces::file(file.ok_or(ApiError::NoSuchPath)?)?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, file).into_response())
}

/// The weights of this name. The network may be swapped between the request for the manifest and
/// this one, so the other checkpoints are searched too.
fn find(
    registry: &Registry,
    serving: &Manifest,
    name: &str,
) -> Result<Option<File>, RegistryError> {
    if weights_name(serving) == name {
        return registry.open_weights(serving).map(Some);
    }
    for id in registry.ids()? {
        // A damaged checkpoint cannot be the one.
        let Ok(manifest) = registry.manifest(&id) else { continue };
        if weights_name(&manifest) == name {
            return registry.open_weights(&manifest).map(Some);
        }
    }
    Ok(None)
}
