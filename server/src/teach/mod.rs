//! Teaching: samples are kept, and from time to time a child process trains on
//! them. What comes of it serves only if it is better.
//!
//! ```text
//! POST /api/samples ─► store ─┐
//! POST /api/jobs ─────► store ─► runner ─► child (`train finetune`) ─► candidate ─► gate ─► promote
//!                                 │      └► child (`train`, from scratch) ─► candidate
//!                                 ▲ one job at a time, over all servers of the database
//! ```

mod child;
mod runner;
mod tell;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use glyphic_runtime::registry::Gate;
use tokio::sync::{Notify, watch};

pub use tell::Told;

use crate::{
    error::ApiError,
    store::{
        Store,
        jobs::{Job, Recipe},
        samples::Quota,
    },
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
    /// How training goes on, for those who follow.
    told: watch::Sender<Option<Told>>,
    /// Whether a child looks through the training data now.
    auditing: Arc<AtomicBool>,
    /// Why the last one that did failed. A lock, for it is rarely touched.
    audit_failure: Arc<Mutex<Option<String>>>,
}

impl Teaching {
    /// Teaching with these parts. Nothing runs before
    /// [`run`](crate::run) starts it.
    pub fn new(store: Store, quota: Quota, settings: Settings) -> Self {
        let owner = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        let settings = Arc::new(settings);
        let (wake, auditing, audit_failure) = (Arc::default(), Arc::default(), Arc::default());
        let told = watch::Sender::new(None);
        Self { store, quota, settings, owner, wake, told, auditing, audit_failure }
    }

    /// Asks for a training job.
    pub async fn ask(&self, reason: &str, recipe: &Recipe) -> Result<Job, ApiError> {
        let job = self.store.ask_for_job(reason, recipe).await?;
        self.wake();
        Ok(job)
    }

    /// Has the runner look at once instead of a little later.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Has a child look through the data that `checkpoint` learned from, unless
    /// one does.
    pub fn audit(&self, artifacts: &Path, checkpoint: &str) -> Result<(), ApiError> {
        if self.auditing.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let started = child::start_audit(&self.settings, artifacts, checkpoint);
        let teaching = self.clone();
        tokio::spawn(async move {
            let failure = match started {
                Ok(child) => child::end_of_audit(child).await.err(),
                Err(error) => Some(error.to_string()),
            };
            if let Ok(mut last) = teaching.audit_failure.lock() {
                *last = failure;
            }
            teaching.auditing.store(false, Ordering::Release);
        });
        Ok(())
    }

    /// Whether a child looks through the training data.
    pub fn auditing(&self) -> bool {
        self.auditing.load(Ordering::Acquire)
    }

    /// Why the last look through the training data failed.
    pub fn audit_failure(&self) -> Option<String> {
        self.audit_failure.lock().ok()?.clone()
    }

    /// What jobs take.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
