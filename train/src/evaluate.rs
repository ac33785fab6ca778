//! Measuring a network on examples.

use burn::tensor::Device;
use glyphic_model::{Classifier, Prediction, checkpoint::Score, classifier::DeviceFailed, network::Network};

use crate::data::Example;

/// Examples a batch in evaluation.
const BATCH: usize = 256;

/// The outcome on a set of examples: one prediction for each, in order.
pub struct Outcome {
    /// What the network said.
    pub predictions: Vec<Prediction>,
    /// Accuracy and loss.
    pub score: Score,
}

/// Reads all examples with the network as it would be served: batch norms
/// folded, on `device`.
pub fn evaluate(
    network: &Network,
    labels: &[String],
    examples: &[Example],
    device: &Device,
) -> Result<Outcome, DeviceFailed> {
    evaluate_classifier(&Classifier::new(network.clone(), labels.to_vec(), device), examples)
}

/// Reads all examples with a classifier.
pub fn evaluate_classifier(
    classifier: &Classifier,
    examples: &[Example],
) -> Result<Outcome, DeviceFailed> {
    let mut predictions = Vec::with_capacity(examples.len());
    for batch in examples.chunks(BATCH) {
        let glyphs: Vec<_> = batch.iter().map(|example| example.glyph.clone()).collect();
        predictions.extend(classifier.classify(&glyphs)?);
    }
    let score = score(&predictions, examples);
    Ok(Outcome { predictions, score })
}

fn score(predictions: &[Prediction], examples: &[Example]) -> Score {
    let pairs = || predictions.iter().zip(examples);
    let right = pairs().filter(|(prediction, example)| prediction.index == example.label).count();
    let loss: f64 = pairs()
        .map(|(prediction, example)| -f64::from(prediction.probabilities[example.label].max(1e-30)).ln())
        .sum();
    let count = examples.len().max(1) as f64;
    Score { accuracy: right as f64 / count, loss: loss / count, examples: examples.len() }
}
