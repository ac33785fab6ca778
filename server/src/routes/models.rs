//! `/api/models`: what there is, promote, roll back.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use crate::{App, error::ApiError};

/// All checkpoints, newest first, and which one is serving on what.
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let models = app.models.list()?.into_iter().map(|(id, manifest)| match manifest {
        Ok(manifest) => json!({
            "id": id,
            "created": manifest.created,
            "labels": manifest.labels,
            "parameters": manifest.parameters,
            "macs": manifest.macs,
            "metrics": manifest.metrics,
            "parent": manifest.parent,
        }),
        Err(error) => json!({ "id": id, "error": error.to_string() }),
    });
    let models: Vec<Value> = models.collect();
    Ok(Json(status(&app, json!({ "models": models }))))
}

/// Makes a checkpoint the one that serves.
pub async fn promote(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    app.models.promote(&id).await?;
    Ok(Json(status(&app, json!({}))))
}

/// Goes back to the checkpoint that served before.
pub async fn roll_back(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.models.roll_back().await?;
    Ok(Json(status(&app, json!({}))))
}

fn status(app: &App, mut body: Value) -> Value {
    body["current"] = json!(app.models.engine().serving().id);
    body["previous"] = json!(app.models.previous());
    body["device"] = json!(app.models.device().to_string());
    body
}
