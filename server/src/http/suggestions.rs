//! `/api/suggestions`: what a person should label next, and what may be labelled wrongly.

use std::{collections::HashMap, io};

use axum::{
    body::Bytes,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    label_errors::{self, label_errors},
};
use glyphic_runtime::registry::read_bounded;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::blocking,
    caller::Caller,
    error::ApiError,
    extract::{Json, Query},
    openapi::{BadRequest, Forbidden, Unauthorized, Unavailable},
    suggested::{Suggestion, WrongLabel},
};
use crate::{
    app::App,
    jobs::Recipe,
    samples::{Filter, Sample},
};

/// Most suggestions of an answer.
const SHOWN: usize = 60;
/// Most bytes of the results of an audit.
const MOST_OF_AUDIT: u64 = 64 << 20;
/// Newest samples that are searched for wrong labels.
const SEARCHED: i64 = 2000;
/// Newest jobs among which the last candidate is looked for.
const JOBS: i64 = 50;

/// Why a picture should be looked at.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// A sample without a label, or of which the network was not sure.
    Unsure,
    /// A sample that the last candidate and the checkpoint before it read differently.
    Disagreement,
    /// A sample whose label is probably wrong.
    LabelErrors,
    /// A training example whose label is probably wrong.
    Training,
}

/// What to suggest.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SuggestionOptions {
    /// Why a picture should be looked at
    #[param(inline)]
    kind: SuggestionKind,
}

/// Pictures to look at.
#[derive(Serialize, ToSchema)]
pub struct SuggestionList {
    /// The labels of the serving checkpoint.
    labels: Vec<String>,
    /// The pictures, most urgent first.
    suggestions: Vec<Suggestion>,
    /// Of the last audit, for `kind=training`.
    #[serde(flatten)]
    audit: AuditState,
}

/// The last audit of the training data.
#[derive(Default, Serialize, ToSchema)]
pub struct AuditState {
    /// `none`, `running` or `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// Why the last audit failed, unless one is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    failure: Option<Option<String>>,
    /// Number of examples that were audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    examples: Option<usize>,
    /// Number of examples whose label is probably wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    doubted: Option<usize>,
}

/// Pictures that a person should look at, most urgent first.
#[utoipa::path(get, path = "/api/suggestions", operation_id = "list_suggestions", tag = "samples", params(SuggestionOptions), security((), ("token" = [])),
    responses((status = 200, body = SuggestionList, description = "The pictures, most urgent first"),
        BadRequest, Unauthorized, Unavailable))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(SuggestionOptions { kind }): Query<SuggestionOptions>,
) -> Result<Response, ApiError> {
    caller.check_holder()?;
    let (suggestions, audit) = match kind {
        SuggestionKind::Unsure => (unsure(&app).await?, AuditState::default()),
        SuggestionKind::Disagreement => (disagreement(&app).await?, AuditState::default()),
        SuggestionKind::LabelErrors => {
            let (store, serving) = (&app.training()?.store, app.models.engine().serving());
            let show = async |found: &[WrongLabel]| with_samples(&app, found).await;
            let search = wrong_labels(&app);
            let json = app.wrong_labels.answer(store, &serving.id, search, show).await?;
            return Ok(([(CONTENT_TYPE, "application/json")], json).into_response());
        }
        SuggestionKind::Training => training(&app).await?,
    };
    let labels = app.models.engine().serving().labels.clone();
    Ok(Json(SuggestionList { labels, suggestions, audit }).into_response())
}

/// An audit that was started.
#[derive(Serialize, ToSchema)]
pub struct AuditStarted {
    /// `running`
    state: &'static str,
}

/// Starts an audit of the training data in a child process. Its results are suggestions of
/// `kind=training` when it is done.
#[utoipa::path(post, path = "/api/audits", tag = "training", security((), ("token" = [])),
    responses((status = 202, body = AuditStarted, description = "It is running"),
        Unauthorized, Forbidden, Unavailable))]
pub async fn audit(State(app): State<App>) -> Result<(StatusCode, Json<AuditStarted>), ApiError> {
    let id = app.models.engine().serving().id.clone();
    app.training()?.audit(app.models.registry().root(), &id);
    Ok((StatusCode::ACCEPTED, Json(AuditStarted { state: "running" })))
}

async fn unsure(app: &App) -> Result<Vec<Suggestion>, ApiError> {
    let checkpoint = app.models.engine().serving().id.clone();
    let samples = app.training()?.store.unsure(&checkpoint, SHOWN as i64).await?;
    let suggestion = |sample: &Sample| {
        let why = match &sample.content.label {
            None => "not labelled yet".to_owned(),
            Some(_) => format!("{:.0} % sure when it arrived", 100.0 * sample.content.confidence),
        };
        Suggestion::of_sample(sample, &sample.content.prediction, why)
    };
    Ok(samples.iter().map(suggestion).collect())
}

