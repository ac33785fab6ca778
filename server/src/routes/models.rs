//! `/api/models`: what there is, promote, roll back.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, header},
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
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    refuse_other_sites(&headers)?;
    let Path(id) = id.map_err(|error| ApiError::Malformed(error.body_text()))?;
    app.models.promote(id).await?;
    Ok(Json(status(&app, json!({}))))
}

/// Goes back to the checkpoint that served before.
pub async fn roll_back(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    refuse_other_sites(&headers)?;
    app.models.roll_back().await?;
    Ok(Json(status(&app, json!({}))))
}

/// A browser sends such a request for any page that its user visits, also to
/// this machine; it says for which. Other clients do not send these headers.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let origin = text(header::ORIGIN).map(|o| o.split_once("://").map_or(o, |(_, host)| host));
    let same_site = matches!(site, None | Some("same-origin" | "none"));
    let same_origin = origin.is_none() || origin == text(header::HOST);
    if same_site && same_origin { Ok(()) } else { Err(ApiError::OtherSite) }
}

fn status(app: &App, mut body: Value) -> Value {
    body["current"] = json!(app.models.engine().serving().id);
    body["previous"] = json!(app.models.previous());
    body["device"] = json!(app.models.device().to_string());
    body
}
