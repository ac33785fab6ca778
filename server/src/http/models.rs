//! `/api/models`: the checkpoints, promotion and roll-back.

use std::fs::File;

use axum::{
    extract::State,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::checkpoint::{CARD_FILE, Manifest, Metrics, REPORT_FILE};
use glyphic_runtime::registry::{Aliases, Basis, MOST_JSON, Registry, RegistryError, read_bounded};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    body::blocking,
    caller::Caller,
    error::ApiError,
    extract::{Json, Path, Query},
    openapi::{
        BadRequest, Conflict, Forbidden, NotFound, Unauthorized, Unavailable, Unprocessable,
    },
    pieces,
    schemas::{MetricsSchema, SpeedSchema},
};
use crate::{app::App, shadow::ShadowReport};

/// A report contains its style and its pictures, and needs nothing else. It may come from elsewhere
/// with its checkpoint, so it is no page of this server: in a sandbox it has an origin of its own,
/// runs no script, sends no form, and leads nowhere by itself (`<meta http-equiv=refresh>`).
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox";

/// Which checkpoint is serving, and on which device.
#[derive(Serialize, ToSchema)]
pub struct ServingState {
    /// The serving checkpoint.
    current: String,
    /// The checkpoint that a roll-back would go to.
    previous: Option<String>,
    /// The device that computes.
    device: String,
}

impl ServingState {
    async fn of(app: &App) -> Self {
        Self {
            current: app.models.engine().serving().id.clone(),
            previous: app.models.previous().await,
            device: app.models.device().to_string(),
        }
    }
}

/// All checkpoints.
#[derive(Serialize, ToSchema)]
pub struct ModelList {
    #[serde(flatten)]
    state: ServingState,
    /// The checkpoints, newest first.
    models: Vec<ListedModel>,
}

/// A checkpoint, or why it cannot be read.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ListedModel {
    /// One that can be read.
    Readable(Box<ModelDescription>),
    /// A damaged one.
    Damaged {
        /// Its id.
        id: String,
        /// Why it cannot be read.
        error: String,
    },
}

/// A checkpoint.
#[derive(Serialize, ToSchema)]
pub struct ModelDescription {
    /// Its id.
    id: String,
    /// Its aliases.
    aliases: Vec<String>,
    /// Whether it is kept when old ones are removed.
    pinned: bool,
    /// When it was made (RFC 3339, UTC).
    created: String,
    /// The label of each output.
    labels: Vec<String>,
    /// What its pictures are: `ink`, which is framed, or `whole`.
    pictures: &'static str,
    /// Number of parameters.
    parameters: usize,
    /// Multiply-adds for a picture.
    macs: usize,
    /// The results of its training.
    #[schema(value_type = MetricsSchema)]
    metrics: Metrics,
    /// How fast it was where it was measured; `null` if it was not.
    #[schema(value_type = Option<SpeedSchema>)]
    speed: Option<Value>,
    /// The checkpoint that training started from.
    parent: Option<String>,
}

/// All checkpoints, newest first, and which one is serving.
#[utoipa::path(get, path = "/api/models", operation_id = "list_models", tag = "checkpoints",
    responses((status = 200, body = ModelList, description = "The checkpoints, newest first")))]
pub async fn list(State(app): State<App>) -> Result<Json<ModelList>, ApiError> {
    let models = app.models.clone();
    let listed = app.models.list().await?;
    let models = blocking(move || {
        let (registry, aliases) = (models.registry(), models.aliases());
        let describe = |(id, manifest): (String, Result<Manifest, RegistryError>)| match manifest {
            Ok(manifest) => describe(registry, &aliases, id, manifest),
            Err(error) => {
                ListedModel::Damaged { id, error: ApiError::from(error).public_message() }
            }
        };
        Ok::<_, RegistryError>(listed.into_iter().map(describe).collect())
    });
    Ok(Json(ModelList { models: models.await?, state: ServingState::of(&app).await }))
}

fn describe(registry: &Registry, aliases: &Aliases, id: String, manifest: Manifest) -> ListedModel {
    ListedModel::Readable(Box::new(ModelDescription {
        aliases: aliases.of(&id).map(str::to_owned).collect(),
        pinned: aliases.pins.contains(&id),
        speed: speed(registry, &id),
        pictures: manifest.pictures.name(),
        id,
        created: manifest.created,
        labels: manifest.labels,
        parameters: manifest.parameters,
        macs: manifest.macs,
        metrics: manifest.metrics,
        parent: manifest.parent,
    }))
}

/// How fast a checkpoint was where it was measured, if it was.
fn speed(registry: &Registry, id: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct CardWithSpeed {
        speed: Value,
    }
    let card = read_bounded(&registry.folder(id).join(CARD_FILE), MOST_JSON).ok()?;
    Some(serde_json::from_slice::<CardWithSpeed>(&card).ok()?.speed)
}

/// When the serving checkpoint may be changed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeOptions {
    /// Only if this checkpoint is still promoted
    from: Option<String>,
}

