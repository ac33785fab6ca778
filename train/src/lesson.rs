//! A lesson: what people taught, varied, with known examples, ordinary drawings and, if
//! the network rejects, what is none of the labels replayed beside it, and what tells afterwards whether the network is better for it.

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
use glyphic_runtime::registry::{Changed, Comparison, Gate, Registry, SampleReading, Tally};
use rand::seq::IndexedRandom;

use crate::{
    batches::{Purpose, rng},
    config::TrainConfig,
    data::{self, Data, Example, samples::Sample},
    drawn::{Shapes, vary::Variation},
    evaluate::{evaluate, probability},
    state::LessonSource,
    trainer::Trainer,
};

/// Shares of the way from the parent to the trained network that are tried.
const SHARES: [f32; 8] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2];
/// Most pictures of a set that are kept among those that changed sides.
const CHANGED: usize = 60;
/// Most cross entropy that one example may add to a mean, in nats: what a
/// probability of a millionth costs.
const MOST_LOSS: f64 = 13.8;

/// A lesson, ready to be learned.
pub struct Lesson {
    /// The checkpoint that training starts from.
    pub parent: Checkpoint,
    /// Taught and replayed examples to train on, the parent's validation
    /// examples and its test set.
    pub data: Data,
    /// How many examples of `data.training`, the first ones, are taught.
    taught: usize,
    /// Whether what is none of the labels is among `data.training`.
    rejects: bool,
    /// What can be drawn of what the parent knows.
    shapes: Shapes,
    samples: Vec<Sample>,
    /// Taught samples that are kept from training.
    pub held_back: Vec<Example>,
}

impl Lesson {
    /// Reads the parent, its data in `path` and the samples, and mixes them. The
    /// same source, config and files give the same lesson.
    pub fn read(
        registry: &Registry,
        source: &LessonSource,
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
        let mut known = data::load(path, config.validation)
            .context("what the checkpoint learned from cannot be replayed")?;
        let mut labels = parent.manifest.labels.clone();
        relabel(&mut known, &labels)?;
        leave_out(&mut known, &samples);
        let to_learn = samples.iter().filter(|sample| !sample.held_back).map(|s| &s.label);
        let new: BTreeSet<String> =
            to_learn.filter(|label| !labels.contains(label)).cloned().collect();
        labels.extend(new);
        // What only held-back samples show cannot be learned, nor be checked.
        samples.retain(|sample| labels.contains(&sample.label));

        let index = |label: &String| labels.iter().position(|known| known == label);
        let example = |sample: &Sample| {
            index(&sample.label).map(|label| Example { glyph: sample.glyph.clone(), label })
        };
        let held_back = samples.iter().filter(|s| s.held_back).filter_map(example).collect();
        let taught_examples = ((source.examples as f64 * source.taught) as usize).max(1);
        let mut training = taught(&samples, taught_examples, config.seed, index);
        let taught = training.len();
        let reader = parent.clone().into_classifier(&Device::flex());
        training.extend(neighbours(&reader, &known.training, &samples, training.len(), index)?);
        let drawings = registry.file(&source.parent, DRAWINGS_FILE)?;
        let drawings = drawings.and_then(|bytes| String::from_utf8(bytes).ok());
        let library = |labels: &[String]| match known.are_named {
            true => Shapes::of(labels),
            // Its labels are numbers that stand for something.
            false => Shapes::nameless(labels.len()),
        };
        let mut shapes = library(&parent.manifest.labels);
        if let Some(text) = &drawings {
            let path = registry.folder(&source.parent).join(DRAWINGS_FILE);
            shapes.add_all(&parent.manifest.labels, data::strokes::parse(text, &path)?);
        }
        training.extend(shapes.to_train_on(taught / 2));
        let rejects = parent.manifest.thresholds.rejects();
        if rejects {
            training.extend(library(&labels).others_to_train_on((taught / 2).max(1)));
        }
        let replayed = source.examples.saturating_sub(training.len());
        training.extend(replay(&known.training, replayed, config.seed));

        let mut record = known.record;
        record.training = training.len();
        record.validation = known.validation.len();
        record.files.push(file_record(&source.samples)?);
        let data = Data { record, labels, training, drawings, ..known };
        Ok(Self { parent, data, taught, rejects, shapes, samples, held_back })
    }

