//! Pictures that a person should look at, and the last answer about wrong labels.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use glyphic_model::Glyph;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::{
    samples::{Sample, SampleRecord, data_url},
    store::Store,
};

/// How long the samples count as unchanged, unless this server changes them: looking at them costs
/// about a millisecond.
const LOOK: Duration = Duration::from_millis(250);

/// A picture to look at.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Suggestion {
    /// A sample.
    Sample(Box<SuggestedSample>),
    /// A training example.
    Example(Box<SuggestedExample>),
}

/// A sample to look at.
#[derive(Serialize, ToSchema)]
pub struct SuggestedSample {
    #[serde(flatten)]
    record: SampleRecord,
    /// The sample's id.
    sample: String,
    /// The label that it may have.
    suggested: String,
    /// Why it should be looked at.
    why: String,
}

/// A training example to look at.
#[derive(Serialize, ToSchema)]
pub struct SuggestedExample {
    /// `null`: it is not a sample yet.
    sample: Option<String>,
    /// Its 784 pixels, 0 to 255.
    #[schema(value_type = Vec<u32>)]
    pixels: Vec<u8>,
    /// The picture as a PNG data URL.
    picture: String,
    /// The label that it has.
    label: String,
    /// The label that it may have.
    suggested: String,
    /// Why it should be looked at.
    why: String,
}

impl Suggestion {
    /// A sample.
    pub fn of_sample(sample: &Sample, suggested: &str, why: String) -> Self {
        Self::Sample(Box::new(SuggestedSample {
            record: SampleRecord::new(sample).with_picture(sample),
            sample: sample.id.clone(),
            suggested: suggested.to_owned(),
            why,
        }))
    }

    /// A training example.
    pub fn of_example(glyph: &Glyph, label: String, suggested: String, why: String) -> Self {
        Self::Example(Box::new(SuggestedExample {
            sample: None,
            pixels: glyph.pixels().to_vec(),
            picture: data_url(glyph),
            label,
            suggested,
            why,
        }))
    }
}

/// The last answer about wrong labels. It is made again when samples or the checkpoint have changed;
/// requests that come meanwhile wait for it instead of searching too. Cheap to clone.
#[derive(Clone, Default)]
pub struct WrongLabels(Arc<Mutex<Option<Answer>>>);

struct Answer {
    /// The state of the samples and the checkpoint that were searched.
    of: (String, String),
    /// What this server had changed when that state was last looked at, and when that was.
    looked: (u64, Instant),
    json: Bytes,
}

impl WrongLabels {
    /// The answer about the present samples, as JSON. `search` makes it for the `serving` checkpoint,
    /// if nobody has yet. What another server has changed may be missing for a quarter of a second.
    ///
    /// # Errors
    /// The database fails, or `search` does.
    pub async fn answer(
        &self,
        store: &Store,
        serving: &str,
        search: impl Future<Output = Result<Bytes, ApiError>>,
    ) -> Result<Bytes, ApiError> {
        let mut last = self.0.lock().await;
        let looked = (store.changes(), Instant::now());
        let is_fresh = |last: &&Answer| {
            let (changes, when) = last.looked;
            changes == looked.0 && when.elapsed() < LOOK && last.of.1 == serving
        };
        if let Some(last) = last.as_ref().filter(is_fresh) {
            return Ok(last.json.clone());
        }
        let of = (store.samples_state().await?, serving.to_owned());
        let json = match last.take().filter(|last| last.of == of) {
            Some(last) => last.json,
            None => search.await?,
        };
        *last = Some(Answer { of, looked, json: json.clone() });
        Ok(json)
    }

    /// Forgets the answer, because a sample is deleted that may be in it.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
