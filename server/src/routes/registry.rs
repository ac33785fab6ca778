//! Labels, pins, retention, and the candidate that reads along.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::openapi::ErrorBody;
use crate::{App, error::ApiError, shadow};

/// Who bears a label from now on.
#[derive(Deserialize, ToSchema)]
pub struct Labelled {
    /// A checkpoint's id.
    id: String,
}

/// Names a checkpoint `candidate` or anything else; whoever had the label loses it.
#[utoipa::path(put, path = "/api/labels/{label}", tag = "checkpoints", params(("label" = String, Path)), request_body = Labelled,
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn label(
    State(app): State<App>,
    label: Result<Path<String>, PathRejection>,
    body: Result<Json<Labelled>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Path(label) = label.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let Json(Labelled { id }) = body.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let answer = json!({ "label": label, "id": id });
    app.models.mark(move |registry| registry.set_alias(&label, &id)).await?;
    Ok(Json(answer))
}

/// Takes a label away.
#[utoipa::path(delete, path = "/api/labels/{label}", tag = "checkpoints", params(("label" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn unlabel(
    State(app): State<App>,
    label: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let Path(label) = label.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let removed = app.models.mark(move |registry| registry.remove_alias(&label)).await?;
    Ok(Json(json!({ "removed": removed })))
}

/// Keeps a checkpoint whatever is pruned.
#[utoipa::path(put, path = "/api/pins/{id}", tag = "checkpoints", params(("id" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn pin(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    set_pin(&app, id, true).await
}

/// Lets a checkpoint go when old ones are removed.
#[utoipa::path(delete, path = "/api/pins/{id}", tag = "checkpoints", params(("id" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn unpin(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    set_pin(&app, id, false).await
}

/// How many checkpoints stay.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Keep {
    /// The newest ones; of the others those that are promoted, before that, pinned,
    /// labelled or loaded.
    keep: usize,
}

/// Removes old checkpoints that nobody needs.
#[utoipa::path(post, path = "/api/models/prune", tag = "checkpoints", params(Keep),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn prune(
    State(app): State<App>,
    keep: Result<Query<Keep>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(Keep { keep }) = keep.map_err(|error| ApiError::Malformed(error.body_text()))?;
    Ok(Json(json!({ "removed": app.models.prune(keep).await? })))
}

/// How the candidate that reads along compares.
#[utoipa::path(get, path = "/api/shadow", tag = "checkpoints", responses((status = 200, body = shadow::Report)))]
pub async fn shadow(State(app): State<App>) -> Json<shadow::Report> {
    Json(app.shadow.report())
}

async fn set_pin(
    app: &App,
    id: Result<Path<String>, PathRejection>,
    pinned: bool,
) -> Result<Json<Value>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let answer = json!({ "id": id, "pinned": pinned });
    app.models.mark(move |registry| registry.pin(&id, pinned)).await?;
    Ok(Json(answer))
}
