//! The training examples that a network sees as nearest to a glyph.
//!
//! Near is what the last layer reads as alike: the cosine of its inputs for both. So a
//! visitor sees what the network knows that is like their drawing, and where its answer
//! comes from.

use std::sync::{Arc, Mutex, PoisonError};

use glyphic_model::{
    Classifier, Glyph,
    checkpoint::{Manifest, Registry},
    device::ComputeDevice,
};

use crate::error::ApiError;

/// Most bytes of the examples' descriptions.
const MEMORY: usize = 16 << 20;
/// Most examples that are described.
const EXAMPLES: usize = 10_000;
/// Examples that the network reads at once.
const BATCH: usize = 256;

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
    known: Arc<Mutex<Option<Arc<Known>>>>,
    /// Held while examples are read: once is enough.
    reading: Arc<tokio::sync::Mutex<()>>,
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
    model: String,
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
        Self { source, known: Arc::default(), reading: Arc::default() }
    }

    /// The examples of a checkpoint. The first to ask for it waits until they are read, a
    /// second or two; `taught` says which samples it learned from beside its data.
    pub async fn of(
        &self,
        registry: &Registry,
        model: &str,
        taught: impl AsyncFnOnce(&Manifest) -> Vec<Example>,
    ) -> Result<Arc<Known>, ApiError> {
        let _reading = self.reading.lock().await;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().as_ref().filter(|known| known.model == model) {
            return Ok(Arc::clone(known));
        }
        let taught = taught(&registry.manifest(model)?).await;
        let (registry, id, source) = (registry.clone(), model.to_owned(), Arc::clone(&self.source));
        let read =
            tokio::task::spawn_blocking(move || Known::read(&registry, &id, &*source, taught));
        let read = read.await.map_err(|error| ApiError::Unavailable(error.to_string()))??;
        let read = Arc::new(read);
        *known() = Some(Arc::clone(&read));
        Ok(read)
    }
}

impl Known {
    fn read(
        registry: &Registry,
        model: &str,
        source: &Source,
        taught: Vec<Example>,
    ) -> Result<Self, ApiError> {
        // Beside what serves: its threads are for those who want an answer.
        let device = ComputeDevice::cpu().device;
        let checkpoint = registry.load(model, &device)?;
        let examples = source(&checkpoint.manifest).map_err(ApiError::NoExamples)?;
        let classifier = checkpoint.into_classifier(&device);
        let width = describe(&classifier, &[Glyph::new([0; 784])])?[0].values.len();
        let most = (MEMORY / width.max(1)).min(EXAMPLES);
        let examples = [taught, spread(examples, most)].concat();
        let mut descriptions = Vec::with_capacity(examples.len());
        for batch in examples.chunks(BATCH) {
            let glyphs: Vec<Glyph> = batch.iter().map(|example| example.glyph.clone()).collect();
            descriptions.extend(describe(&classifier, &glyphs)?);
        }
        Ok(Self { model: model.to_owned(), classifier, examples, descriptions })
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
        let pairs = self.values.iter().zip(&other.values);
        let product: u32 = pairs.map(|(&a, &b)| u32::from(a) * u32::from(b)).sum();
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
