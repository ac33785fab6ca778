//! A training job: what it trains, and where it stands.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for a server to take it.
    Queued,
    /// Is being trained.
    Running,
    /// Its checkpoint was promoted.
    Promoted,
    /// Its checkpoint is there and was not promoted; `message` says why.
    Candidate,
    /// It failed; `message` says why.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// A network architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// The one that is released.
    #[default]
    Small,
    /// The most accurate one, for a GPU.
    Large,
    /// Without convolutions: to see what they contribute.
    Mlp,
}

/// What a job trains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// The serving network, fine-tuned on the samples.
    Samples,
    /// A new network, on the dataset alone.
    Scratch {
        /// Which network.
        network: NetworkKind,
        /// Passes over the data.
        epochs: i64,
    },
    /// A recipe of a later version of this program.
    Unknown(String),
}

/// A training job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Job {
    /// Its name; names order by time.
    pub id: String,
    /// When it was asked for, in milliseconds since 1970.
    pub created: i64,
    /// Why it was started: `asked` (by a client), `samples` (enough new ones) or `schedule`.
    pub reason: String,
    /// What it trains.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Where it stands.
    pub state: JobState,
    /// The server that runs it.
    pub owner: Option<String>,
    /// Number of times it was started.
    pub attempts: i64,
    /// Whether somebody wants it to stop.
    pub cancel: bool,
    /// The checkpoint that training started from.
    pub parent: Option<String>,
    /// The checkpoint that came of it.
    pub candidate: Option<String>,
    /// Samples that it trains on or is measured with; with the token alone.
    pub samples: Option<i64>,
    /// The newest labelling when it began; see [`Store::labelled_since`](crate::store::Store::labelled_since).
    #[serde(skip)]
    pub labelled_until: i64,
    /// The progress that the trainer reports.
    #[schema(value_type = JobProgress)]
    pub progress: Value,
    /// How it ended, in words; in short without the token.
    pub message: Option<String>,
    /// When training began.
    pub started: Option<i64>,
    /// When it ended.
    pub finished: Option<i64>,
}

/// How far training has come. Empty until the trainer has reported.
// All but the curves is what the trainer writes. A test compares these fields with a job's.
#[derive(ToSchema)]
#[allow(dead_code)]
struct JobProgress {
    /// Training steps done.
    #[schema(required = false)]
    step: usize,
    /// Training steps in all.
    #[schema(required = false)]
    steps: usize,
    /// Mean training loss of this epoch so far.
    #[schema(required = false)]
    loss: f64,
    /// Share (0 to 1) of this epoch's training pictures that have been read correctly so far.
    #[schema(required = false)]
    accuracy: f64,
    /// Training pictures per second.
    #[schema(required = false)]
    images_per_second: f64,
    /// Estimated time until the last step, in seconds.
    #[schema(required = false)]
    seconds_left: f64,
    /// `[step, loss, accuracy]` at intervals from the first step on, at most 120 of them.
    #[schema(required = false)]
    curve: Vec<Vec<f64>>,
    /// `[step, accuracy]` after each epoch, on the validation examples.
    #[schema(required = false)]
    validation: Vec<Vec<f64>>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// A state that is not active.
    pub state: JobState,
    /// The checkpoint that came of it.
    pub candidate: Option<String>,
    /// How it ended, in words.
    pub message: String,
}

/// The state of the jobs, for those who follow them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobViews {
    /// For the token's holder.
    pub whole: JobEvents,
    /// For visitors.
    pub in_short: JobEvents,
}

/// The state of the jobs, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobEvents {
    /// The last jobs, newest first, without their progress.
    pub jobs: Arc<str>,
    /// The job that waits or runs, with its progress; `null` if there is none.
    pub progress: Arc<str>,
}

impl Job {
    /// Whether it waits or runs.
    pub fn is_active(&self) -> bool {
        matches!(self.state, JobState::Queued | JobState::Running)
    }

    /// As visitors see it: nothing that is said of samples, of their number or of labels.
    pub fn in_short(self) -> Self {
        let message = match self.state {
            JobState::Queued | JobState::Running => None,
            JobState::Promoted => Some("its checkpoint is now serving"),
            JobState::Candidate => Some("its checkpoint is not serving"),
            JobState::Failed => Some("it failed"),
            JobState::Cancelled => Some("it was cancelled"),
        };
        Self { samples: None, message: message.map(str::to_owned), ..self }
    }
}

impl NetworkKind {
    /// Its name in the database, in the API and on `train`'s command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Mlp => "mlp",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Small, Self::Large, Self::Mlp].into_iter().find(|network| network.name() == name)
    }
}

impl Recipe {
    /// Its name in the database and in the API.
    pub fn name(&self) -> &str {
        match self {
            Self::Samples => "samples",
            Self::Scratch { .. } => "scratch",
            Self::Unknown(name) => name,
        }
    }
}

/// A [`Recipe`] in a job's JSON.
#[derive(ToSchema)]
#[allow(dead_code)]
struct RecipeFields {
    /// `samples` or `scratch`.
    recipe: String,
    /// From scratch: which network.
    #[schema(inline)]
    network: Option<NetworkKind>,
    /// From scratch: passes over the data.
    epochs: Option<i64>,
}

impl PartialSchema for Recipe {
    fn schema() -> RefOr<Schema> {
        RecipeFields::schema()
    }
}

impl ToSchema for Recipe {}

impl Serialize for Recipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("recipe", self.name())?;
        if let Self::Scratch { network, epochs } = self {
            map.serialize_entry("network", network)?;
            map.serialize_entry("epochs", epochs)?;
        }
        map.end()
    }
}

impl JobState {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::Candidate => "candidate",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
