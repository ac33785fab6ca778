//! The server: the drawing page, predictions, and checkpoints that are swapped
//! without dropping a request.
//!
//! ```text
//! request ─► routes ─► input ─► glyph ─► engine (one thread, one network) ─► answer
//!                                          ▲ swap, between two batches
//! CURRENT, promote, roll back ─► models ───┘ (read, verified, built, warmed elsewhere)
//! ```

pub mod config;
pub mod engine;
pub mod error;
pub mod input;
pub mod models;
pub mod routes;

use std::{future::Future, sync::Arc, thread};

use tokio::{net::TcpListener, sync::Semaphore};

use config::Limits;
use models::Models;

/// Uploads that may wait for a decoder; beyond that requests get 429.
const WAITING_UPLOADS: usize = 64;
/// KiB of request bodies held in memory at once; beyond that requests get 429.
const BODIES_KIB: usize = 256 << 10;

/// What every request handler shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The checkpoints and the engine.
    pub models: Models,
    /// What a request may take.
    pub limits: Limits,
    decoders: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// A permit for each KiB of request bodies in memory.
    bodies: Arc<Semaphore>,
}

impl App {
    /// The state of a server that serves these models.
    pub fn new(models: Models, limits: Limits) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            models,
            decoders: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(WAITING_UPLOADS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB.max(limits.max_body() / 1024 + 1))),
            limits,
        }
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
    let served = axum::serve(listener, routes::router(app)).with_graceful_shutdown(shutdown).await;
    following.abort();
    served
}
