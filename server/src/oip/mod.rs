//! The Open Inference Protocol, version 2, over REST: what KServe, Triton and MLServer
//! speak, so that their clients can ask here too.
//!
//! ```text
//! body ─request.rs─► glyphs ─engine─► predictions ─response.rs─► JSON, or JSON and bytes
//! ```
//!
//! The model `glyphic` is whatever serves, its version the checkpoint's id. Any checkpoint
//! is a model of its own under its id, once it is loaded beside the one that serves.
//!
//! Source: the protocol's text at github.com/kserve/open-inference-protocol; for tensors
//! behind the JSON, Triton's binary tensor data extension.

mod request;
mod response;

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use glyphic_model::checkpoint::Manifest;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    App,
    engine::Engine,
    error::{ApiError, ErrorText},
    routes::{
        intake::{read_body, room_for_body},
        predict::thresholds,
    },
};
use request::Request;

/// The model that is whatever serves.
pub const SERVING: &str = "glyphic";
/// The only version of a checkpoint that is a model of its own.
const ONLY_VERSION: &str = "1";
/// Most pictures of one request.
pub const MAX_PICTURES: usize = 256;
/// What of the protocol is spoken beyond its core.
const EXTENSIONS: [&str; 2] = ["model_repository", "binary_tensor_data"];

/// An error in the protocol's form: `{"error": "…"}`.
pub struct Refused(ApiError);

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response_as(ErrorText::Plain)
    }
}

type Answer<T> = Result<T, Refused>;
type Names = Result<Path<(String, String)>, PathRejection>;
type Name = Result<Path<String>, PathRejection>;
/// A small body.
type Sent = Result<Bytes, BytesRejection>;

/// The protocol's error.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct ProtocolError {
    /// What is wrong, and what to do.
    error: String,
}

/// What this server is.
#[utoipa::path(get, path = "/v2", tag = "inference protocol", responses((status = 200, body = Object)))]
pub async fn server() -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "name": "glyphic", "version": version, "extensions": EXTENSIONS }))
}

/// The process answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "inference protocol", responses((status = 200, body = Object)))]
pub async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// A warmed network answers.
#[utoipa::path(get, path = "/v2/health/ready", tag = "inference protocol",
    responses((status = 200, body = Object), (status = 503, body = ProtocolError)))]
pub async fn ready(State(app): State<App>) -> Answer<Json<Value>> {
    app.models.engine().check_alive()?;
    Ok(Json(json!({ "ready": true })))
}

/// What a model reads and says.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference protocol",
    params(("model" = String, Path, description = "`glyphic`, or a checkpoint's id")),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 404, body = ProtocolError)))]
pub async fn model(State(app): State<App>, name: Name) -> Answer<Json<Value>> {
    metadata(&app, &Asked::of(name)?)
}

/// What a version of a model reads and says.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 404, body = ProtocolError)))]
pub async fn model_version(State(app): State<App>, names: Names) -> Answer<Json<Value>> {
    metadata(&app, &Asked::version_of(names)?)
}

/// Whether a model answers.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference protocol",
    params(("model" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 404, body = ProtocolError)))]
pub async fn model_ready(State(app): State<App>, name: Name) -> Answer<Json<Value>> {
    readiness(&app, &Asked::of(name)?)
}

/// Whether a version of a model answers.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 404, body = ProtocolError)))]
pub async fn model_version_ready(State(app): State<App>, names: Names) -> Answer<Json<Value>> {
    readiness(&app, &Asked::version_of(names)?)
}

/// Reads pictures. The input `pixels` is FP32 or UINT8, ink 255 on 0, of shape
/// `[n,1,28,28]`, `[n,28,28]` or `[n,784]`, n at most 256; flat, nested, or binary.
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference protocol",
    params(("model" = String, Path)),
    request_body(content = request::InferenceRequest, example = json!({"id": "1", "inputs": [{"name": "pixels", "shape": [1, 784], "datatype": "UINT8", "data": vec![0; 784]}]})),
    responses((status = 200, content((Object = "application/json"), (inline(Vec<u8>) = "application/octet-stream"))),
        (status = 400, body = ProtocolError), (status = 404, body = ProtocolError), (status = 413, body = ProtocolError), (status = 429, body = ProtocolError), (status = 503, body = ProtocolError)))]
