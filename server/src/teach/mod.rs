//! Teaching: samples are kept, and from time to time a child process trains on
//! them. What comes of it serves only if it is better.
//!
//! ```text
//! POST /api/samples ─► store ─┐
//! POST /api/jobs ─────► store ─► runner ─► child (`train finetune`) ─► candidate ─► gate ─► promote
//!                                 ▲ one job at a time, over all servers of the database
//! ```

mod child;
mod runner;

use std::{path::PathBuf, sync::Arc, time::Duration};

use glyphic_model::checkpoint::Gate;
use tokio::sync::Notify;

use crate::{
    error::ApiError,
    store::{Store, jobs::Job, samples::Quota},
};

/// What training jobs take and when they begin by themselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program and its first arguments that make it `train`.
    pub program: Vec<String>,
    /// The data that is replayed; `None` for the program's default.
    pub data: Option<PathBuf>,
    /// The device to train on, as `train` takes it.
    pub device: String,
    /// Further arguments of `train finetune`.
    pub arguments: Vec<String>,
    /// A job begins by itself after so many new labelled samples.
    pub every_samples: Option<u64>,
    /// A job begins by itself after this time, if there are new samples.
    pub every: Option<Duration>,
    /// What a new checkpoint must keep and gain to serve by itself.
    pub gate: Gate,
    /// Deleted samples are purged after this time.
    pub keep_deleted: Duration,
    /// All samples are purged after this time.
    pub keep: Option<Duration>,
}

/// The server's memory and its will to learn; cheap to clone.
#[derive(Clone)]
pub struct Teaching {
    /// Samples and jobs.
    pub store: Store,
    /// How many samples are taken.
    pub quota: Quota,
    settings: Arc<Settings>,
    /// This server's name among those that share the database.
    owner: String,
    wake: Arc<Notify>,
}

impl Teaching {
    /// Teaching with these parts. Nothing runs before
    /// [`run`](crate::run) starts it.
    pub fn new(store: Store, quota: Quota, settings: Settings) -> Self {
        let owner = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        Self { store, quota, settings: Arc::new(settings), owner, wake: Arc::default() }
    }

    /// Asks for a training job.
    pub async fn ask(&self, reason: &str) -> Result<Job, ApiError> {
        let job = self.store.ask_for_job(reason).await?;
        self.wake();
        Ok(job)
    }

    /// Has the runner look at once instead of a little later.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// What jobs take.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
