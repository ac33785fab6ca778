//! `GET /healthz` and `GET /readyz`.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{App, error::ApiError};

/// The process answers.
pub async fn live() -> &'static str {
    "ok"
}

/// A warmed network answers.
pub async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let engine = app.models.engine();
    if !engine.is_alive() {
        return Err(ApiError::Unavailable("the network's thread has stopped".to_owned()));
    }
    Ok(Json(json!({ "model": engine.serving().id })))
}
