//! The server: the drawing page, predictions, and checkpoints that are swapped
//! without dropping a request.
//!
//! ```text
//! connection ─► serve ─► routes ─► input ─► glyph ─► engine (the network) ─► answer
//!                                                  ▲ swap, between two batches
//! CURRENT, promote, roll back ─► models ───────────┘ (read, verified, built, warmed elsewhere)
//!                                 ▲
//! samples ─► store ─► teach ──────┘ (trained in a child process, promoted if better)
//! ```

pub mod access;
pub mod auto;
pub mod bucket;
pub mod commands;
pub mod config;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod input;
pub mod meters;
pub mod models;
pub mod neighbours;
pub mod oip;
pub mod probe;
pub mod routes;
pub mod serve;
pub mod shadow;
pub mod store;
pub mod teach;
pub mod traces;

use std::{future::Future, ops::Deref, sync::Arc, thread, time::Duration};

use axum::extract::{MatchedPath, Request};
use glyphic_model::{Thresholds, checkpoint::Manifest};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use access::{Admin, Rate};
use config::{Doubt, Limits};
use error::ApiError;
use meters::Meters;
use models::Models;
use neighbours::{Neighbours, Source};
use serve::Connections;
use shadow::Shadow;
use teach::Teaching;

/// Uploads that may wait for a decoder; beyond that requests get 429.
const WAITING_UPLOADS: usize = 64;
/// Time that a training job has to stop when the server stops.
const GRACE: Duration = Duration::from_secs(15);
/// Routes that a client may ask for as often as it likes.
const FREE: [&str; 7] =
    ["/", "/{asset}", "/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"];
/// KiB of request bodies held in memory at once; beyond that requests get 429.
const BODIES_KIB: usize = 256 << 10;

/// What every request handler shares; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
#[derive(Clone)]
pub struct Parts {
    /// The checkpoints and the engine.
    pub models: Models,
    /// What a request may take.
    pub limits: Limits,
    /// Where answers become doubtful.
    doubt: Doubt,
    /// Who may change what is served.
    pub admin: Admin,
    rate: Rate,
    /// The candidate that reads along.
    pub shadow: Shadow,
    /// Samples and training; or why there is none.
    teaching: Result<Teaching, Arc<str>>,
    /// What was trained on, if somebody knows.
    neighbours: Option<Neighbours>,
    decoders: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Files of samples that are written or read at once; each may be large.
    exchanges: Arc<Semaphore>,
    /// A permit for each KiB of request bodies in memory.
    bodies: Arc<Semaphore>,
    /// Those who follow training; each keeps a connection for minutes.
    followers: Arc<Semaphore>,
    /// True once the server is to stop: answers without an end must find one.
    stopping: watch::Sender<bool>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// The state of a server that serves these models.
    pub fn new(models: Models, limits: Limits) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Parts {
            shadow: Shadow::new(0.0, models.clone(), None),
            models,
            doubt: Doubt::default(),
            admin: Admin::default(),
            rate: Rate::new(limits.rate),
            teaching: Err("it was started without a database".into()),
            neighbours: None,
            decoders: Arc::new(Semaphore::new(cores)),
            exchanges: Arc::new(Semaphore::new(2)),
            waiting: Arc::new(Semaphore::new(WAITING_UPLOADS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB.max(limits.max_body() / 1024 + 1))),
            followers: Arc::new(Semaphore::new((usize::from(limits.connections) / 4).max(1))),
            stopping: watch::Sender::new(false),
            limits,
        }))
    }

    /// The same with a memory for samples, or with why it has none.
    pub fn with_teaching(self, teaching: Result<Teaching, String>) -> Self {
        self.with(|parts| parts.teaching = teaching.map_err(Into::into))
    }

    /// The same with what its checkpoints learned from.
    pub fn with_examples(self, source: Arc<Source>) -> Self {
        self.with(|parts| parts.neighbours = Some(Neighbours::new(source)))
    }

    /// The same with thresholds of its own.
    pub fn with_doubt(self, doubt: Doubt) -> Self {
        self.with(|parts| parts.doubt = doubt)
    }

    /// The same with a candidate that reads this share (0–1) of what is answered. Comes
    /// after [`with_teaching`](Self::with_teaching), where disagreements are kept.
    pub fn with_shadow(self, share: f32) -> Self {
        let teaching = self.teaching.clone().ok();
        let shadow = Shadow::new(share, self.models.clone(), teaching);
        self.with(|parts| parts.shadow = shadow)
    }

    /// The same where changes need a token.
    pub fn with_admin(self, admin: Admin) -> Self {
        self.with(|parts| parts.admin = admin)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Parts {
    /// Where a checkpoint's answers become doubtful.
    pub fn thresholds(&self, model: &Manifest) -> Thresholds {
        self.doubt.over(model.thresholds)
    }

    /// The memory for samples.
    pub fn teaching(&self) -> Result<&Teaching, ApiError> {
        self.teaching.as_ref().map_err(|reason| ApiError::TeachingOff(reason.to_string()))
    }

    /// What was trained on.
    pub fn neighbours(&self) -> Result<&Neighbours, ApiError> {
        let unknown = || ApiError::NoExamples("the server was started without it".to_owned());
        self.neighbours.as_ref().ok_or_else(unknown)
    }

    /// The server's counters.
    pub fn meters(&self) -> &Meters {
        self.models.engine().meters()
    }

    /// Refuses a client that asks too often. Probes and the files of the pages, which are
    /// in memory, are always answered.
    pub fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        if route.is_some_and(|route| FREE.contains(&route)) {
            return Ok(());
        }
        let client = routes::envelope::client(request, self.limits.behind_proxy);
        if client.is_none_or(|client| self.rate.allows(client)) {
            return Ok(());
        }
        self.meters().turned_away("rate");
        Err(ApiError::TooOften(self.limits.rate))
    }
}

/// Serves on `listener` until `shutdown` is done, then lets the requests that
/// are under way finish.
pub async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let following = tokio::spawn(app.models.clone().follow_current());
    let sharing = tokio::spawn(app.models.clone().follow_bucket());
    let shadowing = tokio::spawn(app.shadow.clone().follow());
    let (stop, stopped) = watch::channel(false);
    let teaching = app.teaching.clone().ok();
    let working = teaching.clone().map(|t| tokio::spawn(t.work(app.models.clone(), stopped)));
    let telling = teaching.clone().map(|t| tokio::spawn(t.tell()));
    let connections = Connections {
        most: app.limits.connections.into(),
        of_one: app.limits.connections_of_one(),
        drain: Duration::from_secs(app.limits.drain_seconds.into()),
    };
    let meters = app.meters().clone();
    let stopping = app.stopping.clone();
    let shutdown = async move {
        shutdown.await;
        stopping.send_replace(true);
    };
    serve::serve(listener, routes::router(app), connections, &meters, shutdown).await;
    following.abort();
    sharing.abort();
    shadowing.abort();
    if let Some(telling) = telling {
        telling.abort();
    }
    stop.send_replace(true);
    if let Some(working) = working {
        // A job under way goes back to the queue; if the database does not answer,
        // another server takes it over later.
        let _ = tokio::time::timeout(GRACE, working).await;
    }
    if let Some(teaching) = teaching {
        teaching.store.close().await;
    }
}