/// When a checkpoint may be promoted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PromoteOptions {
    /// Only if this checkpoint is still promoted
    from: Option<String>,
    /// 1: even if it is less accurate or has other labels
    #[serde(default)]
    #[param(required = false)]
    force: u8,
}

/// Makes a checkpoint the serving one.
#[utoipa::path(post, path = "/api/models/{id}/promote", tag = "checkpoints", params(("id" = String, Path, description = "An id or an alias"), PromoteOptions), security((), ("token" = [])),
    responses((status = 200, body = ServingState, description = "It is serving"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Unprocessable, Unavailable))]
pub async fn promote(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(options): Query<PromoteOptions>,
) -> Result<Json<ServingState>, ApiError> {
    let basis = if options.force != 0 { Basis::Forced } else { Basis::Scores };
    app.models.promote(id, options.from, basis).await?;
    Ok(Json(ServingState::of(&app).await))
}

/// Goes back to the checkpoint that was promoted before.
#[utoipa::path(post, path = "/api/models/rollback", tag = "checkpoints", params(ChangeOptions), security((), ("token" = [])),
    responses((status = 200, body = ServingState, description = "The earlier checkpoint is serving"),
        BadRequest, Unauthorized, Forbidden, Conflict, Unprocessable, Unavailable))]
pub async fn roll_back(
    State(app): State<App>,
    Query(options): Query<ChangeOptions>,
) -> Result<Json<ServingState>, ApiError> {
    app.models.roll_back(options.from).await?;
    Ok(Json(ServingState::of(&app).await))
}

/// How many checkpoints are kept.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PruneOptions {
    /// The number of newest ones to keep. Of the others, those are kept that are promoted, were
    /// promoted before, are pinned or loaded, or have an alias
    keep: usize,
    /// 1: only say which ones would be removed
    #[serde(default)]
    dry_run: u8,
}

/// The checkpoints that were removed, or would be.
#[derive(Serialize, ToSchema)]
pub struct Pruned {
    /// The ids of those that were removed. For 24 hours they can be restored.
    removed: Vec<String>,
    /// The ids of those that would be removed without `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_remove: Option<Vec<String>>,
}

/// Removes old checkpoints that nobody needs, or says which ones it would remove.
#[utoipa::path(post, path = "/api/models/prune", tag = "checkpoints", params(PruneOptions),
    security((), ("token" = [])),
    responses((status = 200, body = Pruned, description = "Which ones were removed"),
        BadRequest, Unauthorized, Forbidden, Conflict, Unavailable))]
pub async fn prune(
    State(app): State<App>,
    Query(PruneOptions { keep, dry_run }): Query<PruneOptions>,
) -> Result<Json<Pruned>, ApiError> {
    Ok(Json(match dry_run {
        0 => Pruned { removed: app.models.prune(keep).await?, would_remove: None },
        _ => Pruned { removed: vec![], would_remove: Some(app.models.prunable(keep).await?) },
    }))
}

/// Restores a checkpoint that was removed in the last 24 hours.
#[utoipa::path(post, path = "/api/models/{id}/restore", tag = "checkpoints", params(("id" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = ServingState, description = "It is there again; what serves is unchanged"),
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Unavailable))]
pub async fn restore(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ServingState>, ApiError> {
    app.models.restore(id).await?;
    Ok(Json(ServingState::of(&app).await))
}

/// How the candidate compares with the serving checkpoint; what they read differently is shown with
/// the token alone.
#[utoipa::path(get, path = "/api/shadow", tag = "checkpoints",
    responses((status = 200, body = ShadowReport, description = "How often both agreed"), BadRequest))]
pub async fn shadow(State(app): State<App>, caller: Caller) -> Json<ShadowReport> {
    let report = app.shadow.report();
    Json(if caller.is_holder() { report } else { report.without_disagreements() })
}

/// A checkpoint's report, as a page.
pub async fn page(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let page = file(&app, id, REPORT_FILE).await?;
    from_elsewhere("text/html; charset=utf-8", page)
}

/// A checkpoint's card: its results in detail.
#[utoipa::path(get, path = "/api/models/{id}/report", tag = "checkpoints", params(("id" = String, Path)),
    responses((status = 200, body = Object, description = "The card, as the trainer wrote it"),
        BadRequest, NotFound, Unprocessable))]
pub async fn card(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let card = file(&app, id, CARD_FILE).await?;
    from_elsewhere("application/json", card)
}

/// A file of a checkpoint, which may come from elsewhere, as it is and however long it is.
fn from_elsewhere(content_type: &'static str, file: File) -> Result<Response, ApiError> {
    let headers = [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, REPORT_POLICY)];
    Ok((headers, pieces::file(file)?).into_response())
}

async fn file(app: &App, id: String, name: &'static str) -> Result<File, ApiError> {
    let registry = app.models.registry().clone();
    let file = blocking(move || registry.open_file(&id, name)).await?;
    file.ok_or(ApiError::NoSuchPath)
}
