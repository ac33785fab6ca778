//! The training examples that a network sees as nearest to a glyph.
//!
//! The distance is the cosine between the inputs of the last layer (the features). So a visitor
//! sees the training examples that the network finds similar to their drawing, on which its
//! answer is based.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use glyphic_model::{Classifier, Glyph, checkpoint::Manifest, glyph::PIXELS};
use glyphic_runtime::{
    device::ComputeDevice,
    registry::{Registry, RegistryError},
};
use thiserror::Error;

/// Most bytes of the examples' features.
const MEMORY: usize = 16 << 20;
/// Most examples that are kept.
const EXAMPLES: usize = 10_000;
/// Examples that the network reads at once: so few that one thread computes them, and the other
/// threads can answer requests.
const BATCH: usize = 16;
/// Examples that could not be read are tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Values whose products can be summed in 32 bits.
const SUMMED: usize = 1 << 15;

/// A glyph that a network learned from.
#[derive(Clone, Debug)]
pub struct TrainingExample {
    /// The picture.
    pub glyph: Glyph,
    /// What it shows.
    pub label: String,
    /// Where it is from: a dataset's name, or `samples`.
    pub from: Arc<str>,
}

/// Reads the examples that a checkpoint was trained on, or says why it cannot.
pub type ExampleSource = dyn Fn(&Manifest) -> Result<Vec<TrainingExample>, String> + Send + Sync;

/// Why the nearest examples cannot be shown.
#[derive(Debug, Error)]
pub enum NeighboursError {
    /// The training data is not on this server.
    #[error("{0}")]
    NoExamples(String),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] RegistryError),
    /// The network cannot compute the features.
    #[error("{0}")]
    Failed(String),
}

/// Finds examples; cheap to clone. Keeps those of one checkpoint at a time.
#[derive(Clone)]
pub struct Neighbours {
    source: Arc<ExampleSource>,
    last: Arc<Mutex<Option<LastRead>>>,
    /// Locked while examples are read, so that they are read once.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// The result of reading a checkpoint's examples.
struct LastRead {
    model: String,
    at: Instant,
    /// The examples, or why they cannot be read.
    found: Result<Arc<ExamplesWithFeatures>, String>,
}

/// An example and how near it is.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The example.
    pub example: TrainingExample,
    /// The cosine of both feature vectors: 1 for the same glyph.
    pub similarity: f32,
}

/// The examples of a checkpoint, with the features that its network computes for them.
pub struct ExamplesWithFeatures {
    classifier: Classifier,
    examples: Vec<TrainingExample>,
    /// One for each example.
    features: Vec<FeatureVector>,
}

/// The features of a glyph, in steps of 1/255 of the largest one. The scale does not matter for a
/// cosine.
struct FeatureVector {
    values: Vec<u8>,
    length: f32,
}

impl Neighbours {
    /// Looks among the examples of this source.
    pub fn new(source: Arc<ExampleSource>) -> Self {
        Self { source, last: Arc::default(), reading: Arc::default() }
    }

    /// The examples of a checkpoint. The first request for one waits until they are read, a second
    /// or two.
    pub async fn of(
        &self,
        registry: &Registry,
        model: &str,
    ) -> Result<Arc<ExamplesWithFeatures>, NeighboursError> {
        if let Some(found) = self.found(model) {
            return found;
        }
        let reading = Arc::clone(&self.reading).lock_owned().await;
        if let Some(found) = self.found(model) {
            return found;
        }
        let (neighbours, registry, model) = (self.clone(), registry.clone(), model.to_owned());
        // In a task of its own, so that the result is kept even if the client disconnects.
        let read = tokio::task::spawn_blocking(move || {
            let read = ExamplesWithFeatures::read(&registry, &model, &*neighbours.source);
            neighbours.keep(model, &read);
            drop(reading);
            read
        });
        read.await.map_err(|error| NeighboursError::Failed(error.to_string()))?
    }

