//! A sample: a picture, the input it came from, and its label.

use std::{cmp::Reverse, collections::BTreeMap};

use glyphic_model::Glyph;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The form in which a sample was sent.
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
    /// What it shows, if somebody has said so.
    pub label: Option<String>,
    /// The label that the network read.
    pub prediction: String,
    /// The network's confidence, 0–1.
    pub confidence: f64,
    /// The verdict.
    pub verdict: String,
    /// The checkpoint that read it.
    pub checkpoint: String,
    /// The version of the preprocessing.
    pub preprocessing: u32,
    /// The form of `raw`.
    pub form: Form,
    /// The input as it is kept.
    pub raw: Vec<u8>,
    /// The glyph that the network read.
    pub glyph: Glyph,
    /// Whether it is held back from training; with `None` the store decides.
    pub held_back: Option<bool>,
}

/// A sample as it is kept.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name; names order by time.
    pub id: String,
    /// When it came, in milliseconds since 1970.
    pub created: i64,
    /// What was sent, and what the network read.
    pub content: NewSample,
    /// Whether it is held back from training, to measure what was learned.
    pub held_back: bool,
    /// Whether the token's holder sent it or, on a server without a token, a user of this machine.
    pub trusted: bool,
    /// Whether somebody looked at it and agreed with its label.
    pub confirmed: bool,
    /// When it was deleted.
    pub deleted: Option<i64>,
}

/// The result of adding a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its id.
    pub id: String,
    /// Whether the same picture with the same label was there already; then `id` is the id of that
    /// one.
    pub duplicate: bool,
    /// A sample of the same picture with another label.
    pub contradicts: Option<String>,
    /// Whether it is held back from training.
    pub held_back: bool,
}

/// Which samples are meant. Every field that is given must match.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// With this label
    pub label: Option<String>,
    /// That the network read so when it came
    pub prediction: Option<String>,
    /// With this verdict when it came
    pub verdict: Option<String>,
    /// That this checkpoint read
    pub model: Option<String>,
    /// From this source
    pub source: Option<String>,
    /// That came at or after this time, in milliseconds since 1970
    pub since: Option<i64>,
    /// That came before this time
    pub until: Option<i64>,
    /// 1: label and prediction differ; 0: they agree
    pub disagreement: Option<i64>,
    /// 1: labelled; 0: still to be labelled
    pub labelled: Option<i64>,
    /// 1: held back from training; 0: trained on
    pub held_back: Option<i64>,
    /// 1: sent by visitors and not confirmed yet; 0: the others
    pub unconfirmed: Option<i64>,
    /// Of this visitor alone, the hash of whose secret it is
    #[serde(skip)]
    pub visitor: Option<String>,
    /// 1: deleted ones; 0: those that are not
    #[serde(default)]
    #[param(required = false)]
    pub deleted: i64,
}

impl Filter {
    /// Whether a database takes its texts: PostgreSQL refuses a NUL.
    pub fn is_sound(&self) -> bool {
        let texts = [&self.label, &self.prediction, &self.verdict, &self.model, &self.source];
        texts.iter().all(|text| text.as_ref().is_none_or(|text| !text.contains('\0')))
    }

    /// Whether it matches everything that its sender may see.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.label, &self.prediction, &self.verdict, &self.model, &self.source];
        let Self { since, until, disagreement, labelled, held_back, unconfirmed, .. } = *self;
        let numbers = [since, until, disagreement, labelled, held_back, unconfirmed];
        texts.iter().all(|text| text.is_none()) && numbers.iter().all(Option::is_none)
    }
}

/// Counts for one source or label.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Count {
    /// The source or the label.
    pub name: String,
    /// Its samples.
    pub samples: i64,
    /// Those whose label is not what the network read.
    pub disagree: i64,
}

/// How many samples of a source, label and checkpoint there are.
#[derive(Clone, Debug)]
pub struct OfSource {
    /// Where they are from.
    pub source: String,
    /// What they show, if that is known.
    pub label: Option<String>,
    /// Which checkpoint read them when they came.
    pub checkpoint: String,
    /// How many there are.
    pub samples: i64,
    /// How many it read as another label.
    pub disagree: i64,
}

impl Count {
    /// Samples by source, those that disagree most often first: there a wrongly labelled batch shows.
    /// Nobody disagrees about a label that the checkpoint did not have: `knew(checkpoint, label)`.
    pub fn by_source(groups: Vec<OfSource>, knew: impl Fn(&str, &str) -> bool) -> Vec<Self> {
        let mut sources: BTreeMap<String, Self> = BTreeMap::new();
        for OfSource { source, label, checkpoint, samples, disagree } in groups {
            let is_known = label.is_some_and(|label| knew(&checkpoint, &label));
            let all = sources.entry(source.clone());
            let all = all.or_insert(Self { name: source, samples: 0, disagree: 0 });
            all.samples += samples;
            all.disagree += if is_known { disagree } else { 0 };
        }
        let mut sources: Vec<Self> = sources.into_values().collect();
        sources.sort_by_key(|source| Reverse(source.disagree));
        sources
    }
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