    /// The parent's network with an output for each of the lesson's labels.
    pub fn network(&self) -> Network {
        // `valid` makes it the caller's own: clones would share statistics, and
        // take them along to another device.
        self.parent.network.valid().grow(self.data.labels.len())
    }

    /// A trainer that is held to what the parent says of what it knows.
    pub fn supervise(&self, trainer: Trainer) -> Result<Trainer> {
        trainer.with_teacher(&self.parent.network, self.taught)
    }

    /// What of the trained network is kept: as much of the way from the parent as
    /// loses next to nothing on the validation examples.
    pub fn settle(&self, trained: &Network, device: &Device) -> Result<Network> {
        let right = |network: Network| -> Result<usize> {
            let classifier = Classifier::new(network, self.data.labels.clone(), device);
            let outcome = evaluate(&classifier, &self.data.validation)?;
            Ok(tally(&outcome.predictions, &self.data.validation).right)
        };
        let parent = || self.network().to_device(device);
        let before = right(parent())?;
        let allowed = Gate::default().of_validation(self.data.validation.len());
        let mut best: Option<(usize, Network)> = None;
        for share in SHARES {
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

    /// Whether the network tells what is none of the labels.
    pub fn rejects(&self) -> bool {
        self.rejects
    }

    /// The examples kept from training, of both what is known and what is taught; and,
    /// if the network rejects, ordinary drawings of what is known.
    pub fn all_held_back(&self) -> Vec<Example> {
        let drawn = match self.rejects() {
            true => self.shapes.to_check_on(),
            false => Vec::new(),
        };
        [self.data.validation.as_slice(), &self.held_back, &drawn].concat()
    }

    /// Reads every set with the parent and with the child.
    pub fn compare(&self, child: &Classifier, device: &Device) -> Result<Comparison> {
        let parent = self.parent.clone().into_classifier(device);
        let labels = &self.data.labels;
        let mut changed = Vec::new();
        let mut counts = [0, 0];
        let mut both = |set: &str, examples: &[Example]| -> Result<[Tally; 2]> {
            let before = evaluate(&parent, examples)?.predictions;
            let after = evaluate(child, examples)?.predictions;
            // Those that were lost first: they say more about whether to trust it.
            let mut sides: Vec<Changed> = sides(set, labels, examples, &before, &after).collect();
            sides.sort_by_key(|changed| changed.after == changed.label);
            let lost = sides.iter().filter(|changed| changed.after != changed.label).count();
            counts[0] += sides.len() - lost;
            counts[1] += lost;
            changed.extend(sides.into_iter().take(CHANGED));
            Ok([tally(&before, examples), tally(&after, examples)])
        };
        let known_labels = &labels[..self.parent.manifest.labels.len()];
        let held_back = both("held_back", &self.held_back)?;
        let validation = both("validation", &self.data.validation)?;
        let drawn = both("drawn", &self.shapes.to_check_on())?;
        let [gained, lost] = counts;
        Ok(Comparison {
            parent: self.parent.manifest.id.clone(),
            new_labels: labels[known_labels.len()..].to_vec(),
            trained_on: self.samples.iter().filter(|sample| !sample.held_back).count(),
            held_back,
            validation,
            drawn,
            gained,
            lost,
            changed,
            samples: self.readings(&parent, child)?,
        })
    }

    fn readings(&self, parent: &Classifier, child: &Classifier) -> Result<Vec<SampleReading>> {
        let labels = &self.data.labels;
        let label = |sample: &Sample| labels.iter().position(|l| *l == sample.label).unwrap_or(0);
        let examples: Vec<Example> = self
            .samples
            .iter()
            .map(|sample| Example { glyph: sample.glyph.clone(), label: label(sample) })
            .collect();
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

/// Numbers the examples by the checkpoint's labels and drops those it has none
/// for.
fn relabel(known: &mut Data, labels: &[String]) -> Result<()> {
    let new_index: Vec<Option<usize>> =
        known.labels.iter().map(|label| labels.iter().position(|l| l == label)).collect();
    ensure!(
        new_index.iter().any(Option::is_some),
        "the data to be replayed has the labels {}, the checkpoint {}: give the checkpoint's own \
         data with --data",
        known.labels.join(", "),
        labels.join(", ")
    );
    for set in [&mut known.training, &mut known.validation, &mut known.test] {
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

/// Drops the known examples whose very picture somebody taught: the samples say
/// what those are, or confirm it.
fn leave_out(known: &mut Data, samples: &[Sample]) {
    let taught: HashSet<&[u8]> = samples.iter().map(|s| s.glyph.pixels().as_slice()).collect();
    for set in [&mut known.training, &mut known.validation] {
        set.retain(|example| !taught.contains(example.glyph.pixels().as_slice()));
    }
}

/// About `count` pictures of what is taught: drawings varied stroke by stroke,
/// other pictures as they are. A label's share grows with the root of its
/// samples, so that neither few nor many drown the others.
fn taught(
    samples: &[Sample],
    count: usize,
    seed: u64,
    index: impl Fn(&String) -> Option<usize>,
) -> Vec<Example> {
    let mut of_label: BTreeMap<usize, Vec<&Sample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.held_back) {
        if let Some(label) = index(&sample.label) {
            of_label.entry(label).or_default().push(sample);
        }
    }
    let weight = |samples: &[&Sample]| (samples.len() as f64).sqrt();
    let weights: f64 = of_label.values().map(|samples| weight(samples)).sum();
    let shares = of_label.iter().flat_map(|(&label, samples)| {
        let share = (count as f64 * weight(samples) / weights).ceil() as usize;
        // With more samples than places, which of them are shown is drawn by lot.
        let mut rng = rng(seed, Purpose::Variation, u64::MAX - label as u64);
        let chosen: Vec<&&Sample> = samples.sample(&mut rng, share).collect();
        (0..share).map(move |i| (label, chosen[i % chosen.len()], i < chosen.len()))
    });
    let variation = Variation::default();
    shares
        .zip(0u64..)
        .map(|((label, sample, first), number)| {
            // Each sample itself is among its variations.
            let varied = sample.strokes.as_ref().filter(|_| !first);
            let mut rng = rng(seed, Purpose::Variation, number);
            let glyph = varied.and_then(|strokes| variation.glyph(strokes, &mut rng));
            Example { glyph: glyph.unwrap_or_else(|| sample.glyph.clone()), label }
        })
        .collect()
}

/// Known examples of what the samples were taken for, those first that the
/// parent nearly reads as what the samples are: beside a 1 that looks like a 7
/// stand the 7s that look most like a 1. Without them the network would learn
/// the new shape by giving up the old one.
fn neighbours(
    parent: &Classifier,
    known: &[Example],
    samples: &[Sample],
    count: usize,
    index: impl Fn(&String) -> Option<usize>,
) -> Result<Vec<Example>> {
    let taught: Vec<Example> = samples
        .iter()
        .filter(|sample| !sample.held_back)
        .filter_map(|s| Some(Example { glyph: s.glyph.clone(), label: index(&s.label)? }))
        .collect();
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (prediction, example) in evaluate(parent, &taught)?.predictions.iter().zip(&taught) {
        if prediction.index != example.label {
            *pairs.entry((prediction.index, example.label)).or_default() += 1;
        }
    }
    let mut chosen = Vec::new();
    for (&(taken_for, label), samples) in &pairs {
        let alike: Vec<Example> =
            known.iter().filter(|example| example.label == taken_for).cloned().collect();
        let read = evaluate(parent, &alike)?.predictions;
        let mut order: Vec<usize> = (0..alike.len()).collect();
        let nearness = |i: usize| probability(&read[i], label);
        order.sort_by(|&a, &b| nearness(b).total_cmp(&nearness(a)));
        let share = count * samples / taught.len().max(1);
        chosen.extend(order.iter().take(share).map(|&i| alike[i].clone()));
    }
    Ok(chosen)
}

/// Some of the examples that the parent knows, at random.
fn replay(known: &[Example], count: usize, seed: u64) -> Vec<Example> {
    known.sample(&mut rng(seed, Purpose::Replay, 0), count).cloned().collect()
}

/// The examples that one of the two reads right and the other does not.
fn sides(
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
