//! `/api/models`: what there is, promote, roll back.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use glyphic_model::checkpoint::{CARD_FILE, REPORT_FILE};
use glyphic_runtime::registry::{Comparison, Registry};

use super::openapi::ErrorBody;
use crate::{App, error::ApiError};

/// A report brings its style and its pictures with it, and needs nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; frame-ancestors 'none'";

/// All checkpoints, newest first, and which one is serving on what.
#[utoipa::path(get, path = "/api/models", tag = "checkpoints", responses((status = 200, body = Object)))]
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let registry = app.models.registry().clone();
    let aliases = registry.aliases()?;
    let listed = app.models.list().await?;
    let models = listed.into_iter().map(move |(id, manifest)| match manifest {
        Ok(manifest) => json!({
            "id": id,
            "names": aliases.of(&id).collect::<Vec<_>>(),
            "pinned": aliases.pins.contains(&id),
            "created": manifest.created,
            "labels": manifest.labels,
            "parameters": manifest.parameters,
            "macs": manifest.macs,
            "metrics": manifest.metrics,
            "speed": speed(&registry, &id),
            "parent": manifest.parent,
        }),
        Err(error) => json!({ "id": id, "error": ApiError::from(error).public_message() }),
    });
    let models = tokio::task::spawn_blocking(move || models.collect::<Vec<Value>>());
    let models = models.await.map_err(|error| ApiError::Unavailable(error.to_string()))?;
    Ok(Json(status(&app, json!({ "models": models }))))
}

/// How fast a checkpoint was where it was measured, if it was.
fn speed(registry: &Registry, id: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct Card {
        speed: Value,
    }
    let card = std::fs::read(registry.folder(id).join(CARD_FILE)).ok()?;
    Some(serde_json::from_slice::<Card>(&card).ok()?.speed)
}

/// `?from=ID` changes only if that one still is the promoted one.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeOptions {
    /// Only if this one still serves.
    from: Option<String>,
}

/// How a checkpoint is promoted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PromoteOptions {
    /// Only if this one still serves.
    from: Option<String>,
    /// 1: even if it is less accurate or has other labels.
    #[serde(default)]
    #[param(required = false)]
    force: u8,
}

/// Makes a checkpoint the one that serves.
#[utoipa::path(post, path = "/api/models/{id}/promote", tag = "checkpoints", params(("id" = String, Path, description = "an id or a label"), PromoteOptions), security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn promote(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    options: Result<Query<PromoteOptions>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    app.models.promote(id, options.from, options.force != 0).await?;
    Ok(Json(status(&app, json!({}))))
}

/// A taught checkpoint beside the one it came from.
#[utoipa::path(get, path = "/api/models/{id}/comparison", tag = "checkpoints", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn comparison(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Comparison>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let registry = app.models.registry().clone();
    let read = tokio::task::spawn_blocking(move || registry.comparison(&id));
    let comparison = read.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
    comparison.map(Json).ok_or(ApiError::NoSuchPath)
}

/// A checkpoint's report, as a page.
pub async fn page(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let page = file(&app, id, REPORT_FILE).await?;
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    Ok((headers, page).into_response())
}

/// A checkpoint's card.
#[utoipa::path(get, path = "/api/models/{id}/report", tag = "checkpoints", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn card(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let card = file(&app, id, CARD_FILE).await?;
    Ok(([(CONTENT_TYPE, "application/json")], card).into_response())
}

async fn file(
    app: &App,
    id: Result<Path<String>, PathRejection>,
    name: &'static str,
) -> Result<Vec<u8>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let registry = app.models.registry().clone();
    let read = tokio::task::spawn_blocking(move || registry.file(&id, name));
    let file = read.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
    file.ok_or(ApiError::NoSuchPath)
}

/// Goes back to the checkpoint that served before.
#[utoipa::path(post, path = "/api/models/rollback", tag = "checkpoints", params(ChangeOptions), security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn roll_back(
    State(app): State<App>,
    options: Result<Query<ChangeOptions>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    app.models.roll_back(options.from).await?;
    Ok(Json(status(&app, json!({}))))
}

fn status(app: &App, mut body: Value) -> Value {
    body["current"] = json!(app.models.engine().serving().id);
    body["previous"] = json!(app.models.previous());
    body["device"] = json!(app.models.device().to_string());
    body
}
