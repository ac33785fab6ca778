//! Fine-tuning: what a run that continues from a checkpoint trains on, and how its result
//! compares with that checkpoint.
//!
//! It trains on the new samples and their variations. So that the network does not forget, it
//! also trains on examples of the parent's own data, on synthetic ones and, if the parent
//! rejects, on negatives; and the parent is the teacher for all of these.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use burn::{module::Module, tensor::Device};
use glyphic_model::{
    Classifier, Prediction,
    checkpoint::{Checkpoint, DRAWINGS_FILE, FileRecord, sha256},
    network::Network,
};
use glyphic_runtime::registry::{
    Changed, Comparison, PromotionPolicy, Registry, SampleReading, Tally,
};
use rand::seq::IndexedRandom;

use crate::{
    config::TrainConfig,
    data::{self, Data, samples::LabelledSample},
    evaluate::{evaluate, probability},
    example::Example,
    random::{Purpose, rng},
    state::FineTuningSource,
    synthetic::{Generator, vary::Variation},
    trainer::Trainer,
};

/// Shares of the way from the parent to the trained network that are tried as the result.
const BLENDS: [f32; 8] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2];
/// Most pictures of a set that are kept of those that only one of the two reads right.
const CHANGED: usize = 60;
/// Most cross entropy that one example may add to a mean, in nats: that of a probability of
/// one in a million.
const MOST_LOSS: f64 = 13.8;

/// The examples of a fine-tuning run, and what it is compared by.
pub struct FineTuning {
    /// The checkpoint that training starts from.
    pub parent: Checkpoint,
    /// Examples to train on, the parent's validation examples and its test set.
    pub data: Data,
    /// How many examples of `data.training`, the first ones, are samples and their variations.
    from_samples: usize,
    /// Whether there are negatives among `data.training`.
    rejects: bool,
    /// Makes synthetic examples of the parent's labels.
    generator: Generator,
    samples: Vec<LabelledSample>,
    /// Samples that are held back from training.
    pub held_back: Vec<Example>,
}

impl FineTuning {
    /// Reads the parent, its own data in `path` and the samples, and mixes them. The
    /// same source, config and files give the same examples.
    pub fn read(
        registry: &Registry,
        source: &FineTuningSource,
        config: &TrainConfig,
        path: &Path,
    ) -> Result<Self> {
        let parent = registry.load(&source.parent, &Device::flex())?;
        let mut samples = data::samples::read(&source.samples)?;
        ensure!(
            samples.iter().any(|sample| !sample.held_back),
            "{} has no labelled sample to train on",
            source.samples.display()
        );
        let mut own = data::load(path, config.validation)
            .context("the checkpoint's own data cannot be replayed")?;
        let parent_labels = &parent.manifest.labels;
        relabel(&mut own, parent_labels)?;
        remove_samples(&mut own, &samples);
        let mut labels = parent_labels.clone();
        let to_learn = samples.iter().filter(|sample| !sample.held_back).map(|s| &s.label);
        let new: BTreeSet<String> =
            to_learn.filter(|label| !labels.contains(label)).cloned().collect();
        labels.extend(new);
        // A label that only held-back samples have is not trained, so it cannot be measured.
        samples.retain(|sample| labels.contains(&sample.label));

        let (held_back, to_learn): (Vec<&LabelledSample>, Vec<&LabelledSample>) =
            samples.iter().partition(|sample| sample.held_back);
        let held_back = examples_of(held_back, &labels)?;
        let to_learn = examples_of(to_learn, &labels)?
            .into_iter()
            .zip(samples.iter().filter(|sample| !sample.held_back))
            .collect::<Vec<_>>();
        let count = ((source.examples as f64 * source.sample_share) as usize).max(1);
        let mut training = variations(&to_learn, count, config.seed);
        let from_samples = training.len();
        let reader = parent.clone().into_classifier(&Device::flex());
        let learned: Vec<Example> = to_learn.into_iter().map(|(example, _)| example).collect();
        training.extend(confusable(&reader, &own.training, &learned, from_samples)?);
        let drawings = registry.file(&source.parent, DRAWINGS_FILE)?;
        let drawings = drawings.and_then(|bytes| String::from_utf8(bytes).ok());
        let mut generator = data::generator(parent_labels, own.are_named);
        if let Some(text) = &drawings {
            let path = registry.folder(&source.parent).join(DRAWINGS_FILE);
            let drawings = data::strokes::parse(text, &path)?;
            generator.add_all(parent_labels, data::strokes::by_label(drawings));
        }
        training.extend(generator.training(from_samples / 2));
        let rejects = parent.manifest.thresholds.rejects();
        if rejects {
            // Of all labels, the new ones too: a letter that is a label now is no negative.
            let generator = data::generator(&labels, own.are_named);
            training.extend(generator.training_negatives((from_samples / 2).max(1)));
        }
        let replayed = source.examples.saturating_sub(training.len());
        training.extend(replay(&own.training, replayed, config.seed));

        let mut record = own.record;
        record.training = training.len();
        record.validation = own.validation.len();
        record.files.push(file_record(&source.samples)?);
        let data = Data { record, labels, training, drawings, ..own };
        Ok(Self { parent, data, from_samples, rejects, generator, samples, held_back })
    }

