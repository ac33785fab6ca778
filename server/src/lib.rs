//! The server: the drawing page, predictions over HTTP, samples and training jobs, and
//! checkpoints that are swapped without dropping a request.
//!
//! ```text
//! connection ─► http (routes, extractors) ─► samples::Raw ─► glyph ─► engine (the network) ─► answer
//!                 oip (the same in the words of the Open Inference Protocol)  ▲
//!                                                                             │ swap, between batches
//! CURRENT, roll back ─────────────────────────► models ───────────────────────┘
//! promote ─► policy (of the registry) ──────────┘ read, verified, built and warmed up first
//!              ▲
//!              └──────┐
//! samples ─► store ─► jobs: trained in a child process, promoted if better
//!              └────► taught: read at once, by a memory beside the network ─► engine
//! ```
//!
//! `samples`, `jobs`, `models` and `engine` know no HTTP, and [`App`] knows no routes.

pub mod app;
pub mod auto;
pub mod bucket;
pub mod cli;
pub mod commands;
pub mod config;
mod database_files;
pub mod engine;
pub mod http;
pub mod jobs;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod models;
pub mod neighbours;
pub mod oip;
pub mod probe;
pub mod read;
pub mod samples;
pub mod secrets;
pub mod shadow;
pub mod start;
pub mod store;
pub mod taught;
pub mod traces;

use std::{future::Future, time::Duration};

use tokio::{net::TcpListener, sync::watch};

pub use app::App;
use http::connections::{Connections, serve};

/// Time that a training job has to stop when the server stops.
const GRACE: Duration = Duration::from_secs(15);

/// Most connections of probes.
const PROBES: usize = 32;

/// Answers probes on `listener` until the server stops.
pub async fn answer_probes(listener: TcpListener, app: App) {
    let connections = Connections { most: PROBES, of_one: None, drain: Duration::ZERO };
    let (metrics, mut stopping) = (app.metrics().clone(), app.stopping.subscribe());
    let shutdown = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
    serve(listener, http::probes(app), connections, &metrics, shutdown).await;
}

/// Serves on `listener` until `shutdown` is done, then waits for the requests that have begun.
pub async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    if let Some(memory) = &app.memory
        && let Err(error) = memory.refresh().await
    {
        tracing::error!("what was taught is not read yet: {error}");
    }
    let memory = app.memory.clone().map(|memory| tokio::spawn(memory.follow()));
    let followers = [
        tokio::spawn(app.models.clone().follow_current()),
        tokio::spawn(app.models.clone().follow_bucket()),
        tokio::spawn(app.shadow.clone().follow()),
    ];
    let (stop, stopped) = watch::channel(false);
    let training = app.training().cloned().ok();
    let jobs = training.clone().map(|t| tokio::spawn(t.run_jobs(app.models.clone(), stopped)));
    let events = training.clone().map(|t| tokio::spawn(t.publish_events()));
    let connections = Connections {
        most: app.limits.connections.into(),
        of_one: app.limits.connections_of_one(),
        drain: Duration::from_secs(app.limits.drain_seconds.into()),
    };
    let metrics = app.metrics().clone();
    let stopping = app.stopping.clone();
    let shutdown = async move {
        shutdown.await;
        stopping.send_replace(true);
    };
    serve(listener, http::router(app), connections, &metrics, shutdown).await;
    followers.iter().chain(&memory).for_each(tokio::task::JoinHandle::abort);
    if let Some(events) = events {
        events.abort();
    }
    stop.send_replace(true);
    if let Some(jobs) = jobs {
        // A running job goes back to the queue. If the database does not answer, another
        // server takes the job over when its heartbeat is old.
        let _ = tokio::time::timeout(GRACE, jobs).await;
    }
    if let Some(training) = training {
        training.store.close().await;
    }
}
