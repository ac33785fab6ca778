//! `/api/jobs`: training from the samples.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{openapi::ErrorBody, samples::path};
use crate::{App, error::ApiError, store::jobs::Job};

/// How many jobs are listed.
const LISTED: i64 = 50;

/// The last jobs, newest first, and the one under way.
#[utoipa::path(get, path = "/api/jobs", tag = "training", responses((status = 200, body = Object), (status = 503, body = ErrorBody)))]
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let jobs = app.teaching()?.store.jobs(LISTED).await?;
    Ok(Json(json!({ "jobs": jobs })))
}

/// Asks for training. One job at a time: 409 if there is one.
#[utoipa::path(post, path = "/api/jobs", tag = "training", security((), ("token" = [])), responses((status = 202, body = Object), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn ask(State(app): State<App>) -> Result<(StatusCode, Json<Job>), ApiError> {
    let teaching = app.teaching()?;
    let job = teaching.ask("asked").await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// One job.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "training", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn one(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(app.teaching()?.store.job(&path(id)?).await?))
}

/// Asks a job to stop.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "training", params(("id" = String, Path)), security((), ("token" = [])), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn cancel(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    let teaching = app.teaching()?;
    let job = teaching.store.cancel_job(&path(id)?).await?;
    teaching.wake();
    Ok(Json(job))
}
