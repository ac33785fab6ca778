//! Measuring a network on examples.

use glyphic_model::{Classifier, Glyph, Prediction, backend::DeviceFailed, checkpoint::Score};

use crate::example::Example;

/// Examples a batch in evaluation.
const BATCH: usize = 256;

/// The result on a set of examples.
pub struct Evaluation {
    /// The prediction for each example, in order.
    pub predictions: Vec<Prediction>,
    /// Accuracy and loss.
    pub score: Score,
}

/// Classifies all examples with a network as it is served.
pub fn evaluate(classifier: &Classifier, examples: &[Example]) -> Result<Evaluation, DeviceFailed> {
    let predictions = in_batches(examples, |glyphs| classifier.classify(glyphs))?;
    let score = score(&predictions, examples);
    Ok(Evaluation { predictions, score })
}

/// The logits for all examples, one row each.
pub fn logits(
    classifier: &Classifier,
    examples: &[Example],
) -> Result<Vec<Vec<f32>>, DeviceFailed> {
    in_batches(examples, |glyphs| classifier.logits(glyphs))
}

fn in_batches<T>(
    examples: &[Example],
    read: impl Fn(&[Glyph]) -> Result<Vec<T>, DeviceFailed>,
) -> Result<Vec<T>, DeviceFailed> {
    let mut answers = Vec::with_capacity(examples.len());
    for batch in examples.chunks(BATCH) {
        let glyphs: Vec<Glyph> = batch.iter().map(|example| example.glyph.clone()).collect();
        answers.extend(read(&glyphs)?);
    }
    Ok(answers)
}

fn score(predictions: &[Prediction], examples: &[Example]) -> Score {
    let pairs = predictions.iter().zip(examples);
    let right = pairs.filter(|(prediction, example)| prediction.index == example.label).count();
    Score {
        accuracy: right as f64 / examples.len().max(1) as f64,
        loss: mean_loss(predictions, examples),
        examples: examples.len(),
    }
}

/// Mean cross entropy in nats.
pub fn mean_loss(predictions: &[Prediction], examples: &[Example]) -> f64 {
    let losses = predictions.iter().zip(examples).map(|(prediction, example)| {
        // A probability of 0, by underflow or because the network does not have the label,
        // would make the mean infinite.
        -f64::from(probability(prediction, example.label).max(1e-30)).ln()
    });
    losses.sum::<f64>() / examples.len().max(1) as f64
}

/// The probability that a prediction gives a label: 0 if the network does not have it.
pub fn probability(prediction: &Prediction, label: usize) -> f32 {
    prediction.probabilities.get(label).copied().unwrap_or(0.0)
}
