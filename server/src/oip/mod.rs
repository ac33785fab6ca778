//! The Open Inference Protocol, version 2, over REST: what KServe, Triton and MLServer
//! speak, so that their clients can use this server.
//!
//! ```text
//! body ─request.rs─► glyphs ─engine─► predictions ─response.rs─► JSON, or JSON and bytes
//! ```
//!
//! The model `glyphic` is the serving checkpoint, and its version is the checkpoint's id. Any
//! checkpoint is also a model under its own id, once it is loaded beside the serving one.
//!
//! Source: the protocol's text at github.com/kserve/open-inference-protocol; for tensors
//! after the JSON, Triton's binary tensor data extension.

mod outputs;
mod protocol;
mod request;
mod response;

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, request::Parts},
    response::{IntoResponse, Response},
};
use glyphic_model::{Glyph, checkpoint::Manifest};
use glyphic_runtime::text;
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use utoipa::ToSchema;

use crate::{
    app::App,
    engine::Engine,
    http::{
        body::receive,
        error::{ApiError, ErrorText},
        extract::{Client, Json, Path, null_is_absent, small_body},
    },
    samples::Effort,
};
use outputs::OUTPUTS;
use protocol::{
    BadRequest, Conflict, EXTENSIONS, Forbidden, INPUT, NotFound, ONLY_VERSION, TooLarge,
    TooManyRequests, Unauthorized, Unavailable, Unprocessable,
};
pub use protocol::{HEADER_LENGTH, MAX_PICTURES, ProtocolError, SERVING};
use request::{InferenceRequest, ParsedRequest};
use response::InferenceAnswer;

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

type Answered<T> = Result<Json<T>, Refused>;

/// The server, in the protocol's words.
#[derive(Serialize, ToSchema)]
pub struct ServerMetadata {
    /// `glyphic`
    name: &'static str,
    /// The program's version.
    version: &'static str,
    /// The parts of the protocol beyond its core.
    extensions: Vec<&'static str>,
}

/// What this server is.
#[utoipa::path(get, path = "/v2", tag = "inference protocol",
    responses((status = 200, body = ServerMetadata, description = "Its name, version and extensions")))]
pub async fn server() -> Json<ServerMetadata> {
    let version = env!("CARGO_PKG_VERSION");
    Json(ServerMetadata { name: "glyphic", version, extensions: EXTENSIONS.to_vec() })
}

/// Whether the process answers.
#[derive(Serialize, ToSchema)]
pub struct Live {
    /// `true`
    live: bool,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/v2/health/live", operation_id = "server_live", tag = "inference protocol",
    responses((status = 200, body = Live, description = "It does")))]
pub async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether the server is ready.
#[derive(Serialize, ToSchema)]
pub struct ServerReady {
    /// `true`
    ready: bool,
}

/// Whether a network is ready to answer.
#[utoipa::path(get, path = "/v2/health/ready", operation_id = "server_ready", tag = "inference protocol",
    responses((status = 200, body = ServerReady, description = "It is ready"),
        (status = 503, body = ProtocolError, description = "The server cannot answer now")))]
pub async fn ready(State(app): State<App>) -> Answered<ServerReady> {
    app.models.engine().check_alive()?;
    Ok(Json(ServerReady { ready: true }))
}

/// A model, in the protocol's words.
#[derive(Serialize, ToSchema)]
pub struct ModelMetadata {
    /// `glyphic`, or the checkpoint's id.
    name: String,
    /// Its only version.
    versions: Vec<String>,
    /// `glyphic_burn`
    platform: &'static str,
    /// The tensors that it reads.
    inputs: Vec<TensorMetadata>,
    /// The tensors that it answers with.
    outputs: Vec<TensorMetadata>,
    /// Details that only this server gives.
    parameters: ModelParameters,
}

/// A tensor of a model.
#[derive(Serialize, ToSchema)]
pub struct TensorMetadata {
    /// Its name.
    name: &'static str,
    /// The protocol's name for its type.
    datatype: &'static str,
    /// Its shape; -1 is the number of pictures.
    shape: Vec<i64>,
}

/// Details that only this server gives.
#[derive(Serialize, ToSchema)]
pub struct ModelParameters {
    /// The checkpoint's id.
    checkpoint: String,
    /// What the pixels of an input are.
    pixels: &'static str,
    /// The label of each class.
    labels: Vec<String>,
    /// Most pictures of one request.
    max_batch_size: usize,
}

/// What a model reads and answers.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference protocol",
    params(("model" = String, Path, description = "`glyphic`, or a checkpoint's id")),
    responses((status = 200, body = ModelMetadata, description = "Its inputs and outputs"), BadRequest, NotFound))]
pub async fn model(State(app): State<App>, name: ModelName) -> Answered<ModelMetadata> {
    metadata(&app, &name)
}

/// What a version of a model reads and answers.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = ModelMetadata, description = "Its inputs and outputs"), BadRequest, NotFound))]
pub async fn model_version(State(app): State<App>, name: ModelName) -> Answered<ModelMetadata> {
    metadata(&app, &name)
}

