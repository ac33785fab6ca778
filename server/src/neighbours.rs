//! The training examples that a network sees as nearest to a glyph.
//!
//! Near is what the last layer reads as alike: the cosine of its inputs for both. So a
//! visitor sees what the network knows that is like their drawing, and where its answer
//! comes from.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use glyphic_model::{Classifier, Glyph, checkpoint::Manifest, glyph::PIXELS};
use glyphic_runtime::{device::ComputeDevice, registry::Registry};

use crate::error::ApiError;

/// Most bytes of the examples' descriptions.
const MEMORY: usize = 16 << 20;
/// Most examples that are described.
const EXAMPLES: usize = 10_000;
/// Examples that the network reads at once: so few that one thread does it, and the others
/// answer those who wait.
const BATCH: usize = 16;
/// What is not to be had is asked for again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Values whose products are added up in 32 bits.
const SUMMED: usize = 1 << 15;

/// A glyph that a network learned from.
#[derive(Clone, Debug)]
pub struct Example {
    /// The picture.
    pub glyph: Glyph,
    /// What it shows.
    pub label: String,
    /// Where it is from: a dataset's name, or `taught`.
    pub from: Arc<str>,
}

/// Reads the examples that a checkpoint learned from, or says why it cannot.
pub type Source = dyn Fn(&Manifest) -> Result<Vec<Example>, String> + Send + Sync;

/// Finds examples; cheap to clone. Knows those of one checkpoint at a time.
#[derive(Clone)]
pub struct Neighbours {
    source: Arc<Source>,
    last: Arc<Mutex<Option<Reading>>>,
    /// Held while examples are read: once is enough.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// What came of reading a checkpoint's examples.
struct Reading {
    model: String,
    at: Instant,
    /// Them, or why they are not to be had.
    found: Result<Arc<Known>, String>,
}

/// An example and how near it is.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The example.
    pub example: Example,
    /// The cosine of both descriptions: 1 for the same one.
    pub similarity: f32,
}

/// The examples of a checkpoint as its network describes them.
pub struct Known {
    classifier: Classifier,
    examples: Vec<Example>,
    /// One description an example.
    descriptions: Vec<Description>,
}

/// What the last layer reads of a glyph, in steps of 1/255 of its largest value. A cosine
/// does not ask how long its vectors are.
struct Description {
    values: Vec<u8>,
    length: f32,
}

impl Neighbours {
    /// Looks among the examples of this source.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, last: Arc::default(), reading: Arc::default() }
    }

    /// The examples of a checkpoint. The first to ask for it waits until they are read, a
    /// second or two; `taught` says which samples it learned from beside its data.
    pub async fn of(
        &self,
        registry: &Registry,
        model: &str,
        taught: impl AsyncFnOnce() -> Result<Vec<Example>, ApiError>,
    ) -> Result<Arc<Known>, ApiError> {
        if let Some(found) = self.found(model) {
            return found;
        }
        let reading = Arc::clone(&self.reading).lock_owned().await;
        if let Some(found) = self.found(model) {
            return found;
        }
        let taught = taught().await?;
        let (neighbours, registry, model) = (self.clone(), registry.clone(), model.to_owned());
        // To its end, and kept, even if whoever asked has gone: the next one would have it
        // read again.
        let read = tokio::task::spawn_blocking(move || {
            let read = Known::read(&registry, &model, &*neighbours.source, taught);
            neighbours.keep(model, &read);
            drop(reading);
            read
        });
        read.await.map_err(|error| ApiError::Unavailable(error.to_string()))?
    }

    /// What came of reading this checkpoint's examples last.
    fn found(&self, model: &str) -> Option<Result<Arc<Known>, ApiError>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = last.as_ref().filter(|reading| reading.model == model)?;
        match &reading.found {
            Ok(known) => Some(Ok(Arc::clone(known))),
            Err(reason) if reading.at.elapsed() < RETRY_AFTER => {
                Some(Err(ApiError::NoExamples(reason.clone())))
            }
            Err(_) => None,
        }
    }

    fn keep(&self, model: String, read: &Result<Arc<Known>, ApiError>) {
        let found = match read {
            Ok(known) => Ok(Arc::clone(known)),
            Err(ApiError::NoExamples(reason)) => {
                tracing::warn!(
                    "the nearest training examples of '{model}' are not shown: {reason}"
                );
                Err(reason.clone())
            }
            Err(_) => return,
        };
        let reading = Reading { model, at: Instant::now(), found };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

impl Known {
    fn read(
        registry: &Registry,
        model: &str,
        source: &Source,
        mut examples: Vec<Example>,
    ) -> Result<Arc<Self>, ApiError> {
        let data = source(&registry.manifest(model)?).map_err(ApiError::NoExamples)?;
        let device = ComputeDevice::cpu().device;
        let checkpoint = registry.load(model, &device)?;
        let classifier = checkpoint.into_classifier(&device);
        let width = describe(&classifier, &[Glyph::new([0; PIXELS])])?[0].values.len();
        let most = (MEMORY / width.max(1)).min(EXAMPLES);
        // Those that were taught come first: there are few, and they are what is new.
        examples.truncate(most);
        examples.extend(spread(data, most - examples.len()));
        let mut descriptions = Vec::with_capacity(examples.len());
        for batch in examples.chunks(BATCH) {
            let glyphs: Vec<Glyph> = batch.iter().map(|example| example.glyph.clone()).collect();
            descriptions.extend(describe(&classifier, &glyphs)?);
        }
        Ok(Arc::new(Self { classifier, examples, descriptions }))
    }

    /// How many examples there are.
    pub fn count(&self) -> usize {
        self.examples.len()
    }

    /// The nearest ones, the nearest first. Takes some milliseconds: not for a thread that
    /// answers requests.
    pub fn nearest(&self, glyph: &Glyph, count: usize) -> Result<Vec<Neighbour>, ApiError> {
        let of = &describe(&self.classifier, std::slice::from_ref(glyph))?[0];
        let mut near: Vec<(f32, usize)> =
            self.descriptions.iter().map(|other| of.cosine(other)).zip(0..).collect();
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let neighbour = |(similarity, i): (f32, usize)| {
            Some(Neighbour { example: self.examples.get(i)?.clone(), similarity })
        };
        Ok(near.into_iter().take(count).filter_map(neighbour).collect())
    }
}

impl Description {
    fn of(features: &[f32]) -> Self {
        let largest = features.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let values: Vec<u8> =
            features.iter().map(|value| (value / largest * 255.0) as u8).collect();
        let length = values.iter().map(|&v| f32::from(v) * f32::from(v)).sum::<f32>().sqrt();
        Self { values, length }
    }

    fn cosine(&self, other: &Self) -> f32 {
        let parts = self.values.chunks(SUMMED).zip(other.values.chunks(SUMMED));
        let product: u64 = parts
            .map(|(a, b)| {
                let products = a.iter().zip(b).map(|(&a, &b)| u32::from(a) * u32::from(b));
                u64::from(products.sum::<u32>())
            })
            .sum();
        product as f32 / (self.length * other.length).max(1.0)
    }
}

fn describe(classifier: &Classifier, glyphs: &[Glyph]) -> Result<Vec<Description>, ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::Unavailable(error.to_string());
    let rows = classifier.features(glyphs).map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| Description::of(row)).collect())
}

/// At most so many of them, evenly from the first to the last: data may be sorted.
fn spread(examples: Vec<Example>, most: usize) -> Vec<Example> {
    let count = examples.len();
    if count <= most {
        return examples;
    }
    (0..most).filter_map(|i| examples.get(i * count / most).cloned()).collect()
}