    /// The parent's network with an output for each of the labels, the new ones too.
    pub fn network(&self) -> Network {
        // `valid` makes a copy of its own: plain clones share their statistics, and would move
        // the parent's to another device.
        self.parent.network.valid().grow(self.data.labels.len())
    }

    /// Makes the parent the trainer's teacher for all examples but those of the samples.
    pub fn supervise(&self, trainer: Trainer) -> Result<Trainer> {
        trainer.with_teacher(&self.parent.network, self.from_samples)
    }

    /// Chooses the blend of the parent's and the trained weights that becomes the result: the
    /// one nearest to the trained network that keeps the parent's accuracy on the validation
    /// examples, but for what the policy allows to lose; if none does, the most accurate one.
    pub fn choose_blend(&self, trained: &Network, device: &Device) -> Result<Network> {
        let right = |network: Network| -> Result<usize> {
            let classifier = Classifier::new(network, self.data.labels.clone(), device);
            let evaluation = evaluate(&classifier, &self.data.validation)?;
            Ok(tally(&evaluation.predictions, &self.data.validation).right)
        };
        let parent = || self.network().to_device(device);
        let before = right(parent())?;
        let allowed = PromotionPolicy::default().of_validation(self.data.validation.len());
        let mut best: Option<(usize, Network)> = None;
        for share in BLENDS {
            let network = parent().blend(trained, share);
            let after = right(network.clone())?;
            if best.as_ref().is_none_or(|(most, _)| after > *most) {
                best = Some((after, network));
            }
            if after + allowed >= before {
                break;
            }
        }
        Ok(best.map_or_else(parent, |(_, network)| network))
    }

    /// Whether the network is trained to reject negatives.
    pub fn rejects(&self) -> bool {
        self.rejects
    }

    /// All examples held back from training: of the parent's own data, of the samples and, if
    /// the network rejects, synthetic ones of the parent's labels.
    pub fn all_held_back(&self) -> Vec<Example> {
        let synthetic = match self.rejects() {
            true => self.generator.held_back(),
            false => Vec::new(),
        };
        [self.data.validation.as_slice(), &self.held_back, &synthetic].concat()
    }

    /// Evaluates the parent and the child on every set.
    pub fn compare(&self, child: &Classifier, device: &Device) -> Result<Comparison> {
        let parent = self.parent.clone().into_classifier(device);
        let labels = &self.data.labels;
        let mut changed = Vec::new();
        let (mut all_gained, mut all_lost) = (0, 0);
        let mut both = |set: &str, examples: &[Example]| -> Result<[Tally; 2]> {
            let before = evaluate(&parent, examples)?.predictions;
            let after = evaluate(child, examples)?.predictions;
            // The lost ones first: they matter most for whether to trust the child.
            let mut pictures: Vec<Changed> =
                changes(set, labels, examples, &before, &after).collect();
            pictures.sort_by_key(|changed| changed.after == changed.label);
            let lost = pictures.iter().filter(|changed| changed.after != changed.label).count();
            all_gained += pictures.len() - lost;
            all_lost += lost;
            changed.extend(pictures.into_iter().take(CHANGED));
            Ok([tally(&before, examples), tally(&after, examples)])
        };
        let held_back = both("held_back", &self.held_back)?;
        let validation = both("validation", &self.data.validation)?;
        let synthetic = both("synthetic", &self.generator.held_back())?;
        Ok(Comparison {
            parent: self.parent.manifest.id.clone(),
            new_labels: labels[self.parent.manifest.labels.len()..].to_vec(),
            trained_on: self.samples.iter().filter(|sample| !sample.held_back).count(),
            held_back,
            validation,
            synthetic,
            gained: all_gained,
            lost: all_lost,
            changed,
            samples: self.readings(&parent, child)?,
        })
    }

