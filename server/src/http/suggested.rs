//! Pictures that a person should look at, and the last search for wrong labels.

use std::{sync::Arc, time::Duration};

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

/// How long an answer is kept, unless this server changes something.
const MOMENT: Duration = Duration::from_millis(250);

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

/// A sample whose label is probably wrong.
pub struct WrongLabel {
    /// The sample's id.
    pub sample: String,
    /// The label that it may have.
    pub suggested: String,
    /// Why it should be looked at.
    pub why: String,
}

/// The last search for wrong labels, and for a moment the answer about it. The search is made again
/// when samples or the checkpoint have changed; requests that come meanwhile wait for it instead of
/// searching too. It names samples and holds none: one that is deleted is gone from here when the
/// moment is over. Cheap to clone.
#[derive(Clone, Default)]
pub struct WrongLabels(Arc<Mutex<Last>>);

#[derive(Default)]
struct Last {
    search: Option<Search>,
    answer: Option<Answer>,
}

struct Search {
    /// The state of the samples and the checkpoint that were searched.
    of: (String, String),
    found: Vec<WrongLabel>,
}

struct Answer {
    /// The checkpoint that was searched with.
    serving: String,
    /// What this server had changed by then.
    changes: u64,
    json: Bytes,
}

impl WrongLabels {
    /// The answer about the present samples, as JSON. `search` searches them with the `serving`
    /// checkpoint, if nobody has yet; `show` makes the answer. What another server has changed may be
    /// missing for a quarter of a second.
    ///
    /// # Errors
    /// The database fails, or `search` or `show` does.
    pub async fn answer(
        &self,
        store: &Store,
        serving: &str,
        search: impl Future<Output = Result<Vec<WrongLabel>, ApiError>>,
        show: impl AsyncFnOnce(&[WrongLabel]) -> Result<Bytes, ApiError>,
    ) -> Result<Bytes, ApiError> {
        let mut last = self.0.lock().await;
        let changes = store.changes();
        let is_fresh = |answer: &&Answer| answer.changes == changes && answer.serving == serving;
        if let Some(answer) = last.answer.as_ref().filter(is_fresh) {
            return Ok(answer.json.clone());
        }
        let of = (store.samples_state().await?, serving.to_owned());
        let found = match last.search.take().filter(|search| search.of == of) {
            Some(search) => search.found,
            None => search.await?,
        };
        let json = show(&found).await?;
        last.answer = Some(Answer { serving: serving.to_owned(), changes, json: json.clone() });
        last.search = Some(Search { of, found });
        let last = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(MOMENT).await;
            last.lock().await.answer = None;
        });
        Ok(json)
    }
}