pub async fn infer(
    State(app): State<App>,
    name: Name,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer<Response> {
    read(&app, &Asked::of(name)?, &headers, body).await
}

/// Reads pictures with this version of a model.
#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    request_body(content = request::InferenceRequest),
    responses((status = 200, content((Object = "application/json"), (inline(Vec<u8>) = "application/octet-stream"))),
        (status = 400, body = ProtocolError), (status = 404, body = ProtocolError), (status = 413, body = ProtocolError), (status = 429, body = ProtocolError), (status = 503, body = ProtocolError)))]
pub async fn infer_version(
    State(app): State<App>,
    names: Names,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer<Response> {
    read(&app, &Asked::version_of(names)?, &headers, body).await
}

/// Which models of the repository are wanted.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Index {
    /// Only those that answer.
    ready: bool,
}

/// A model of the repository.
#[derive(Serialize, ToSchema)]
pub struct Indexed {
    name: String,
    version: String,
    /// `READY`, or `UNAVAILABLE` until it is loaded.
    state: &'static str,
    /// Why it cannot be loaded.
    reason: String,
}

/// All checkpoints, and which of them answer.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference protocol",
    request_body(content = Option<Index>),
    responses((status = 200, body = [Indexed]), (status = 400, body = ProtocolError)))]
pub async fn index(State(app): State<App>, body: Sent) -> Answer<Json<Vec<Indexed>>> {
    let asked: Index = optional(body)?;
    let serving = app.models.engine().serving();
    let mut models = vec![Indexed {
        name: SERVING.to_owned(),
        version: serving.id.clone(),
        state: "READY",
        reason: String::new(),
    }];
    for (id, manifest) in app.models.list().await? {
        let state = if app.models.loaded(&id).is_some() { "READY" } else { "UNAVAILABLE" };
        let reason = manifest.err().map(|error| ApiError::from(error).public_message());
        let reason = reason.unwrap_or_default();
        models.push(Indexed { name: id, version: ONLY_VERSION.to_owned(), state, reason });
    }
    models.retain(|model| !asked.ready || model.state == "READY");
    Ok(Json(models))
}

/// What a client may say when it loads or unloads; nothing follows from it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Parameters {
    #[serde(rename = "parameters")]
    #[schema(value_type = Option<Object>)]
    _parameters: Option<IgnoredAny>,
}

/// Loads a checkpoint beside the one that serves. Nothing is configured by its body.
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "inference protocol",
    params(("model" = String, Path, description = "a checkpoint's id")),
    request_body(content = Option<Parameters>),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 401, body = ProtocolError),
        (status = 404, body = ProtocolError), (status = 409, body = ProtocolError), (status = 422, body = ProtocolError)))]
pub async fn load(State(app): State<App>, name: Name, body: Sent) -> Answer<Json<Value>> {
    let Parameters { .. } = optional(body)?;
    let Asked { model, .. } = Asked::of(name)?;
    // It is always loaded.
    if model != SERVING {
        app.models.load(model).await?;
    }
    Ok(Json(json!({})))
}

/// Unloads a checkpoint that was loaded beside the one that serves.
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "inference protocol",
    params(("model" = String, Path)),
    request_body(content = Option<Parameters>),
    security((), ("token" = [])),
    responses((status = 200, body = Object), (status = 400, body = ProtocolError), (status = 401, body = ProtocolError),
        (status = 404, body = ProtocolError), (status = 409, body = ProtocolError)))]
pub async fn unload(State(app): State<App>, name: Name, body: Sent) -> Answer<Json<Value>> {
    let Parameters { .. } = optional(body)?;
    let Asked { model, .. } = Asked::of(name)?;
    if model == SERVING {
        return Err(ApiError::AlwaysServes.into());
    }
    app.models.unload(&model)?;
    Ok(Json(json!({})))
}

/// A model by name and, if one was asked for, by version.
struct Asked {
    model: String,
    version: Option<String>,
}

impl Asked {
    fn of(name: Name) -> Result<Self, ApiError> {
        let Path(model) = name.map_err(|error| ApiError::Malformed(error.body_text()))?;
        Ok(Self { model, version: None })
    }

    fn version_of(names: Names) -> Result<Self, ApiError> {
        let Path((model, version)) = names.map_err(|e| ApiError::Malformed(e.body_text()))?;
        Ok(Self { model, version: Some(version) })
    }

