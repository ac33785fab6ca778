//! `/api/suggestions`: what a person should look at next, each settled by one
//! label.

use std::{collections::HashMap, fs, io};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{Glyph, label_errors::label_errors};
use serde::Deserialize;
use serde_json::{Value, json};

use utoipa::{IntoParams, ToSchema};

use super::{intake::data_url, openapi::ErrorBody, samples::sample_json};
use crate::{
    App,
    error::ApiError,
    store::{
        jobs::Recipe,
        samples::{Filter, Sample},
    },
};

/// Most suggestions of an answer.
const SHOWN: usize = 60;
/// Newest samples that are looked through for wrong labels.
const LOOKED_THROUGH: i64 = 2000;

/// Why something should be looked at.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Not labelled yet, or the network was not sure.
    Unsure,
    /// The last candidate and the checkpoint before it disagree.
    Disagreement,
    /// A sample whose label is likely wrong.
    LabelErrors,
    /// A training example whose label is likely wrong.
    Training,
}

/// What to suggest.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    kind: Kind,
}

/// What to look at, the most urgent first.
#[utoipa::path(get, path = "/api/suggestions", tag = "samples", params(Options), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(Options { kind }) = options.map_err(|e| ApiError::Malformed(e.body_text()))?;
    let mut body = match kind {
        Kind::Unsure => json!({ "suggestions": unsure(&app).await? }),
        Kind::Disagreement => json!({ "suggestions": disagreement(&app).await? }),
        Kind::LabelErrors => json!({ "suggestions": wrong_labels(&app).await? }),
        Kind::Training => training(&app).await?,
    };
    body["labels"] = json!(app.models.engine().serving().labels);
    Ok(Json(body))
}

/// Has a child process look through the training data; its findings are under
/// `?kind=training` when it is done.
#[utoipa::path(post, path = "/api/audits", tag = "training", security((), ("token" = [])), responses((status = 202, body = Object), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn audit(State(app): State<App>) -> Result<(StatusCode, Json<Value>), ApiError> {
    let teaching = app.teaching()?;
    let id = app.models.engine().serving().id.clone();
    teaching.audit(app.models.registry().root(), &id)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "state": "running" }))))
}

async fn unsure(app: &App) -> Result<Vec<Value>, ApiError> {
    let samples = app.teaching()?.store.unsure(SHOWN as i64).await?;
    let suggestion = |sample: &Sample| {
        let why = match &sample.content.label {
            None => "not labelled yet".to_owned(),
            Some(_) => format!("{:.0} % sure when it came", 100.0 * sample.content.confidence),
        };
        suggestion(sample, &sample.content.prediction, why)
    };
    Ok(samples.iter().map(suggestion).collect())
}

async fn disagreement(app: &App) -> Result<Vec<Value>, ApiError> {
    let store = &app.teaching()?.store;
    let jobs = store.jobs(50).await?;
    let mut lessons = jobs.into_iter().filter(|job| job.recipe == Recipe::Samples);
    let Some(candidate) = lessons.find_map(|job| job.candidate) else {
        return Ok(Vec::new());
    };
    let registry = app.models.registry().clone();
    let read = tokio::task::spawn_blocking(move || registry.comparison(&candidate));
    let comparison = read.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
    let samples = comparison.map(|comparison| comparison.samples).unwrap_or_default();
    let mut suggestions = Vec::new();
    for reading in samples.iter().filter(|reading| reading.before != reading.after) {
        // It may have been deleted since.
        let Ok(sample) = store.sample(&reading.id).await else { continue };
        if sample.deleted.is_none() && !sample.confirmed {
            let why = format!("read as {} before, as {} now", reading.before, reading.after);
            suggestions.push(suggestion(&sample, &reading.after, why));
        }
        if suggestions.len() == SHOWN {
            break;
        }
    }
    Ok(suggestions)
}

async fn wrong_labels(app: &App) -> Result<Vec<Value>, ApiError> {
    let filter = Filter { labelled: Some(1), ..Filter::default() };
    let samples = app.teaching()?.store.find(&filter, None, LOOKED_THROUGH).await?;
    let (mut rows, mut known) = (Vec::new(), Vec::new());
    let serving = app.models.engine().serving();
    let labels = &serving.labels;
    let index: HashMap<&String, usize> = labels.iter().zip(0..).collect();
    for sample in &samples {
        let Some(&label) = sample.content.label.as_ref().and_then(|l| index.get(l)) else {
            continue;
        };
        let answer = app.models.engine().predict(sample.content.glyph.clone()).await?;
        if answer.model.id != serving.id {
            // Another network took over meanwhile: ask again.
            return Err(ApiError::Busy);
        }
        rows.push(answer.prediction.probabilities);
        known.push((sample, label));
    }
    let given: Vec<usize> = known.iter().map(|(_, label)| *label).collect();
    let doubts = label_errors(&rows, &given);
    let open = doubts.iter().filter(|doubt| !known[doubt.example].0.confirmed);
    let suggestion = |doubt: &glyphic_model::label_errors::Doubt| {
        let sample = known[doubt.example].0;
        let sure = 100.0 * rows[doubt.example][doubt.suggested];
        let suggested = &labels[doubt.suggested];
        suggestion(sample, suggested, format!("the network is {sure:.0} % sure of {suggested}"))
    };
    Ok(open.take(SHOWN).map(suggestion).collect())
}

/// What `train audit` found for the serving checkpoint, less what was settled.
async fn training(app: &App) -> Result<Value, ApiError> {
    #[derive(Deserialize)]
    struct Audit {
        examples: usize,
        doubted: usize,
        doubts: Vec<Doubt>,
    }
    #[derive(Deserialize)]
    struct Doubt {
        label: String,
        suggested: String,
        margin: f32,
        glyph: String,
    }
    let teaching = app.teaching()?;
    let failure = teaching.audit_failure();
    if teaching.auditing() {
        return Ok(json!({ "state": "running", "suggestions": [] }));
    }
    let id = app.models.engine().serving().id.clone();
    let file = app.models.registry().root().join("audits").join(format!("{id}.json"));
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(json!({ "state": "none", "failure": failure, "suggestions": [] }));
        }
        bytes => bytes.map_err(|error| ApiError::Unavailable(error.to_string()))?,
    };
    let audit: Audit =
        serde_json::from_slice(&bytes).map_err(|error| ApiError::BadSamples(error.to_string()))?;
    let mut suggestions = Vec::new();
    for doubt in audit.doubts {
        let pixels = STANDARD.decode(&doubt.glyph).unwrap_or_default();
        let Ok(glyph) = Glyph::try_from(pixels.as_slice()) else { continue };
        if teaching.store.has_glyph(&glyph).await? {
            continue;
        }
        suggestions.push(json!({
            "sample": null,
            "pixels": pixels,
            "picture": data_url(&glyph),
            "label": doubt.label,
            "suggested": doubt.suggested,
            "why": format!("{:.0} points more likely a {}", 100.0 * doubt.margin, doubt.suggested),
        }));
        if suggestions.len() == SHOWN {
            break;
        }
    }
    Ok(json!({
        "state": "ready",
        "failure": failure,
        "examples": audit.examples,
        "doubted": audit.doubted,
        "suggestions": suggestions,
    }))
}

fn suggestion(sample: &Sample, suggested: &str, why: String) -> Value {
    let mut suggestion = sample_json(sample);
    suggestion["sample"] = json!(sample.id);
    suggestion["suggested"] = json!(suggested);
    suggestion["why"] = json!(why);
    suggestion
}
