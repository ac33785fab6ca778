//! `/api/aliases` and `/api/pins`: names for checkpoints, and checkpoints that are kept.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    error::ApiError,
    extract::{Json, Path},
    openapi::{
        BadRequest, Conflict, Forbidden, NotFound, TooLarge, Unauthorized, Unavailable,
        Unprocessable,
    },
};
use crate::app::App;

/// The checkpoint that gets an alias.
#[derive(Deserialize, ToSchema)]
pub struct AliasTarget {
    /// The checkpoint's id.
    id: String,
}

/// An alias and its checkpoint.
#[derive(Serialize, ToSchema)]
pub struct AliasAnswer {
    /// The alias.
    alias: String,
    /// The checkpoint's id.
    id: String,
}

/// Whether something was removed.
#[derive(Serialize, ToSchema)]
pub struct AliasRemoved {
    /// False if there was no such alias.
    removed: bool,
}

/// Whether a checkpoint is pinned.
#[derive(Serialize, ToSchema)]
pub struct PinAnswer {
    /// The checkpoint's id.
    id: String,
    /// Whether it is pinned.
    pinned: bool,
}

/// Gives a checkpoint an alias, `candidate` or any other; a checkpoint that had it loses it.
#[utoipa::path(put, path = "/api/aliases/{alias}", tag = "checkpoints", params(("alias" = String, Path)), request_body = AliasTarget,
    security((), ("token" = [])),
    responses((status = 200, body = AliasAnswer, description = "The checkpoint has the alias"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Unprocessable, Unavailable))]
pub async fn set(
    State(app): State<App>,
    Path(alias): Path<String>,
    Json(AliasTarget { id }): Json<AliasTarget>,
) -> Result<Json<AliasAnswer>, ApiError> {
    let answer = AliasAnswer { alias: alias.clone(), id: id.clone() };
    app.models.change_aliases(move |registry| registry.set_alias(&alias, &id)).await?;
    Ok(Json(answer))
}

/// Removes an alias.
#[utoipa::path(delete, path = "/api/aliases/{alias}", tag = "checkpoints", params(("alias" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = AliasRemoved, description = "No checkpoint has the alias"),
        BadRequest, Unauthorized, Forbidden, Conflict, Unavailable))]
pub async fn remove(
    State(app): State<App>,
    Path(alias): Path<String>,
) -> Result<Json<AliasRemoved>, ApiError> {
    let removed = app.models.change_aliases(move |registry| registry.remove_alias(&alias)).await?;
    Ok(Json(AliasRemoved { removed }))
}

/// Keeps a checkpoint from being removed with old ones.
#[utoipa::path(put, path = "/api/pins/{id}", tag = "checkpoints", params(("id" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = PinAnswer, description = "The checkpoint is pinned"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Unprocessable, Unavailable))]
pub async fn pin(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<PinAnswer>, ApiError> {
    set_pin(&app, id, true).await
}

/// Lets a checkpoint be removed with old ones.
#[utoipa::path(delete, path = "/api/pins/{id}", tag = "checkpoints", params(("id" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = PinAnswer, description = "The checkpoint is not pinned"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Unprocessable, Unavailable))]
pub async fn unpin(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<PinAnswer>, ApiError> {
    set_pin(&app, id, false).await
}

async fn set_pin(app: &App, id: String, pinned: bool) -> Result<Json<PinAnswer>, ApiError> {
    let answer = PinAnswer { id: id.clone(), pinned };
    app.models.change_aliases(move |registry| registry.pin(&id, pinned)).await?;
    Ok(Json(answer))
}
