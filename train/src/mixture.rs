//! The examples that fine-tuning trains on: the samples and their variations, examples of the
//! parent's own data, synthetic ones and, if the parent rejects, negatives.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use burn::tensor::Device;
use glyphic_model::{Classifier, checkpoint::Checkpoint};
use rand::seq::IndexedRandom;

use crate::{
    data::{self, Data, samples::LabelledSample},
    evaluate::{evaluate, probability},
    example::Example,
    random::{Purpose, rng},
    state::FineTuningSource,
    synthetic::{Generator, vary::Variation},
};

/// Weight of a sample that does not count, beside 1 for one that does.
const UNCONFIRMED: f64 = 0.5;
/// The largest part of the examples of samples that may be of samples that do not count.
const MOST_UNCONFIRMED: f64 = 0.25;

/// What the examples to train on are made of.
pub(crate) struct Ingredients<'a> {
    /// The checkpoint that training starts from.
    pub(crate) parent: &'a Checkpoint,
    /// The parent's own data, without the samples.
    pub(crate) own: &'a Data,
    /// All samples, also those that are held back.
    pub(crate) samples: &'a [LabelledSample],
    /// The parent's labels, then the new ones.
    pub(crate) labels: &'a [String],
    /// Makes synthetic examples of the parent's labels.
    pub(crate) generator: &'a Generator,
}

impl Ingredients<'_> {
    /// The examples to train on, and how many of them, the first ones, are samples that count and
    /// their variations.
    pub(crate) fn mixed(
        &self,
        source: &FineTuningSource,
        seed: u64,
    ) -> Result<(Vec<Example>, usize)> {
        let (counting, others) = (self.to_learn(true)?, self.to_learn(false)?);
        let count = ((source.examples as f64 * source.sample_share) as usize).max(1);
        let of_others = unconfirmed(&counting, &others, count);
        let mut training = variations(&counting, count - of_others, seed);
        let from_samples = training.len();
        // The parent is the teacher for these, as for all but the first: a label that it does not
        // believe at all is learned less.
        training.extend(variations(&others, of_others, !seed));
        let reader = self.parent.clone().into_classifier(&Device::flex());
        let learned: Vec<Example> = counting.into_iter().map(|(example, _)| example).collect();
        training.extend(confusable(&reader, &self.own.training, &learned, from_samples)?);
        training.extend(self.generator.training(from_samples / 2));
        if self.parent.manifest.thresholds.rejects() {
            // Of all labels, the new ones too: a letter that is a label now is no negative.
            let generator = data::generator(self.labels, self.own.are_named);
            training.extend(generator.training_negatives((from_samples / 2).max(1)));
        }
        let replayed = source.examples.saturating_sub(training.len());
        training.extend(replay(&self.own.training, replayed, seed));
        Ok((training, from_samples))
    }

    /// The samples to train on that count, or those that do not, as examples.
    fn to_learn(&self, counting: bool) -> Result<Vec<(Example, &LabelledSample)>> {
        let samples = self.samples.iter();
        let samples: Vec<&LabelledSample> =
            samples.filter(|sample| !sample.held_back && sample.counts == counting).collect();
        let examples = examples_of(samples.iter().copied(), self.labels)?;
        Ok(examples.into_iter().zip(samples).collect())
    }
}

/// How many of `count` examples of samples are of those that do not count: by their weight, and never
/// more than a quarter.
fn unconfirmed(
    counting: &[(Example, &LabelledSample)],
    others: &[(Example, &LabelledSample)],
    count: usize,
) -> usize {
    let weight = |samples: &[(Example, &LabelledSample)]| {
        let mut of_label: BTreeMap<usize, f64> = BTreeMap::new();
        for (example, _) in samples {
            *of_label.entry(example.label).or_default() += 1.0;
        }
        of_label.values().map(|samples| samples.sqrt()).sum::<f64>()
    };
    let others = UNCONFIRMED * weight(others);
    let share = others / (weight(counting) + others).max(f64::MIN_POSITIVE);
    (count as f64 * share.min(MOST_UNCONFIRMED)) as usize
}

/// The samples as examples, in order.
///
/// # Errors
/// The label of one is not among `labels`. It must not be taken for any of them.
pub(crate) fn examples_of<'a>(
    samples: impl IntoIterator<Item = &'a LabelledSample>,
    labels: &[String],
) -> Result<Vec<Example>> {
    let example = |sample: &'a LabelledSample| {
        let label = labels.iter().position(|label| *label == sample.label).with_context(|| {
            format!(
                "the sample '{}' has the label '{}', which is not among {}",
                sample.id,
                sample.label,
                labels.join(", ")
            )
        })?;
        Ok(Example { glyph: sample.glyph.clone(), label })
    };
    samples.into_iter().map(example).collect()
}

