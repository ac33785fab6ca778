//! `/api/jobs`: training, from the samples or from scratch.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, StatusCode},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::{
    caller::Caller,
    error::ApiError,
    extract::{Client, Id, Json, Query},
    openapi::{
        BadRequest, Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized, Unavailable,
    },
};
use crate::{
    app::App,
    jobs::{Job, JobEvents, JobViews, NetworkKind, Recipe},
};

/// Number of jobs in a list.
const LISTED: i64 = 50;
/// Longest time that a client follows the jobs with one request. A client that has disconnected
/// may not be noticed earlier.
const FOLLOW_FOR: Duration = Duration::from_secs(600);
/// Most passes over the data.
const MOST_EPOCHS: i64 = 500;
/// Passes over the data if the request does not say.
const DEFAULT_EPOCHS: i64 = 12;

/// The last jobs.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// The jobs, newest first.
    jobs: Vec<Job>,
}

/// The last jobs, newest first; without the token in short, without their messages.
#[utoipa::path(get, path = "/api/jobs", operation_id = "list_jobs", tag = "training",
    responses((status = 200, body = JobList, description = "The jobs, newest first"), BadRequest, Unavailable))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<JobList>, ApiError> {
    let jobs = app.training()?.store.jobs(LISTED).await?;
    Ok(Json(JobList { jobs: jobs.into_iter().map(|job| shown(job, &caller)).collect() }))
}

/// A job as the caller may see it.
fn shown(job: Job, caller: &Caller) -> Job {
    if caller.is_holder() { job } else { job.in_short() }
}

/// What training starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The serving checkpoint, fine-tuned on the samples.
    #[default]
    Samples,
    /// Random weights, trained on the dataset alone.
    Scratch,
}

/// What to train.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobOptions {
    /// What training starts from; `samples`, if it is not given
    #[serde(default)]
    #[param(required = false, inline)]
    from: Start,
    /// From scratch: which network; `small`, if it is not given
    #[param(inline)]
    network: Option<NetworkKind>,
    /// From scratch: passes over the data, 1 to 500; 12 if it is not given
    #[param(minimum = 1, maximum = 500)]
    epochs: Option<i64>,
}

impl JobOptions {
    fn recipe(&self) -> Result<Recipe, ApiError> {
        let malformed = |problem: String| Err(ApiError::malformed(problem));
        let (network, epochs) =
            (self.network.unwrap_or_default(), self.epochs.unwrap_or(DEFAULT_EPOCHS));
        match self.from {
            Start::Samples if self.network.is_some() || self.epochs.is_some() => {
                malformed("network and epochs can be given only with from=scratch".to_owned())
            }
            Start::Samples => Ok(Recipe::Samples),
            Start::Scratch if (1..=MOST_EPOCHS).contains(&epochs) => {
                Ok(Recipe::Scratch { network, epochs })
            }
            Start::Scratch => malformed(format!("epochs must be 1 to {MOST_EPOCHS}")),
        }
    }
}

/// Starts a training job. There is one at a time: 409 if one is waiting or running.
///
/// A checkpoint that was fine-tuned on the samples is promoted if it is better. One that was
/// trained from scratch waits until a person promotes it.
#[utoipa::path(post, path = "/api/jobs", tag = "training", params(JobOptions), security((), ("token" = [])),
    responses((status = 202, body = Job, description = "It is waiting to be run"),
        BadRequest, Unauthorized, Forbidden, Conflict, Unavailable))]
pub async fn ask(
    State(app): State<App>,
    Query(options): Query<JobOptions>,
) -> Result<(StatusCode, Json<Job>), ApiError> {
    let job = app.training()?.ask("asked", &options.recipe()?).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// One job; without the token in short, without its message.
#[utoipa::path(get, path = "/api/jobs/{id}", operation_id = "get_job", tag = "training", params(("id" = String, Path)),
    responses((status = 200, body = Job, description = "The job"), BadRequest, NotFound, Unavailable))]
pub async fn one(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(shown(app.training()?.store.job(&id).await?, &caller)))
}

/// Asks a job to stop.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "training", params(("id" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = Job, description = "The job as it is now"),
        BadRequest, Unauthorized, Forbidden, NotFound, Unavailable))]
pub async fn cancel(State(app): State<App>, Id(id): Id) -> Result<Json<Job>, ApiError> {
    let training = app.training()?;
    let job = training.store.cancel_job(&id).await?;
    training.wake();
    Ok(Json(job))
}

/// The progress of the jobs, as server-sent events.
///
/// `jobs` has the last ten jobs, newest first, without their progress; it is sent whenever one of
/// them begins or ends. `progress` has the waiting or running job with its progress, or `null`; it
/// is sent when that changes, at most twice a second. Without the token they are in short. The answer ends after ten minutes, and when
/// the server stops: browsers ask again by themselves. A quarter of the server's connections may
/// follow the jobs, and 16 of one client; further ones get 429.
#[utoipa::path(get, path = "/api/jobs/events", tag = "training",
    responses((status = 200, content_type = "text/event-stream", body = String, description = "The events"),
        BadRequest, TooManyRequests, Unavailable))]
pub async fn events(
    State(app): State<App>,
    Client(client): Client,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let training = app.training()?;
    let place = app.followers.take(client);
    let place = place.inspect_err(|_| app.metrics().turned_away("followers"))?;
    let state = training.subscribe();
    let mut stopping = app.stopping.subscribe();
    let (listener, events) = mpsc::channel(4);
    tokio::spawn(async move {
        let gone = listener.clone();
        tokio::select! {
            () = pass_on(state, listener, caller.is_holder()) => {}
            () = gone.closed() => {}
            () = tokio::time::sleep(FOLLOW_FOR) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        drop(place);
    });
    // Without this, nginx would buffer the events.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    let events = Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::default());
    Ok((unbuffered, events))
}

/// Sends each new state of the jobs to a listener, until it disconnects; in short, unless it may see
/// the whole.
async fn pass_on(
    mut state: watch::Receiver<Option<JobViews>>,
    listener: mpsc::Sender<Result<Event, Infallible>>,
    whole: bool,
) {
    let mut before = JobEvents::default();
    loop {
        let now = state.borrow_and_update().clone();
        if let Some(JobViews { whole: all, in_short }) = now {
            let now = if whole { all } else { in_short };
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
        if state.changed().await.is_err() {
            return;
        }
    }
}
