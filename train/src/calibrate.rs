//! Calibration: one temperature that all logits are divided by (Guo et al., "On Calibration of
//! Modern Neural Networks", 2017), and the thresholds below which answers are unsure or
//! rejected, both fitted on examples that were held back from training.

use std::array::from_fn;

use glyphic_model::{Glyph, Prediction, Thresholds, glyph::PIXELS};

use crate::{
    augment::{HostAugmenter, MAP, random_maps},
    config::{Augmentation, TrainConfig},
    evaluate::mean_loss,
    example::Example,
    random::{Purpose, rng},
};

/// The lowest and the highest temperature tried.
const RANGE: (f32, f32) = (0.1, 10.0);
/// How often the range is narrowed (by 0.62, on a logarithmic scale).
const ROUNDS: usize = 24;

/// Writers whom training has not seen differ more from each other than those of the held-back examples:
/// these are changed as in training, but this many times as much, ...
const HARDER: f32 = 1.5;
/// ... and this share of them must be accepted, that is, not rejected.
const ACCEPTED: f64 = 0.99;
/// Share of the held-back samples of fine-tuning that must be accepted; a few may have wrong
/// labels.
const ACCEPTED_OF_SAMPLES: f64 = 0.95;
/// Answers are unsure below a confidence if at most this share of them is correct …
const RIGHT_WHEN_UNSURE: f64 = 0.6;
/// … and if they are at most this share of all answers.
const MOST_UNSURE: f64 = 0.01;

/// The held-back examples as by writers who differ more than those of the training data.
pub fn harder(examples: &[Example]) -> Vec<Example> {
    let Augmentation { rotation, scale, shear, shift, elastic, .. } =
        TrainConfig::default().augmentation;
    let [rotation, scale, shear, elastic] =
        [rotation, scale, shear, elastic].map(|range| HARDER * range);
    let ranges = Augmentation { rotation, scale, shear, shift, elastic, unchanged: 0.0 };
    let mut rng = rng(0, Purpose::Calibration, 0);
    let maps = random_maps(&ranges, examples.len(), &mut rng);
    let (maps, _) = maps.as_chunks::<MAP>();
    let augmenter = HostAugmenter::new();
    let changed = |(example, map): (&Example, &[f32; MAP])| {
        let mut ink = [0.0; PIXELS];
        augmenter.apply(example.glyph.pixels(), map, &mut ink);
        Example { glyph: Glyph::new(from_fn(|i| ink[i].round() as u8)), label: example.label }
    };
    examples.iter().zip(maps).map(changed).collect()
}

/// The thresholds, from the predictions for held-back examples. Nothing is rejected unless there are
/// predictions for the [`harder`] ones.
pub fn thresholds(
    predictions: &[Prediction],
    examples: &[Example],
    harder: &[Prediction],
) -> Thresholds {
    let in_distribution = accepting(harder, ACCEPTED).unwrap_or(0.0);
    let mut answers: Vec<(f32, bool)> = predictions
        .iter()
        .zip(examples)
        .map(|(prediction, example)| (prediction.confidence(), prediction.index == example.label))
        .collect();
    answers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let most = (MOST_UNSURE * answers.len() as f64) as usize;
    let (mut right, mut confidence) = (0, 0.0);
    for (i, window) in answers.windows(2).take(most).enumerate() {
        right += usize::from(window[0].1);
        if right as f64 <= RIGHT_WHEN_UNSURE * (i + 1) as f64 {
            confidence = window[1].0;
        }
    }
    Thresholds { in_distribution, confidence }
}

/// The same thresholds, lowered until nearly all of fine-tuning's samples are accepted too: they
/// are fewer, and often more varied, than the examples that the thresholds were fitted on.
pub fn accepting_samples(thresholds: Thresholds, samples: &[Prediction]) -> Thresholds {
    let in_distribution =
        accepting(samples, ACCEPTED_OF_SAMPLES).unwrap_or(thresholds.in_distribution);
    Thresholds { in_distribution: thresholds.in_distribution.min(in_distribution), ..thresholds }
}