/// About `count` examples from the samples: drawings varied stroke by stroke, other pictures as
/// they are. A label's share grows with the square root of its samples, so that a label with
/// few samples is learned too, and one with many still has more.
fn variations(samples: &[(Example, &LabelledSample)], count: usize, seed: u64) -> Vec<Example> {
    let mut of_label: BTreeMap<usize, Vec<&LabelledSample>> = BTreeMap::new();
    for (example, sample) in samples {
        of_label.entry(example.label).or_default().push(*sample);
    }
    let weight = |samples: &[&LabelledSample]| (samples.len() as f64).sqrt();
    let weights: f64 = of_label.values().map(|samples| weight(samples)).sum();
    let shares = of_label.iter().flat_map(|(&label, samples)| {
        let share = (count as f64 * weight(samples) / weights).ceil() as usize;
        // A random selection, if there are more samples than places.
        let mut rng = rng(seed, Purpose::Variation, u64::MAX - label as u64);
        let chosen: Vec<&&LabelledSample> = samples.sample(&mut rng, share).collect();
        (0..share).map(move |i| (label, chosen[i % chosen.len()], i < chosen.len()))
    });
    let variation = Variation::default();
    shares
        .zip(0u64..)
        .map(|((label, sample, first), number)| {
            // Each sample appears unchanged once.
            let varied = sample.strokes.as_ref().filter(|_| !first);
            let mut rng = rng(seed, Purpose::Variation, number);
            let glyph = varied.and_then(|strokes| variation.glyph(strokes, &mut rng));
            Example { glyph: glyph.unwrap_or_else(|| sample.glyph.clone()), label }
        })
        .collect()
}

/// Examples of the labels that the parent took samples for, about `count` at most. First come
/// those to which the parent gives the highest probability of the sample's label: if a sample
/// is a 1 that looks like a 7, these are the 7s that look most like a 1. Without them the
/// network would learn the new form of the 1 by unlearning such 7s.
fn confusable(
    parent: &Classifier,
    own: &[Example],
    samples: &[Example],
    count: usize,
) -> Result<Vec<Example>> {
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (prediction, sample) in evaluate(parent, samples)?.predictions.iter().zip(samples) {
        if prediction.index != sample.label {
            *pairs.entry((prediction.index, sample.label)).or_default() += 1;
        }
    }
    let mut chosen = Vec::new();
    for (&(taken_for, label), misread) in &pairs {
        let alike: Vec<Example> =
            own.iter().filter(|example| example.label == taken_for).cloned().collect();
        let read = evaluate(parent, &alike)?.predictions;
        let mut order: Vec<usize> = (0..alike.len()).collect();
        let nearness = |i: usize| probability(&read[i], label);
        order.sort_by(|&a, &b| nearness(b).total_cmp(&nearness(a)));
        let share = count * misread / samples.len().max(1);
        chosen.extend(order.iter().take(share).map(|&i| alike[i].clone()));
    }
    Ok(chosen)
}

/// A random selection of the parent's own examples.
fn replay(own: &[Example], count: usize, seed: u64) -> Vec<Example> {
    own.sample(&mut rng(seed, Purpose::Replay, 0), count).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_model::{Glyph, glyph::PIXELS};

    use super::*;

    #[test]
    fn rejects_a_label_that_the_network_does_not_have() {
        let sample = |label: &str| LabelledSample {
            id: "a".to_owned(),
            label: label.to_owned(),
            held_back: false,
            counts: true,
            glyph: Glyph::new([9; PIXELS]),
            strokes: None,
        };
        let labels = ["plus".to_owned(), "ring".to_owned()];
        assert_eq!(examples_of([&sample("ring")], &labels).unwrap()[0].label, 1);
        let error = examples_of([&sample("hook")], &labels).unwrap_err().to_string();
        assert!(error.contains("'hook', which is not among plus, ring"), "{error}");
    }

    #[test]
    fn what_nobody_vouches_for_is_a_quarter_of_what_is_learned_at_most() {
        let sample = |counts| LabelledSample {
            id: "a".to_owned(),
            label: "7".to_owned(),
            held_back: false,
            counts,
            glyph: Glyph::new([9; PIXELS]),
            strokes: None,
        };
        let (own, other) = (sample(true), sample(false));
        let many = |sample, count: usize| -> Vec<(Example, &LabelledSample)> {
            let example = Example { glyph: Glyph::new([9; PIXELS]), label: 7 };
            vec![(example, sample); count]
        };
        let of = |counting, others| unconfirmed(&many(&own, counting), &many(&other, others), 2100);
        assert_eq!(of(100, 0), 0);
        assert_eq!(of(0, 100), 525);
        assert_eq!(of(100, 10_000), 525);
        // One in four has half of the weight: √25 / 2 beside √100.
        assert_eq!(of(100, 25), 420);
        assert!(variations(&many(&other, 0), 0, 1).is_empty());
    }
}
