//! A sample: a picture, the input it came from, and its label.

use glyphic_model::Glyph;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a sample was sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Pen strokes, as JSON `[[[x, y], …], …]`.
    Strokes,
    /// An image file.
    Image,
    /// The 784 pixels of the glyph itself.
    Pixels,
}

/// A sample that is about to be kept.
#[derive(Clone, Debug)]
pub struct NewSample {
    /// Who or what sent it.
    pub source: String,
    /// What it shows, if known.
    pub label: Option<String>,
    /// What the network said of it.
    pub prediction: String,
    /// How sure it was, 0–1.
    pub confidence: f64,
    /// The verdict of that answer.
    pub verdict: String,
    /// The checkpoint that answered.
    pub checkpoint: String,
    /// The preprocessing's version.
    pub preprocessing: u32,
    /// What `raw` is.
    pub form: Form,
    /// The input as it came.
    pub raw: Vec<u8>,
    /// The picture that the network saw.
    pub glyph: Glyph,
    /// Whether it is kept from training; `None` lets the store decide.
    pub held_back: Option<bool>,
}

/// A sample as it is kept.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name; names order by time.
    pub id: String,
    /// When it came, in milliseconds since 1970.
    pub created: i64,
    /// What was sent, and what the network said.
    pub content: NewSample,
    /// Whether it is kept from training, to check on.
    pub held_back: bool,
    /// Whether somebody looked at it and agreed with its label.
    pub confirmed: bool,
    /// When it was deleted.
    pub deleted: Option<i64>,
}

/// What became of a sample that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The name it has now.
    pub id: String,
    /// Whether the same picture with the same label was there already; then `id`
    /// is that one's.
    pub duplicate: bool,
    /// A sample of the same picture with another label.
    pub contradicts: Option<String>,
    /// Whether it is kept from training.
    pub held_back: bool,
}

/// Which samples are meant. Every field that is given must match.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Labelled so.
    pub label: Option<String>,
    /// Read so when it came.
    pub prediction: Option<String>,
    /// With this verdict when it came.
    pub verdict: Option<String>,
    /// Read by this checkpoint.
    pub model: Option<String>,
    /// Sent by.
    pub source: Option<String>,
    /// Sent at or after, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Sent before.
    pub until: Option<i64>,
    /// 1: label and prediction differ; 0: they agree.
    pub disagreement: Option<i64>,
    /// 1: labelled; 0: still to be labelled.
    pub labelled: Option<i64>,
    /// 1: kept from training; 0: trained on.
    pub held_back: Option<i64>,
    /// 1: deleted ones; otherwise those that are not.
    #[serde(default)]
    #[param(required = false)]
    pub deleted: i64,
}

impl Filter {
    /// Whether its texts can be in a database: PostgreSQL's hold no NUL.
    pub fn is_sound(&self) -> bool {
        let texts = [&self.label, &self.prediction, &self.verdict, &self.model, &self.source];
        texts.iter().all(|text| text.as_ref().is_none_or(|text| !text.contains('\0')))
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.label, &self.prediction, &self.verdict, &self.model, &self.source];
        let numbers = [self.since, self.until, self.disagreement, self.labelled, self.held_back];
        texts.iter().all(|text| text.is_none()) && numbers.iter().all(Option::is_none)
    }
}

/// How many samples a server takes.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// In all.
    pub total: u64,
    /// From one source.
    pub per_source: u64,
}

/// Counts of one source or label.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Count {
    /// The source or the label.
    pub name: String,
    /// Its samples.
    pub samples: i64,
    /// Those whose label is not what the network had read.
    pub disagree: i64,
}

impl Form {
    /// Its name in the database and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strokes => "strokes",
            Self::Image => "image",
            Self::Pixels => "pixels",
        }
    }
}