/// Whether a model is ready.
#[derive(Serialize, ToSchema)]
pub struct ModelReady {
    /// The model's name.
    name: String,
    /// `true`
    ready: bool,
}

/// Whether a model is ready to answer.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference protocol",
    params(("model" = String, Path)),
    responses((status = 200, body = ModelReady, description = "It is ready"), BadRequest, NotFound))]
pub async fn model_ready(State(app): State<App>, name: ModelName) -> Answered<ModelReady> {
    readiness(&app, name)
}

/// Whether a version of a model is ready to answer.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = ModelReady, description = "It is ready"), BadRequest, NotFound))]
pub async fn model_version_ready(State(app): State<App>, name: ModelName) -> Answered<ModelReady> {
    readiness(&app, name)
}

/// The answer to an inference request.
#[derive(ToSchema)]
#[allow(dead_code)]
struct InferenceResponse {
    /// The model's name.
    model_name: String,
    /// The model's version.
    model_version: String,
    /// The request's id, if it had one.
    id: Option<String>,
    /// The output tensors.
    outputs: Vec<OutputTensor>,
}

/// An output tensor.
#[derive(ToSchema)]
#[allow(dead_code)]
struct OutputTensor {
    /// Its name.
    name: String,
    /// The protocol's name for its type.
    datatype: String,
    /// Its shape.
    shape: Vec<usize>,
    /// Its values, unless they are bytes after the JSON.
    data: Option<Vec<serde_json::Value>>,
    /// `binary_data_size` is the number of its bytes after the JSON.
    parameters: Option<serde_json::Value>,
}

/// Reads pictures. The input `pixels` is FP32 or UINT8, ink 255 on 0, of shape
/// `[n,1,28,28]`, `[n,28,28]` or `[n,784]`, n at most 256; flat, nested, or binary.
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference protocol",
    params(("model" = String, Path)),
    request_body(content = InferenceRequest, example = json!({"id": "1", "inputs": [{"name": "pixels", "shape": [1, 784], "datatype": "UINT8", "data": vec![0; 784]}]})),
    responses((status = 200, description = "The outputs", content((InferenceResponse = "application/json"), (inline(Vec<u8>) = "application/octet-stream"))),
        BadRequest, NotFound, TooLarge, TooManyRequests, Unavailable))]
pub async fn infer(
    State(app): State<App>,
    Client(client): Client,
    name: ModelName,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    read(&app, client, &name, &headers, body).await
}

/// Reads pictures with this version of a model.
#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "inference protocol",
    params(("model" = String, Path), ("version" = String, Path)),
    request_body(content = InferenceRequest),
    responses((status = 200, description = "The outputs", content((InferenceResponse = "application/json"), (inline(Vec<u8>) = "application/octet-stream"))),
        BadRequest, NotFound, TooLarge, TooManyRequests, Unavailable))]
pub async fn infer_version(
    State(app): State<App>,
    Client(client): Client,
    name: ModelName,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    read(&app, client, &name, &headers, body).await
}

/// Which models of the repository are wanted.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct IndexRequest {
    /// Only those that are loaded.
    #[serde(deserialize_with = "null_is_absent")]
    ready: bool,
}

/// A model of the repository.
#[derive(Serialize, ToSchema)]
pub struct IndexedModel {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// `READY`, or `UNAVAILABLE` until it is loaded.
    state: &'static str,
    /// Why it cannot be loaded.
    reason: String,
}

/// All checkpoints, and which of them are loaded.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference protocol",
    request_body(content = Option<IndexRequest>),
    responses((status = 200, body = [IndexedModel], description = "The models"), BadRequest, TooLarge))]
pub async fn index(
    State(app): State<App>,
    OptionalJson(request): OptionalJson<IndexRequest>,
) -> Answered<Vec<IndexedModel>> {
    let serving = app.models.engine().serving();
    let mut models = vec![IndexedModel {
        name: SERVING.to_owned(),
        version: serving.id.clone(),
        state: "READY",
        reason: String::new(),
    }];
    for (id, manifest) in app.models.list().await? {
        let state = if app.models.loaded(&id).is_some() { "READY" } else { "UNAVAILABLE" };
        let reason = manifest.err().map(|error| ApiError::from(error).public_message());
        let reason = reason.unwrap_or_default();
        models.push(IndexedModel { name: id, version: ONLY_VERSION.to_owned(), state, reason });
    }
    models.retain(|model| !request.ready || model.state == "READY");
    Ok(Json(models))
}

/// Parameters of loading and unloading, which are accepted and ignored.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RepositoryParameters {
    #[serde(rename = "parameters")]
    #[schema(value_type = Option<Object>)]
    _parameters: Option<IgnoredAny>,
}

/// An empty object.
#[derive(Serialize, ToSchema)]
pub struct EmptyAnswer {}

/// Loads a checkpoint beside the serving one. The body is ignored.
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "inference protocol",
    params(("model" = String, Path, description = "A checkpoint's id")),
    request_body(content = Option<RepositoryParameters>),
    security((), ("token" = [])),
    responses((status = 200, body = EmptyAnswer, description = "It is loaded"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Unprocessable))]