/// The highest threshold that accepts this share of the predictions.
fn accepting(predictions: &[Prediction], share: f64) -> Option<f32> {
    let mut in_distribution: Vec<f32> =
        predictions.iter().map(|prediction| prediction.in_distribution).collect();
    in_distribution.sort_by(f32::total_cmp);
    in_distribution.get(((1.0 - share) * in_distribution.len() as f64) as usize).copied()
}

/// The predictions of logits at a temperature.
pub fn tempered(logits: &[Vec<f32>], temperature: f32) -> Vec<Prediction> {
    let scaled = |row: &Vec<f32>| row.iter().map(|logit| logit / temperature).collect::<Vec<_>>();
    logits.iter().map(|row| Prediction::of(&scaled(row))).collect()
}

/// The temperature with the lowest cross entropy on these examples. `logits`
/// are the network's, one row an example.
pub fn temperature(logits: &[Vec<f32>], examples: &[Example]) -> f32 {
    let loss = |ln_temperature: f32| mean_loss(&tempered(logits, ln_temperature.exp()), examples);
    // The loss has one minimum over the temperature: golden-section search.
    let golden = (5f32.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    let inner = |low: f32, high: f32| (high - golden * (high - low), low + golden * (high - low));
    for _ in 0..ROUNDS {
        let (left, right) = inner(low, high);
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    ((low + high) / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use glyphic_model::{Glyph, glyph::PIXELS};

    use super::*;

    /// A thousand predictions with these in-distribution scores and confidences, right or not.
    fn answers(of: impl Fn(usize) -> (f32, f32, bool)) -> (Vec<Prediction>, Vec<Example>) {
        let answer = |i: usize| {
            let (in_distribution, confidence, right) = of(i);
            let mut probabilities = vec![1.0 - confidence; 2];
            probabilities[usize::from(!right)] = confidence;
            Prediction { index: usize::from(!right), probabilities, in_distribution, taught: None }
        };
        let example = Example { glyph: Glyph::new([0; PIXELS]), label: 0 };
        ((0..1000).map(answer).collect(), vec![example; 1000])
    }

    #[test]
    fn nearly_all_held_back_examples_are_accepted() {
        let (predictions, examples) = answers(|i| (i as f32 / 1000.0, 0.99, true));
        let Thresholds { in_distribution, .. } = thresholds(&predictions, &examples, &predictions);
        let lost = predictions.iter().filter(|one| one.in_distribution < in_distribution).count();
        assert_eq!(lost, 10);
        assert_eq!(thresholds(&predictions, &examples, &[]).in_distribution, 0.0);
        // One in twenty samples may be rejected, and never more than before.
        let fitted = Thresholds { in_distribution: 0.9, confidence: 0.5 };
        assert!((accepting_samples(fitted, &predictions).in_distribution - 0.05).abs() < 2e-3);
        assert_eq!(
            accepting_samples(Thresholds { in_distribution: 0.01, ..fitted }, &predictions)
                .in_distribution,
            0.01
        );
        assert_eq!(accepting_samples(fitted, &[]), fitted);
    }

    #[test]
    fn unsure_is_where_many_answers_were_wrong() {
        // The eight least sure: half of them wrong.
        let sure = |i: usize| if i < 8 { 0.5 + i as f32 / 100.0 } else { 0.95 };
        let (predictions, examples) = answers(|i| (1.0, sure(i), i >= 8 || i % 2 == 0));
        let Thresholds { confidence, .. } = thresholds(&predictions, &examples, &[]);
        assert!(confidence > sure(7) && confidence <= 0.95, "{confidence}");
        // Nothing is unsure where nothing was wrong.
        let (predictions, examples) = answers(|i| (1.0, sure(i), true));
        assert_eq!(thresholds(&predictions, &examples, &[]).confidence, 0.0);
    }
}
