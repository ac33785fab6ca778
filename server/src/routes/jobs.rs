//! `/api/jobs`: training, from the samples or from scratch.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderName, StatusCode},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::{openapi::ErrorBody, samples::path};
use crate::{
    App,
    error::ApiError,
    store::jobs::{Job, Recipe},
};

/// How many jobs are listed.
const LISTED: i64 = 50;
/// How many of them are followed.
const FOLLOWED: i64 = 10;
/// Time between two looks for those who follow.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest time that somebody follows without asking again: a client that has gone may
/// not be noticed before.
const FOLLOW_FOR: Duration = Duration::from_secs(600);
/// Most passes over the data, and how many there are if nobody says.
const MOST_EPOCHS: i64 = 500;
const USUAL_EPOCHS: i64 = 12;

/// The last jobs, newest first, and the one under way.
#[utoipa::path(get, path = "/api/jobs", tag = "training", responses((status = 200, body = Object), (status = 503, body = ErrorBody)))]
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let jobs = app.teaching()?.store.jobs(LISTED).await?;
    Ok(Json(json!({ "jobs": jobs })))
}

/// What to begin with.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// What serves, with what it was taught.
    #[default]
    Samples,
    /// Random weights, and the data alone.
    Scratch,
}

/// A network that can be trained from scratch.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The one that is released.
    #[default]
    Small,
    /// Accuracy first, for a GPU.
    Large,
    /// Without convolutions: to see what they are worth.
    Mlp,
}

/// What to train.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `samples`, if it is not given
    #[serde(default)]
    #[param(required = false, inline)]
    from: From,
    /// From scratch: which network; `small`, if it is not given
    #[serde(default)]
    #[param(required = false, inline)]
    network: Network,
    /// From scratch: passes over the data, 1 to 500; 12 if it is not given
    #[param(minimum = 1, maximum = 500)]
    epochs: Option<i64>,
}

impl Options {
    fn recipe(&self) -> Result<Recipe, ApiError> {
        let network = match self.network {
            Network::Small => "small",
            Network::Large => "large",
            Network::Mlp => "mlp",
        };
        let epochs = self.epochs.unwrap_or(USUAL_EPOCHS);
        match self.from {
            From::Samples => Ok(Recipe::Samples),
            From::Scratch if (1..=MOST_EPOCHS).contains(&epochs) => {
                Ok(Recipe::Scratch { network: network.to_owned(), epochs })
            }
            From::Scratch => Err(ApiError::Malformed(format!("epochs must be 1 to {MOST_EPOCHS}"))),
        }
    }
}

/// Asks for training. One job at a time: 409 if there is one.
///
/// What was learned from samples serves by itself if it is better. What was trained from
/// scratch waits to be promoted.
#[utoipa::path(post, path = "/api/jobs", tag = "training", params(Options), security((), ("token" = [])), responses((status = 202, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn ask(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
) -> Result<(StatusCode, Json<Job>), ApiError> {
    let Query(options) = options.map_err(|error| ApiError::Malformed(error.body_text()))?;
    let teaching = app.teaching()?;
    let job = teaching.ask("asked", &options.recipe()?).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// One job.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "training", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn one(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(app.teaching()?.store.job(&path(id)?).await?))
}

/// Asks a job to stop.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "training", params(("id" = String, Path)), security((), ("token" = [])), responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn cancel(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    let teaching = app.teaching()?;
    let job = teaching.store.cancel_job(&path(id)?).await?;
    teaching.wake();
    Ok(Json(job))
}

/// The jobs as they go on, as server-sent events.
///
/// `jobs` has the last ten, newest first, without their curves, whenever one of them begins
/// or ends; `progress` has the one under way, whole, twice a second. It ends after ten
/// minutes, and when the server stops: ask again, as browsers do by themselves.
#[utoipa::path(get, path = "/api/jobs/events", tag = "training", responses((status = 200, content_type = "text/event-stream", body = String), (status = 503, body = ErrorBody)))]
pub async fn events(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    app.teaching()?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut stopping = app.stopping.subscribe();
        let gone = sender.clone();
        tokio::select! {
            () = follow(&app, sender) => {}
            () = gone.closed() => {}
            () = tokio::time::sleep(FOLLOW_FOR) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
    // nginx would keep it until it is large.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    let events = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default());
    Ok((unbuffered, events))
}

/// Tells of the jobs until nobody listens.
async fn follow(app: &App, listener: mpsc::Sender<Result<Event, Infallible>>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let [mut told_jobs, mut told_progress] = [String::new(), String::new()];
    loop {
        look.tick().await;
        let Ok(teaching) = app.teaching() else { return };
        // The database may be away for a moment.
        let Ok(jobs) = teaching.store.jobs(FOLLOWED).await else { continue };
        let active = jobs.iter().find(|job| job.is_active()).map_or(Value::Null, |job| json!(job));
        let mut listed = json!(jobs);
        for job in listed.as_array_mut().into_iter().flatten() {
            job["progress"] = Value::Null;
        }
        let events = [
            ("jobs", listed.to_string(), &mut told_jobs),
            ("progress", active.to_string(), &mut told_progress),
        ];
        for (name, text, told) in events {
            if text == *told {
                continue;
            }
            if listener.send(Ok(Event::default().event(name).data(&text))).await.is_err() {
                return;
            }
            *told = text;
        }
    }
}
