//! The server: the drawing page, predictions, and checkpoints that are swapped
//! without dropping a request.
//!
//! ```text
//! request ─► routes ─► input ─► glyph ─► engine (one thread, one network) ─► answer
//!                                          ▲ swap, between two batches
//! CURRENT, promote, roll back ─► models ───┘ (read, verified, built, warmed elsewhere)
//!                                 ▲
//! samples ─► store ─► teach ──────┘ (trained in a child process, promoted if better)
//! ```

pub mod config;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod input;
pub mod models;
pub mod routes;
pub mod store;
pub mod teach;

use std::{future::Future, sync::Arc, thread, time::Duration};

use glyphic_model::{Thresholds, checkpoint::Manifest};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use config::{Doubt, Limits};
use error::ApiError;
use models::Models;
use teach::Teaching;

/// Uploads that may wait for a decoder; beyond that requests get 429.
const WAITING_UPLOADS: usize = 64;
/// Time that a training job has to stop when the server stops.
const GRACE: Duration = Duration::from_secs(15);
/// KiB of request bodies held in memory at once; beyond that requests get 429.
const BODIES_KIB: usize = 256 << 10;

/// What every request handler shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The checkpoints and the engine.
    pub models: Models,
    /// What a request may take.
    pub limits: Limits,
    /// Where answers become doubtful.
    doubt: Doubt,
    /// Samples and training; or why there is none.
    teaching: Result<Teaching, Arc<str>>,
    decoders: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Files of samples that are written or read at once; each may be large.
    exchanges: Arc<Semaphore>,
    /// A permit for each KiB of request bodies in memory.
    bodies: Arc<Semaphore>,
}

impl App {
    /// The state of a server that serves these models.
    pub fn new(models: Models, limits: Limits) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            models,
            doubt: Doubt::default(),
            teaching: Err("it was started without a database".into()),
            decoders: Arc::new(Semaphore::new(cores)),
            exchanges: Arc::new(Semaphore::new(2)),
            waiting: Arc::new(Semaphore::new(WAITING_UPLOADS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB.max(limits.max_body() / 1024 + 1))),
            limits,
        }
    }

    /// The same with a memory for samples, or with why it has none.
    pub fn with_teaching(self, teaching: Result<Teaching, String>) -> Self {
        Self { teaching: teaching.map_err(Into::into), ..self }
    }

    /// The same with thresholds of its own.
    pub fn with_doubt(self, doubt: Doubt) -> Self {
        Self { doubt, ..self }
    }

    /// Where a checkpoint's answers become doubtful.
    pub fn thresholds(&self, model: &Manifest) -> Thresholds {
        self.doubt.over(model.thresholds)
    }

    /// The memory for samples.
    pub fn teaching(&self) -> Result<&Teaching, ApiError> {
        self.teaching.as_ref().map_err(|reason| ApiError::TeachingOff(reason.to_string()))
    }
}

/// Serves on `listener` until `shutdown` is done, then lets the requests that
/// are under way finish.
pub async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let following = tokio::spawn(app.models.clone().follow_current());
    let (stop, stopped) = watch::channel(false);
    let teaching = app.teaching.clone().ok();
    let working = teaching.clone().map(|t| tokio::spawn(t.work(app.models.clone(), stopped)));
    let served = axum::serve(listener, routes::router(app)).with_graceful_shutdown(shutdown).await;
    following.abort();
    stop.send_replace(true);
    if let Some(working) = working {
        // A job under way goes back to the queue; if the database does not answer,
        // another server takes it over later.
        let _ = tokio::time::timeout(GRACE, working).await;
    }
    if let Some(teaching) = teaching {
        teaching.store.close().await;
    }
    served
}
