//! The handle to samples and training jobs.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, watch};

use super::{
    child,
    job::{Job, JobViews, Recipe},
    settings::JobSettings,
};
use crate::{
    samples::{Keeping, Quota},
    secrets::without_paths,
    store::{Store, StoreError},
};

/// Samples and training jobs of this server; cheap to clone.
#[derive(Clone)]
pub struct TrainingService {
    /// Samples and jobs.
    pub store: Store,
    /// How many samples are taken.
    pub quota: Quota,
    /// What is kept of them.
    pub keeping: Keeping,
    pub(super) settings: Arc<JobSettings>,
    /// This server's name among those that share the database.
    pub(super) owner: String,
    pub(super) wake: Arc<Notify>,
    /// The last state of the jobs, for those who follow them.
    pub(super) events: watch::Sender<Option<JobViews>>,
    /// Whether an audit of the training data is running.
    auditing: Arc<AtomicBool>,
    /// Why the last audit failed. A lock is enough: it is rarely used.
    audit_failure: Arc<Mutex<Option<String>>>,
}

impl TrainingService {
    /// A handle to this database. No job runs before [`run`](crate::run) starts the runner.
    pub fn new(store: Store, quota: Quota, settings: JobSettings) -> Self {
        let owner = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        let settings = Arc::new(settings);
        let (wake, auditing, audit_failure) = (Arc::default(), Arc::default(), Arc::default());
        let (events, keeping) = (watch::Sender::new(None), Keeping::default());
        Self { store, quota, keeping, settings, owner, wake, events, auditing, audit_failure }
    }

    /// The same, with what is kept of samples.
    pub fn keeping(self, keeping: Keeping) -> Self {
        Self { keeping, ..self }
    }

    /// Asks for a training job.
    pub async fn ask(&self, reason: &str, recipe: &Recipe) -> Result<Job, StoreError> {
        let job = self.store.ask_for_job(reason, recipe).await?;
        self.wake();
        Ok(job)
    }

    /// Makes the runner look for a job now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// The last state of the jobs; `None` until the first look at the database.
    pub fn subscribe(&self) -> watch::Receiver<Option<JobViews>> {
        self.events.subscribe()
    }

    /// Starts an audit of the data that `checkpoint` was trained on, unless one is running.
    pub fn audit(&self, artifacts: &Path, checkpoint: &str) {
        if self.auditing.swap(true, Ordering::AcqRel) {
            return;
        }
        let started = child::start_audit(&self.settings, artifacts, checkpoint);
        let (training, artifacts) = (self.clone(), artifacts.to_owned());
        tokio::spawn(async move {
            let failure = match started {
                Ok(child) => child::end_of_audit(child).await.err(),
                Err(error) => Some(error.to_string()),
            };
            if let Some(failure) = &failure {
                tracing::warn!("the audit of the training data failed: {failure}");
            }
            if let Ok(mut last) = training.audit_failure.lock() {
                *last = failure.map(|failure| training.for_everybody(&failure, &artifacts));
            }
            training.auditing.store(false, Ordering::Release);
        });
    }

    /// A message that everybody may read: where files are on this machine is for its log alone.
    pub(super) fn for_everybody(&self, message: &str, artifacts: &Path) -> String {
        let program = self.settings.program.iter().map(Path::new);
        let data = self.settings.data.as_deref();
        let known: Vec<&Path> = program.chain(data).chain([artifacts]).collect();
        without_paths(message, &known)
    }

    /// Whether an audit of the training data is running.
    pub fn auditing(&self) -> bool {
        self.auditing.load(Ordering::Acquire)
    }

    /// Why the last audit failed, for everybody.
    pub fn audit_failure(&self) -> Option<String> {
        self.audit_failure.lock().ok()?.clone()
    }
}