pub async fn load(
    State(app): State<App>,
    ModelName { model, .. }: ModelName,
    OptionalJson(RepositoryParameters { .. }): OptionalJson<RepositoryParameters>,
) -> Answered<EmptyAnswer> {
    // The serving checkpoint is always loaded.
    if model != SERVING {
        app.models.load(model).await?;
    }
    Ok(Json(EmptyAnswer {}))
}

/// Unloads a checkpoint that was loaded beside the serving one.
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "inference protocol",
    params(("model" = String, Path)),
    request_body(content = Option<RepositoryParameters>),
    security((), ("token" = [])),
    responses((status = 200, body = EmptyAnswer, description = "It is not loaded"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge))]
pub async fn unload(
    State(app): State<App>,
    ModelName { model, .. }: ModelName,
    OptionalJson(RepositoryParameters { .. }): OptionalJson<RepositoryParameters>,
) -> Answered<EmptyAnswer> {
    if model == SERVING {
        return Err(ApiError::AlwaysServes.into());
    }
    app.models.unload(&model)?;
    Ok(Json(EmptyAnswer {}))
}

/// A body of JSON that may be left out.
pub struct OptionalJson<T>(T);

impl<T: Default + DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let body = small_body(request, state).await?;
        if body.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        let parsed: Option<T> = text::json(&body)
            .map_err(|error| ApiError::malformed(format!("the JSON cannot be read: {error}")))?;
        Ok(Self(parsed.unwrap_or_default()))
    }
}

/// A model's name and, in some paths, its version.
#[derive(Deserialize)]
pub struct ModelName {
    model: String,
    version: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ModelName {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Path(name) = Path::from_request_parts(parts, state).await?;
        Ok(name)
    }
}

impl ModelName {
    /// The model's engine, if it is loaded in this version.
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

    /// Fails if another version than this one was asked for.
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

    /// The name of the version that this checkpoint is of the model.
    fn version_of(&self, manifest: &Manifest) -> String {
        if self.model == SERVING { manifest.id.clone() } else { ONLY_VERSION.to_owned() }
    }
}

fn metadata(app: &App, name: &ModelName) -> Answered<ModelMetadata> {
    let manifest = name.engine(app)?.serving();
    let outputs = OUTPUTS.iter().map(|output| TensorMetadata {
        name: output.name,
        datatype: output.datatype,
        shape: match output.by_label {
            true => vec![-1, manifest.labels.len() as i64],
            false => vec![-1],
        },
    });
    Ok(Json(ModelMetadata {
        name: name.model.clone(),
        versions: vec![name.version_of(&manifest)],
        platform: "glyphic_burn",
        inputs: vec![TensorMetadata { name: INPUT, datatype: "FP32", shape: vec![-1, 1, 28, 28] }],
        outputs: outputs.collect(),
        parameters: ModelParameters {
            checkpoint: manifest.id.clone(),
            pixels: "0 to 255, or 0 to 1: ink 255 or 1 on 0, one symbol centred in 28 x 28",
            labels: manifest.labels.clone(),
            max_batch_size: MAX_PICTURES,
        },
    }))
}

fn readiness(app: &App, name: ModelName) -> Answered<ModelReady> {
    name.engine(app)?.check_alive()?;
    Ok(Json(ModelReady { name: name.model, ready: true }))
}

async fn read(
    app: &App,
    client: IpAddr,
    name: &ModelName,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let engine = name.engine(app)?;
    let (bytes, _room) = receive(app, client, headers, body).await?;
    let headers = headers.clone();
    // Parsing megabytes of numbers takes too long for the async runtime's threads.
    let lane = app.lanes.lane(Effort::of_length(bytes.len()));
    let parsed = lane.compute(client, move || ParsedRequest::parse(&headers, &bytes)).await;
    let ParsedRequest { id, glyphs, outputs, thresholds } = parsed.inspect_err(|error| {
        if let ApiError::Busy = error {
            app.metrics().turned_away("decoders");
        }
    })?;
    let blank: Vec<bool> = glyphs.iter().map(Glyph::is_blank).collect();
    let predicted = engine.predict_all(glyphs.clone()).await?;
    // The network may have been swapped meanwhile.
    if name.model != SERVING && name.model != predicted.model.id {
        return Err(ApiError::NotLoaded { model: name.model.clone() }.into());
    }
    let version = name.version_of(&predicted.model);
    name.check_version(&version)?;
    if name.model == SERVING {
        let pictures = glyphs.iter().zip(&predicted.prediction).zip(&blank);
        let with_ink = pictures.filter(|(_, blank)| !**blank).map(|(picture, _)| picture);
        app.shadow.compare(&predicted.model, with_ink);
    }
    let thresholds = app.thresholds_over(&predicted.model, thresholds)?;
    let answer = InferenceAnswer {
        model: &name.model,
        version,
        id,
        manifest: Arc::clone(&predicted.model),
        thresholds,
        predictions: predicted.prediction,
        blank,
    };
    Ok(answer.write(&outputs)?)
}
