//! Measuring a network on examples.

use glyphic_model::{Classifier, Glyph, Prediction, checkpoint::Score, classifier::DeviceFailed};

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

/// Reads all examples with a classifier: the network as it is served.
pub fn evaluate(classifier: &Classifier, examples: &[Example]) -> Result<Outcome, DeviceFailed> {
    let predictions = in_batches(examples, |glyphs| classifier.classify(glyphs))?;
    let score = score(&predictions, examples);
    Ok(Outcome { predictions, score })
}

/// What networks of the same labels say together: the mean of their probabilities.
pub fn vote(voters: &[&Outcome], examples: &[Example]) -> Outcome {
    let share = 1.0 / voters.len() as f32;
    let together = |i: usize| {
        let said = voters.iter().map(|voter| &voter.predictions[i]);
        let mut mean = Prediction { index: 0, probabilities: Vec::new(), in_distribution: 0.0 };
        for one in said {
            mean.probabilities.resize(one.probabilities.len(), 0.0);
            let pairs = mean.probabilities.iter_mut().zip(&one.probabilities);
            pairs.for_each(|(mean, probability)| *mean += share * probability);
            mean.in_distribution += share * one.in_distribution;
        }
        let all = mean.probabilities.iter().enumerate();
        mean.index = all.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index);
        mean
    };
    let predictions: Vec<Prediction> = (0..examples.len()).map(together).collect();
    let score = score(&predictions, examples);
    Outcome { predictions, score }
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
        // A probability that underflowed to 0, or of a label that the network does
        // not have, would make the mean infinite.
        -f64::from(probability(prediction, example.label).max(1e-30)).ln()
    });
    losses.sum::<f64>() / examples.len().max(1) as f64
}

/// What a prediction gives a label: 0 if the network does not have it.
pub fn probability(prediction: &Prediction, label: usize) -> f32 {
    prediction.probabilities.get(label).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glyphic_model::glyph::PIXELS;

    #[test]
    fn a_vote_is_the_mean_of_probabilities() {
        let example = |label| Example { glyph: Glyph::new([0; PIXELS]), label };
        let examples = [example(0), example(1)];
        let says = |rows: [[f32; 2]; 2]| {
            let predictions: Vec<Prediction> = rows
                .map(|row| Prediction {
                    index: usize::from(row[1] > row[0]),
                    probabilities: row.to_vec(),
                    in_distribution: 1.0,
                })
                .into();
            Outcome { score: score(&predictions, &examples), predictions }
        };
        // Surely right, and wrong by little; the other way about for the second example.
        let (first, second) = (says([[0.9, 0.1], [0.6, 0.4]]), says([[0.4, 0.6], [0.1, 0.9]]));
        assert_eq!((first.score.accuracy, second.score.accuracy), (0.5, 0.5));
        let both = vote(&[&first, &second], &examples);
        assert_eq!(both.score.accuracy, 1.0);
        assert!((both.predictions[0].probabilities[0] - 0.65).abs() < 1e-6);
        assert!((both.predictions[0].in_distribution - 1.0).abs() < 1e-6);
    }
}