    /// Its engine, if it is loaded in this version.
    fn engine(&self, app: &App) -> Result<Engine, ApiError> {
        let missing = || ApiError::NotLoaded { model: self.model.clone() };
        let (engine, version) = if self.model == SERVING {
            let engine = app.models.engine().clone();
            let version = engine.serving().id.clone();
            (engine, version)
        } else {
            let engine = app.models.loaded(&self.model).ok_or_else(missing)?;
            (engine, ONLY_VERSION.to_owned())
        };
        self.check_version(&version)?;
        Ok(engine)
    }

    /// Fails if another version than this was asked for.
    fn check_version(&self, version: &str) -> Result<(), ApiError> {
        match &self.version {
            Some(asked) if *asked != version => Err(ApiError::NoSuchVersion {
                model: self.model.clone(),
                asked: asked.clone(),
                version: version.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The version that this checkpoint is of the model.
    fn version_name(&self, manifest: &Manifest) -> String {
        if self.model == SERVING { manifest.id.clone() } else { ONLY_VERSION.to_owned() }
    }
}

fn metadata(app: &App, asked: &Asked) -> Answer<Json<Value>> {
    let manifest = asked.engine(app)?.serving();
    let outputs = response::OUTPUTS.iter().map(|output| {
        let shape = match output.by_label {
            true => json!([-1, manifest.labels.len()]),
            false => json!([-1]),
        };
        json!({ "name": output.name, "datatype": output.datatype, "shape": shape })
    });
    Ok(Json(json!({
        "name": asked.model,
        "versions": [asked.version_name(&manifest)],
        "platform": "glyphic_burn",
        "inputs": [{ "name": request::INPUT, "datatype": "FP32", "shape": [-1, 1, 28, 28] }],
        "outputs": outputs.collect::<Vec<_>>(),
        "parameters": {
            "checkpoint": manifest.id,
            "labels": manifest.labels,
            "max_batch_size": MAX_PICTURES,
        },
    })))
}

fn readiness(app: &App, asked: &Asked) -> Answer<Json<Value>> {
    asked.engine(app)?.check_alive()?;
    Ok(Json(json!({ "name": asked.model, "ready": true })))
}

async fn read(
    app: &App,
    asked: &Asked,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Answer<Response> {
    let engine = asked.engine(app)?;
    let _room = room_for_body(app, headers)?;
    let bytes = read_body(app, body).await?;
    let headers = headers.clone();
    // Megabytes of numbers take a while.
    let parsed = tokio::task::spawn_blocking(move || Request::parse(&headers, &bytes));
    let parsed = parsed.await.map_err(|error| ApiError::Unavailable(error.to_string()))?;
    let Request { id, glyphs, outputs, doubt } = parsed?;
    let blank: Vec<bool> = glyphs.iter().map(glyphic_model::Glyph::is_blank).collect();
    let said = engine.predict_all(glyphs.clone()).await?;
    // Another checkpoint may have taken over since.
    if asked.model != SERVING && asked.model != said.model.id {
        return Err(ApiError::NotLoaded { model: asked.model.clone() }.into());
    }
    let version = asked.version_name(&said.model);
    asked.check_version(&version)?;
    if asked.model == SERVING {
        let read = glyphs.iter().zip(&said.prediction).zip(&blank);
        app.shadow.look(&said.model, read.filter(|(_, blank)| !**blank).map(|(read, _)| read));
    }
    let thresholds = thresholds(doubt, app, &said.model)?;
    let answered = response::Answered {
        model: &asked.model,
        version,
        id,
        manifest: Arc::clone(&said.model),
        thresholds,
        predictions: said.prediction,
        blank,
    };
    Ok(answered.write(&outputs)?)
}

/// A body of JSON that may be left out.
fn optional<T: Default + serde::de::DeserializeOwned>(body: Sent) -> Result<T, ApiError> {
    let body = body.map_err(|error| ApiError::Malformed(error.body_text()))?;
    match body.trim_ascii().is_empty() {
        true => Ok(T::default()),
        false => serde_json::from_slice(&body)
            .map_err(|error| ApiError::Malformed(format!("the JSON cannot be read: {error}"))),
    }
}

/// The form of an error for this path.
pub fn error_text(path: &str) -> ErrorText {
    let of_protocol = path == "/v2" || path.starts_with("/v2/");
    if of_protocol { ErrorText::Plain } else { ErrorText::WithCode }
}
