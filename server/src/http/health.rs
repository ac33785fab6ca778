//! `GET /healthz`, `/readyz` and `/metrics`.

use axum::{
    extract::State,
    http::{HeaderName, header::CONTENT_TYPE},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::ApiError, extract::Json, openapi::Unavailable};
use crate::app::App;

/// The server can answer.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// The serving checkpoint.
    model: String,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, body = String, description = "It does")))]
pub async fn live() -> &'static str {
    "ok"
}

/// Whether a network is ready to answer, and what is sent would be kept and found again.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Ready, description = "It is ready"), Unavailable))]
pub async fn ready(State(app): State<App>) -> Result<Json<Ready>, ApiError> {
    let engine = app.models.engine();
    engine.check_alive()?;
    if let Ok(training) = app.training() {
        training.store.check_writes().await?;
    }
    Ok(Json(Ready { model: engine.serving().id.clone() }))
}

/// The server's metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, body = String, description = "The metrics in Prometheus' text format")))]
pub async fn metrics(
    State(app): State<App>,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let text = app.metrics().text().map_err(|error| ApiError::Unavailable(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