    /// The last result of reading this checkpoint's examples.
    fn found(&self, model: &str) -> Option<Result<Arc<ExamplesWithFeatures>, NeighboursError>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = last.as_ref().filter(|reading| reading.model == model)?;
        match &reading.found {
            Ok(known) => Some(Ok(Arc::clone(known))),
            Err(reason) if reading.at.elapsed() < RETRY_AFTER => {
                Some(Err(NeighboursError::NoExamples(reason.clone())))
            }
            Err(_) => None,
        }
    }

    fn keep(&self, model: String, read: &Result<Arc<ExamplesWithFeatures>, NeighboursError>) {
        let found = match read {
            Ok(known) => Ok(Arc::clone(known)),
            Err(NeighboursError::NoExamples(reason)) => {
                tracing::warn!(
                    "the nearest training examples of '{model}' are not shown: {reason}"
                );
                Err(reason.clone())
            }
            Err(_) => return,
        };
        let reading = LastRead { model, at: Instant::now(), found };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

impl ExamplesWithFeatures {
    fn read(
        registry: &Registry,
        model: &str,
        source: &ExampleSource,
    ) -> Result<Arc<Self>, NeighboursError> {
        let data = source(&registry.manifest(model)?).map_err(NeighboursError::NoExamples)?;
        let device = ComputeDevice::cpu().device;
        let checkpoint = registry.load(model, &device)?;
        let classifier = checkpoint.into_classifier(&device);
        let width = features_of(&classifier, &[Glyph::new([0; PIXELS])])?[0].values.len();
        let most = (MEMORY / width.max(1)).min(EXAMPLES);
        let examples = spread(data, most);
        let features = features_of_all(&classifier, &examples)?;
        Ok(Arc::new(Self { classifier, examples, features }))
    }

    /// How many examples there are.
    pub fn count(&self) -> usize {
        self.examples.len()
    }

    /// The nearest of the examples and of these samples, nearest first. It takes some milliseconds,
    /// and some more for each hundred of samples: do not call this on the async runtime's threads.
    /// The samples are not kept: who asked may see them, others may not, and they may be deleted.
    pub fn nearest(
        &self,
        glyph: &Glyph,
        count: usize,
        samples: &[TrainingExample],
    ) -> Result<Vec<Neighbour>, NeighboursError> {
        let of = &features_of(&self.classifier, std::slice::from_ref(glyph))?[0];
        let of_samples = features_of_all(&self.classifier, samples)?;
        let features = of_samples.iter().chain(&self.features);
        let mut near: Vec<(f32, &TrainingExample)> = features
            .map(|other| of.cosine(other))
            .zip(samples.iter().chain(&self.examples))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let neighbour = |(similarity, example): (f32, &TrainingExample)| Neighbour {
            example: example.clone(),
            similarity,
        };
        Ok(near.into_iter().take(count).map(neighbour).collect())
    }
}

impl FeatureVector {
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

fn features_of_all(
    classifier: &Classifier,
    examples: &[TrainingExample],
) -> Result<Vec<FeatureVector>, NeighboursError> {
    let mut features = Vec::with_capacity(examples.len());
    for batch in examples.chunks(BATCH) {
        let glyphs: Vec<Glyph> = batch.iter().map(|example| example.glyph.clone()).collect();
        features.extend(features_of(classifier, &glyphs)?);
    }
    Ok(features)
}

fn features_of(
    classifier: &Classifier,
    glyphs: &[Glyph],
) -> Result<Vec<FeatureVector>, NeighboursError> {
    let failed = |error: &dyn std::fmt::Display| NeighboursError::Failed(error.to_string());
    let rows = classifier.features(glyphs).map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| FeatureVector::of(row)).collect())
}

/// At most this number of them, evenly spread from the first to the last: data may be sorted.
fn spread(examples: Vec<TrainingExample>, most: usize) -> Vec<TrainingExample> {
    let count = examples.len();
    if count <= most {
        return examples;
    }
    (0..most).filter_map(|i| examples.get(i * count / most).cloned()).collect()
}