async fn disagreement(app: &App) -> Result<Vec<Suggestion>, ApiError> {
    let store = &app.training()?.store;
    let jobs = store.jobs(JOBS).await?;
    let mut finetunings = jobs.into_iter().filter(|job| job.recipe == Recipe::Samples);
    let Some(candidate) = finetunings.find_map(|job| job.candidate) else {
        return Ok(Vec::new());
    };
    let registry = app.models.registry().clone();
    let comparison = blocking(move || registry.comparison(&candidate)).await?;
    let samples = comparison.map(|comparison| comparison.samples).unwrap_or_default();
    let mut suggestions = Vec::new();
    for reading in samples.iter().filter(|reading| reading.before != reading.after) {
        // It may have been deleted since.
        let Ok(sample) = store.sample(&reading.id).await else { continue };
        if sample.deleted.is_none() && !sample.confirmed {
            let why = format!("read as {} before, as {} now", reading.before, reading.after);
            suggestions.push(Suggestion::of_sample(&sample, &reading.after, why));
        }
        if suggestions.len() == SHOWN {
            break;
        }
    }
    Ok(suggestions)
}

/// What was found, of the samples that are still there, as JSON.
async fn with_samples(app: &App, found: &[WrongLabel]) -> Result<Bytes, ApiError> {
    let ids: Vec<String> = found.iter().map(|wrong| wrong.sample.clone()).collect();
    let samples = app.training()?.store.samples(&ids).await?;
    let suggestion = |wrong: &WrongLabel| {
        let sample = samples.iter().find(|sample| sample.id == wrong.sample)?;
        Some(Suggestion::of_sample(sample, &wrong.suggested, wrong.why.clone()))
    };
    let suggestions = found.iter().filter_map(suggestion).collect();
    let labels = app.models.engine().serving().labels.clone();
    let list = SuggestionList { labels, suggestions, audit: AuditState::default() };
    let json = serde_json::to_vec(&list).map(Bytes::from);
    json.map_err(|error| ApiError::Unavailable(error.to_string()))
}

async fn wrong_labels(app: &App) -> Result<Vec<WrongLabel>, ApiError> {
    let filter = Filter { labelled: Some(1), ..Filter::default() };
    let samples = app.training()?.store.find(&filter, None, SEARCHED).await?;
    let (mut rows, mut labelled) = (Vec::new(), Vec::new());
    // In the memory is each sample with its own label, wrong or not.
    let engine = app.models.engine().clone().without_memory();
    let serving = engine.serving();
    let labels = &serving.labels;
    let index: HashMap<&String, usize> = labels.iter().zip(0..).collect();
    for sample in &samples {
        let Some(&label) = sample.content.label.as_ref().and_then(|l| index.get(l)) else {
            continue;
        };
        let predicted = engine.predict(sample.content.glyph.clone()).await?;
        if predicted.model.id != serving.id {
            // The network was swapped meanwhile: the client may try again.
            return Err(ApiError::Busy);
        }
        rows.push(predicted.prediction.probabilities);
        labelled.push((sample, label));
    }
    let given: Vec<usize> = labelled.iter().map(|(_, label)| *label).collect();
    let errors = label_errors(&rows, &given);
    let open = errors.iter().filter(|error| !labelled[error.example].0.confirmed);
    let suggestion = |error: &label_errors::LabelError| {
        let sure = 100.0 * rows[error.example][error.suggested];
        let suggested = labels[error.suggested].clone();
        let why = format!("the network is {sure:.0} % sure it is {suggested}");
        WrongLabel { sample: labelled[error.example].0.id.clone(), suggested, why }
    };
    Ok(open.take(SHOWN).map(suggestion).collect())
}

/// The results of `train audit` for the serving checkpoint, without those that are samples now.
async fn training(app: &App) -> Result<(Vec<Suggestion>, AuditState), ApiError> {
    #[derive(Deserialize)]
    struct Audit {
        examples: usize,
        doubted: usize,
        doubts: Vec<DoubtedExample>,
    }
    #[derive(Deserialize)]
    struct DoubtedExample {
        label: String,
        suggested: String,
        margin: f32,
        glyph: String,
    }
    let training = app.training()?;
    let failure = Some(training.audit_failure());
    if training.auditing() {
        return Ok((Vec::new(), AuditState { state: Some("running"), ..AuditState::default() }));
    }
    let id = app.models.engine().serving().id.clone();
    let file = app.models.registry().root().join("audits").join(format!("{id}.json"));
    let read = tokio::task::spawn_blocking(move || read_bounded(&file, MOST_OF_AUDIT));
    let bytes = match read.await? {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((
                Vec::new(),
                AuditState { state: Some("none"), failure, ..AuditState::default() },
            ));
        }
        bytes => bytes.map_err(|error| ApiError::Unavailable(error.to_string()))?,
    };
    let audit: Audit =
        serde_json::from_slice(&bytes).map_err(|error| ApiError::BadSamples(error.to_string()))?;
    let mut suggestions = Vec::new();
    for doubt in audit.doubts {
        let pixels = STANDARD.decode(&doubt.glyph).unwrap_or_default();
        let Ok(glyph) = Glyph::try_from(pixels.as_slice()) else { continue };
        if training.store.has_glyph(&glyph).await? {
            continue;
        }
        let DoubtedExample { label, suggested, margin, .. } = doubt;
        let why = format!("{:.0} points more likely to be {suggested}", 100.0 * margin);
        suggestions.push(Suggestion::of_example(&glyph, label, suggested, why));
        if suggestions.len() == SHOWN {
            break;
        }
    }
    let (examples, doubted) = (Some(audit.examples), Some(audit.doubted));
    Ok((suggestions, AuditState { state: Some("ready"), failure, examples, doubted }))
}