    fn readings(&self, parent: &Classifier, child: &Classifier) -> Result<Vec<SampleReading>> {
        let labels = &self.data.labels;
        let examples = examples_of(&self.samples, labels)?;
        let before = evaluate(parent, &examples)?.predictions;
        let after = evaluate(child, &examples)?.predictions;
        let read = self.samples.iter().zip(&examples).zip(before.iter().zip(&after));
        Ok(read
            .map(|((sample, example), (before, after))| SampleReading {
                id: sample.id.clone(),
                label: sample.label.clone(),
                held_back: sample.held_back,
                before: labels[before.index].clone(),
                after: labels[after.index].clone(),
                confidence: probability(after, example.label),
            })
            .collect())
    }
}

/// The samples as examples, in order.
///
/// # Errors
/// The label of one is not among `labels`. It must not be taken for any of them.
fn examples_of<'a>(
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

/// Renumbers the examples by the checkpoint's labels and drops those with other labels.
fn relabel(own: &mut Data, labels: &[String]) -> Result<()> {
    let new_index: Vec<Option<usize>> =
        own.labels.iter().map(|label| labels.iter().position(|l| l == label)).collect();
    ensure!(
        new_index.iter().any(Option::is_some),
        "the data to be replayed has the labels {}, the checkpoint has {}: give the checkpoint's \
         own data with --data",
        own.labels.join(", "),
        labels.join(", ")
    );
    for set in [&mut own.training, &mut own.validation, &mut own.test] {
        set.retain_mut(|example| match new_index[example.label] {
            Some(label) => {
                example.label = label;
                true
            }
            None => false,
        });
    }
    Ok(())
}

/// Drops the examples whose very picture is among the samples: the sample may correct its
/// label.
fn remove_samples(own: &mut Data, samples: &[LabelledSample]) {
    let pictures: HashSet<&[u8]> = samples.iter().map(|s| s.glyph.pixels().as_slice()).collect();
    for set in [&mut own.training, &mut own.validation] {
        set.retain(|example| !pictures.contains(example.glyph.pixels().as_slice()));
    }
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

/// The examples that only one of the two reads right.
fn changes(
    set: &str,
    labels: &[String],
    examples: &[Example],
    before: &[Prediction],
    after: &[Prediction],
) -> impl Iterator<Item = Changed> {
    examples.iter().zip(before.iter().zip(after)).filter_map(move |(example, (before, after))| {
        let right = [before, after].map(|prediction| prediction.index == example.label);
        (right[0] != right[1]).then(|| Changed {
            set: set.to_owned(),
            label: labels[example.label].clone(),
            before: labels[before.index].clone(),
            after: labels[after.index].clone(),
            glyph: STANDARD.encode(example.glyph.pixels()),
        })
    })
}

fn tally(predictions: &[Prediction], examples: &[Example]) -> Tally {
    let pairs = || predictions.iter().zip(examples);
    let losses = pairs().map(|(prediction, example)| {
        (-f64::from(probability(prediction, example.label)).ln()).min(MOST_LOSS)
    });
    let of = examples.len();
    Tally {
        right: pairs().filter(|(prediction, example)| prediction.index == example.label).count(),
        of,
        loss: losses.sum::<f64>() / of.max(1) as f64,
    }
}

fn file_record(path: &Path) -> Result<FileRecord> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(FileRecord { name, sha256: sha256(&bytes) })
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
            glyph: Glyph::new([9; PIXELS]),
            strokes: None,
        };
        let labels = ["plus".to_owned(), "ring".to_owned()];
        assert_eq!(examples_of([&sample("ring")], &labels).unwrap()[0].label, 1);
        let error = examples_of([&sample("hook")], &labels).unwrap_err().to_string();
        assert!(error.contains("'hook', which is not among plus, ring"), "{error}");
    }
}
