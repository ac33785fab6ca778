//! Pictures that a person should look at, and the last search for wrong labels. What is remembered of
//! it names samples and holds none: one that is deleted is gone from here too.

use std::{sync::Arc, time::Instant};

use glyphic_model::Glyph;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::samples::{Sample, SampleRecord, data_url};

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
#[derive(Clone, Debug)]
pub struct WrongLabel {
    /// The sample's id.
    pub sample: String,
    /// The label that it may have.
    pub suggested: String,
    /// Why it should be looked at.
    pub why: String,
}

/// The last search for wrong labels. It is made again when samples or the checkpoint have changed;
/// requests that come meanwhile wait for it instead of searching too. Cheap to clone.
#[derive(Clone, Default)]
pub struct WrongLabels(Arc<Mutex<Option<Search>>>);

struct Search {
    /// The state of the samples and the checkpoint that were searched.
    of: (String, String),
    /// When that state was last looked at.
    looked: Instant,
    found: Arc<[WrongLabel]>,
}

impl WrongLabels {
    /// What was found among the present samples. `state` is what they are in now, with the serving
    /// checkpoint; `search` searches them, if nobody has yet.
    ///
    /// # Errors
    /// Those of `state` and `search`.
    pub async fn found(
        &self,
        state: impl Future<Output = Result<(String, String), ApiError>>,
        search: impl Future<Output = Result<Vec<WrongLabel>, ApiError>>,
    ) -> Result<Arc<[WrongLabel]>, ApiError> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        // Of all that wait here, one looks at the state.
        if let Some(last) = last.as_ref().filter(|last| last.looked >= asked) {
            return Ok(Arc::clone(&last.found));
        }
        let looked = Instant::now();
        let of = state.await?;
        let found = match last.take().filter(|last| last.of == of) {
            Some(last) => last.found,
            None => search.await?.into(),
        };
        *last = Some(Search { of, looked, found: Arc::clone(&found) });
        Ok(found)
    }
}
