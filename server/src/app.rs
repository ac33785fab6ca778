//! What every request handler shares.

use std::{ops::Deref, sync::Arc, thread};

use glyphic_model::{Thresholds, checkpoint::Manifest};
use tokio::sync::{Semaphore, watch};

use crate::{
    config::{Limits, ThresholdOverrides},
    http::{
        access::{Admin, Rate},
        error::ApiError,
    },
    jobs::TrainingService,
    metrics::ServerMetrics,
    models::Models,
    neighbours::{ExampleSource, Neighbours},
    shadow::Shadow,
};

/// Uploads that may wait for a decoder; further requests get 429.
const WAITING_UPLOADS: usize = 64;
/// KiB of request bodies in memory at once; further requests get 429.
const BODIES_KIB: usize = 256 << 10;
/// Files of samples that are written or read at once; each may be large.
const FILES: usize = 2;

/// What every request handler shares; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// The parts of an [`App`].
#[derive(Clone)]
pub struct AppParts {
    /// The checkpoints and the engine.
    pub models: Models,
    /// What requests may take.
    pub limits: Limits,
    /// The server's thresholds, over those of the checkpoints.
    thresholds: ThresholdOverrides,
    /// Who may change the server's state.
    pub admin: Admin,
    /// How many requests a client may send.
    pub(crate) rate: Rate,
    /// The candidate that is compared with the serving checkpoint.
    pub shadow: Shadow,
    /// Samples and training jobs, or why there are none.
    training: Result<TrainingService, Arc<str>>,
    /// The training examples, if the server was started with them.
    neighbours: Option<Neighbours>,
    /// A permit for each decoder that may run.
    pub(crate) decoders: Arc<Semaphore>,
    /// A permit for each upload that may wait for a decoder.
    pub(crate) waiting: Arc<Semaphore>,
    /// A permit for each file of samples that is written or read.
    pub(crate) files: Arc<Semaphore>,
    /// A permit for each KiB of request bodies in memory.
    pub(crate) bodies: Arc<Semaphore>,
    /// A permit for each client that follows the jobs: it keeps a connection for minutes.
    pub(crate) followers: Arc<Semaphore>,
    /// True when the server is to stop, so that endless answers end.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl App {
    /// The state of a server with these models.
    pub fn new(models: Models, limits: Limits) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(AppParts {
            shadow: Shadow::new(0.0, models.clone(), None),
            models,
            thresholds: ThresholdOverrides::default(),
            admin: Admin::default(),
            rate: Rate::new(limits.rate),
            training: Err("it was started without a database".into()),
            neighbours: None,
            decoders: Arc::new(Semaphore::new(cores)),
            files: Arc::new(Semaphore::new(FILES)),
            waiting: Arc::new(Semaphore::new(WAITING_UPLOADS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB.max(limits.max_body() / 1024 + 1))),
            followers: Arc::new(Semaphore::new((usize::from(limits.connections) / 4).max(1))),
            stopping: watch::Sender::new(false),
            limits,
        }))
    }

    /// The same with samples and training jobs, or with why there are none.
    pub fn with_training(self, training: Result<TrainingService, String>) -> Self {
        self.with(|parts| parts.training = training.map_err(Into::into))
    }

    /// The same with the examples that its checkpoints were trained on.
    pub fn with_examples(self, source: Arc<ExampleSource>) -> Self {
        self.with(|parts| parts.neighbours = Some(Neighbours::new(source)))
    }

    /// The same with thresholds of its own.
    pub fn with_thresholds(self, thresholds: ThresholdOverrides) -> Self {
        self.with(|parts| parts.thresholds = thresholds)
    }

    /// The same with a candidate that reads this share (0–1) of all glyphs. It comes after
    /// [`with_training`](Self::with_training), where disagreements are kept.
    pub fn with_shadow(self, share: f32) -> Self {
        let training = self.training.clone().ok();
        let shadow = Shadow::new(share, self.models.clone(), training);
        self.with(|parts| parts.shadow = shadow)
    }

    /// The same where changes need a token.
    pub fn with_admin(self, admin: Admin) -> Self {
        self.with(|parts| parts.admin = admin)
    }

    fn with(mut self, change: impl FnOnce(&mut AppParts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl AppParts {
    /// The thresholds for a checkpoint's predictions on this server.
    pub fn thresholds(&self, model: &Manifest) -> Thresholds {
        self.thresholds.over(model.thresholds)
    }

    /// The same with a request's own thresholds over them.
    pub fn thresholds_over(
        &self,
        model: &Manifest,
        asked: ThresholdOverrides,
    ) -> Result<Thresholds, ApiError> {
        let thresholds = asked.over(self.thresholds(model));
        if thresholds.are_valid() {
            return Ok(thresholds);
        }
        Err(ApiError::malformed("reject_below and unsure_below must be between 0 and 1"))
    }

    /// Samples and training jobs.
    pub fn training(&self) -> Result<&TrainingService, ApiError> {
        self.training.as_ref().map_err(|reason| ApiError::TrainingOff(reason.to_string()))
    }

    /// The training examples.
    pub fn neighbours(&self) -> Result<&Neighbours, ApiError> {
        let unknown = || ApiError::NoExamples("the server was started without them".to_owned());
        self.neighbours.as_ref().ok_or_else(unknown)
    }

    /// The server's metrics.
    pub fn metrics(&self) -> &ServerMetrics {
        self.models.engine().metrics()
    }
}
