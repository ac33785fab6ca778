//! `/api/jobs`: training, from the samples or from scratch.

use std::{convert::Infallible, sync::Arc, time::Duration};

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
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::{openapi::ErrorBody, samples::path};
use crate::{
    App,
    error::ApiError,
    store::jobs::{Job, Network, Recipe},
    teach::Told,
};

/// How many jobs are listed.
const LISTED: i64 = 50;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// What serves, with what it was taught.
    #[default]
    Samples,
    /// Random weights, and the data alone.
    Scratch,
}

/// What to train.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `samples`, if it is not given
    #[serde(default)]
    #[param(required = false, inline)]
    from: Start,
    /// From scratch: which network; `small`, if it is not given
    #[param(inline)]
    network: Option<Network>,
    /// From scratch: passes over the data, 1 to 500; 12 if it is not given
    #[param(minimum = 1, maximum = 500)]
    epochs: Option<i64>,
}

impl Options {
    fn recipe(&self) -> Result<Recipe, ApiError> {
        let malformed = |problem: String| Err(ApiError::Malformed(problem));
        let (network, epochs) =
            (self.network.unwrap_or_default(), self.epochs.unwrap_or(USUAL_EPOCHS));
        match self.from {
            Start::Samples if self.network.is_some() || self.epochs.is_some() => {
                malformed("network and epochs are for from=scratch".to_owned())
            }
            Start::Samples => Ok(Recipe::Samples),
            Start::Scratch if (1..=MOST_EPOCHS).contains(&epochs) => {
                Ok(Recipe::Scratch { network, epochs })
            }
            Start::Scratch => malformed(format!("epochs must be 1 to {MOST_EPOCHS}")),
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
/// `jobs` has the last ten, newest first, without their progress, whenever one of them
/// begins or ends; `progress` has the one under way, whole, or `null`, whenever that changes,
/// at most twice a second. It ends after ten minutes, and when the server stops: ask again,
/// as browsers do by themselves. A quarter of the server's connections may follow; further ones get 429.
#[utoipa::path(get, path = "/api/jobs/events", tag = "training", responses((status = 200, content_type = "text/event-stream", body = String), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn events(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let teaching = app.teaching()?;
    let place = Arc::clone(&app.followers).try_acquire_owned().map_err(|_| {
        app.meters().turned_away("followers");
        ApiError::Busy
    })?;
    let told = teaching.follow();
    let mut stopping = app.stopping.subscribe();
    let (listener, events) = mpsc::channel(4);
    tokio::spawn(async move {
        let gone = listener.clone();
        tokio::select! {
            () = pass_on(told, listener) => {}
            () = gone.closed() => {}
            () = tokio::time::sleep(FOLLOW_FOR) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        drop(place);
    });
    // nginx would keep it until it is large.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    let events = Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::default());
    Ok((unbuffered, events))
}

/// Passes on what is told, as long as somebody listens.
async fn pass_on(
    mut told: watch::Receiver<Option<Told>>,
    listener: mpsc::Sender<Result<Event, Infallible>>,
) {
    let mut before = Told::default();
    loop {
        let now = told.borrow_and_update().clone();
        if let Some(now) = now {
            let parts =
                [("jobs", &now.jobs, &before.jobs), ("progress", &now.progress, &before.progress)];
            for (name, text, before) in parts {
                let event = || Event::default().event(name).data(&**text);
                if text != before && listener.send(Ok(event())).await.is_err() {
                    return;
                }
            }
            before = now;
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}
