//! What every request handler shares.

use std::{ops::Deref, sync::Arc};

use axum::http::HeaderValue;
use glyphic_model::{Thresholds, checkpoint::Manifest};
use tokio::sync::watch;

use crate::{
    config::{Limits, ThresholdOverrides},
    http::{
        access::{Admin, Rate},
        error::ApiError,
        lanes::Lanes,
        room::Rooms,
        shares::{Places, Reserved},
        suggested::WrongLabels,
    },
    jobs::TrainingService,
    metrics::ServerMetrics,
    models::Models,
    neighbours::{ExampleSource, Neighbours},
    shadow::Shadow,
    taught::TaughtMemory,
};

/// Files of samples that are written at once, and for one client. As many are reserved for the
/// token's holder.
const EXPORTS: (usize, usize) = (4, 2);
/// The same for images of samples that are sent.
const IMAGES: (usize, usize) = (64, 16);
/// Most clients that one address has follow the jobs: pages that are open.
const FOLLOWED_BY_ONE: usize = 16;
/// Longest answer that is not sent as it is read, in bytes: a sample with an input of 8 MiB, in
/// base64.
const LONGEST_ANSWER: usize = 12 << 20;

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
    /// The sites whose pages may have this server read for them.
    pub(crate) origins: Vec<HeaderValue>,
    /// Who may change the server's state.
    pub admin: Admin,
    /// How many requests a client may send.
    pub(crate) rate: Rate,
    /// The candidate that is compared with the serving checkpoint.
    pub shadow: Shadow,
    /// Samples and training jobs, or why there are none.
    training: Result<TrainingService, Arc<str>>,
    /// What was taught and is read before it is trained, unless that is off.
    pub memory: Option<TaughtMemory>,
    /// The training examples, if the server was started with them.
    neighbours: Option<Neighbours>,
    /// The threads for decoding and preprocessing.
    pub(crate) lanes: Lanes,
    /// Places for files of samples that are written.
    pub(crate) exports: Reserved<Places>,
    /// Places for images of samples that are sent.
    pub(crate) images: Reserved<Places>,
    /// Room in memory for the bodies of requests.
    pub(crate) bodies: Rooms,
    /// Room in memory for the bodies of answers.
    pub(crate) answers: Reserved<Rooms>,
    /// Places for clients that follow the jobs: each keeps a connection for minutes.
    pub(crate) followers: Places,
    /// The last search for wrong labels.
    pub(crate) wrong_labels: WrongLabels,
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
        let mib = |mib: u16| usize::from(mib) << 20;
        Self(Arc::new(AppParts {
            shadow: Shadow::new(0.0, models.clone(), None),
            models,
            thresholds: ThresholdOverrides::default(),
            origins: Vec::new(),
            admin: Admin::default(),
            rate: Rate::new(limits.rate),
            training: Err("it was started without a database".into()),
            memory: None,
            neighbours: None,
            lanes: Lanes::default(),
            exports: Reserved::new(|| Places::new(EXPORTS.0, EXPORTS.1)),
            images: Reserved::new(|| Places::new(IMAGES.0, IMAGES.1)),
            bodies: Rooms::new(mib(limits.request_memory_mib), limits.max_body()),
            answers: Reserved::new(|| Rooms::new(mib(limits.answer_memory_mib), LONGEST_ANSWER)),
            followers: Places::new((usize::from(limits.connections) / 4).max(1), FOLLOWED_BY_ONE),
            wrong_labels: WrongLabels::default(),
            stopping: watch::Sender::new(false),
            limits,
        }))
    }

    /// The same with samples and training jobs, or with why there are none.
    pub fn with_training(self, training: Result<TrainingService, String>) -> Self {
        self.with(|parts| parts.training = training.map_err(Into::into))
    }

    /// The same, reading what is taught at once. It comes after [`with_training`](Self::with_training).
    pub fn with_memory(self) -> Self {
        let (training, engine) = (self.training.clone().ok(), self.models.engine().clone());
        let memory = training.map(|training| TaughtMemory::new(training.store, engine));
        if let Some(memory) = &memory {
            self.models.remember(memory.clone());
        }
        self.with(|parts| parts.memory = memory)
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
    /// [`with_training`](Self::with_training), where disagreements may be kept.
    pub fn with_shadow(self, share: f32) -> Self {
        let training = self.training.clone().ok();
        let shadow = Shadow::new(share, self.models.clone(), training);
        self.with(|parts| parts.shadow = shadow)
    }

    /// The same where changes need a token.
    pub fn with_admin(self, admin: Admin) -> Self {
        self.with(|parts| parts.admin = admin)
    }

    /// The same for pages of other sites too.
    pub fn with_origins(self, origins: Vec<HeaderValue>) -> Self {
        self.with(|parts| parts.origins = origins)
    }

    fn with(mut self, change: impl FnOnce(&mut AppParts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl AppParts {
    /// The threshold for `unsure` that this server was started with, if any.
    pub fn unsure_below(&self) -> Option<f32> {
        self.thresholds.unsure_below
    }

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
