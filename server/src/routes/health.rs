//! `GET /healthz`, `/readyz` and `/metrics`.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header::CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::openapi::ErrorBody;
use crate::{App, error::ApiError};

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String)))]
pub async fn live() -> &'static str {
    "ok"
}

/// A warmed network answers.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200, body = Object), (status = 503, body = ErrorBody)))]
pub async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let engine = app.models.engine();
    engine.check_alive()?;
    Ok(Json(json!({ "model": engine.serving().id })))
}

/// What the server counts of itself, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, body = String)))]
pub async fn metrics(
    State(app): State<App>,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let text = app.meters().text().map_err(|error| ApiError::Unavailable(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
