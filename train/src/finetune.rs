//! Fine-tuning: what a run that continues from a checkpoint trains on, and how its result
//! compares with that checkpoint.
//!
//! It trains on the new samples and their variations. So that the network does not forget, it
//! also trains on examples of the parent's own data, on synthetic ones and, if the parent
//! rejects, on negatives; and the parent is the teacher for all of these.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use burn::{module::Module, tensor::Device};
use glyphic_model::{
    Classifier, Glyph, Prediction,
    checkpoint::{Checkpoint, DRAWINGS_FILE, FileRecord, Manifest, sha256},
    network::Network,
};
use glyphic_runtime::{
    registry::{Changed, Comparison, PromotionPolicy, Registry, SampleReading, Tally},
    text,
};

use crate::{
    config::TrainConfig,
    data::{self, Data, samples::LabelledSample},
    evaluate::{evaluate, probability},
    example::Example,
    mixture::{Ingredients, examples_of},
    state::FineTuningSource,
    synthetic::Generator,
    trainer::Trainer,
};

/// Shares of the way from the parent to the trained network that are tried as the result.
const BLENDS: [f32; 8] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2];
/// Most pictures of a set that are kept of those that only one of the two reads correctly.
const CHANGED: usize = 60;
/// The name of the set of samples that were held back.
const HELD_BACK: &str = "held_back";
/// Most cross entropy that one example may add to a mean, in nats: that of a probability of
/// one in a million.
const MOST_LOSS: f64 = 13.8;

/// The examples of a fine-tuning run, and what it is compared by.
pub struct FineTuning {
    /// The checkpoint that training starts from.
    pub parent: Checkpoint,
    /// Examples to train on, the parent's validation examples and its test set.
    pub data: Data,
    /// How many examples of `data.training`, the first ones, are samples that count and their
    /// variations.
    from_samples: usize,
    /// Whether there are negatives among `data.training`.
    rejects: bool,
    /// Makes synthetic examples of the parent's labels.
    generator: Generator,
    samples: Vec<LabelledSample>,
    /// What the first checkpoint of the parent's chain of fine-tunings read of the validation examples.
    first: Option<Tally>,
    /// Samples that are held back from training, of those that count.
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
        let mut samples = data::samples::read(&source.samples, parent.manifest.pictures)?;
        ensure!(
            samples.iter().any(|sample| !sample.held_back && sample.counts),
            "{} has no labelled sample to train on that somebody vouches for",
            source.samples.display()
        );
        let mut own = data::load(path, parent.manifest.pictures, config.validation)
            .context("the checkpoint's own data cannot be replayed")?;
        relabel(&mut own, &parent.manifest.labels)?;
        remove_samples(&mut own, &mut samples);
        let labels = with_new_labels(&parent.manifest.labels, &samples);
        // A label that only held-back samples have, or such as nobody vouches for, is not trained, so
        // it cannot be measured.
        samples.retain(|sample| labels.contains(&sample.label));
        let held_back = samples.iter().filter(|sample| sample.held_back && sample.counts);
        let held_back = examples_of(held_back, &labels)?;

        let (generator, drawings) = generator_of(registry, &parent.manifest, own.are_named)?;
        let ingredients = Ingredients {
            parent: &parent,
            own: &own,
            samples: &samples,
            labels: &labels,
            generator: &generator,
        };
        let (training, from_samples) = ingredients.mixed(source, config.seed)?;

        let mut record = own.record;
        record.training = training.len();
        record.validation = own.validation.len();
        record.files.push(file_record(&source.samples)?);
        let data = Data { record, labels, training, drawings, ..own };
        let rejects = parent.manifest.thresholds.rejects();
        let first = registry.comparison(&source.parent)?.map(|comparison| comparison.of_first());
        Ok(Self { parent, data, from_samples, rejects, generator, samples, first, held_back })
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
    /// examples, and the accuracy of the first of the parent's chain, but for what the policy allows to
    /// lose; if none does, the most accurate one.
    pub fn choose_blend(&self, trained: &Network, device: &Device) -> Result<Network> {
        let right = |network: Network| -> Result<usize> {
            let classifier = Classifier::new(network, self.data.labels.clone(), device);
            let evaluation = evaluate(&classifier, &self.data.validation)?;
            Ok(tally(&evaluation.predictions, &self.data.validation).right)
        };
        let parent = || self.network().to_device(device);
        let before = right(parent())?;
        let (policy, of) = (PromotionPolicy::default(), self.data.validation.len());
        let of_first = self.first.map_or(0, |first| policy.least_of_chain(first, of));
        let least = before.saturating_sub(policy.of_validation(of)).max(of_first);
        let mut best: Option<(usize, Network)> = None;
        for share in BLENDS {
            let network = parent().blend(trained, share);
            let after = right(network.clone())?;
            if best.as_ref().is_none_or(|(most, _)| after > *most) {
                best = Some((after, network));
            }
            if after >= least {
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
            // Samples are not copied: a checkpoint lasts longer than they may. Their readings name
            // them.
            if set != HELD_BACK {
                changed.extend(pictures.into_iter().take(CHANGED));
            }
            Ok([tally(&before, examples), tally(&after, examples)])
        };
        let held_back = both(HELD_BACK, &self.held_back)?;
        let validation = both("validation", &self.data.validation)?;
        let synthetic = both("synthetic", &self.generator.held_back())?;
        Ok(Comparison {
            parent: self.parent.manifest.id.clone(),
            first: self.first,
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

/// The parent's labels, then those that only samples to train on have which count, in alphabetical
/// order.
fn with_new_labels(labels: &[String], samples: &[LabelledSample]) -> Vec<String> {
    let to_learn = samples.iter().filter(|sample| !sample.held_back && sample.counts);
    let to_learn = to_learn.map(|sample| &sample.label);
    let new: BTreeSet<&String> = to_learn.filter(|label| !labels.contains(label)).collect();
    labels.iter().chain(new).cloned().collect()
}

/// A generator of the parent's labels, with the drawings of further symbols that the parent was
/// trained on, and the text of these drawings.
fn generator_of(
    registry: &Registry,
    parent: &Manifest,
    are_named: bool,
) -> Result<(Generator, Option<String>)> {
    let mut generator = data::generator(&parent.labels, are_named);
    let drawings = registry.file(&parent.id, DRAWINGS_FILE)?;
    let path = registry.folder(&parent.id).join(DRAWINGS_FILE);
    let drawings = drawings.map(|bytes| text::text(&bytes).map(str::to_owned)).transpose();
    let drawings = drawings.with_context(|| path.display().to_string())?;
    if let Some(text) = &drawings {
        let drawings = data::strokes::parse(text, &path)?;
        generator.add_all(&parent.labels, data::strokes::by_label(drawings));
    }
    Ok((generator, drawings))
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

/// Drops the examples whose very picture is among the samples, because the sample may correct its
/// label. A sample that does not count corrects nothing: it is dropped itself.
fn remove_samples(own: &mut Data, samples: &mut Vec<LabelledSample>) {
    let pictures = |counting: bool| -> HashSet<Glyph> {
        let samples = samples.iter().filter(|sample| sample.counts == counting);
        samples.map(|sample| sample.glyph.clone()).collect()
    };
    let (corrected, others) = (pictures(true), pictures(false));
    for set in [&mut own.training, &mut own.validation] {
        set.retain(|example| !corrected.contains(&example.glyph));
    }
    let sets = [&own.training, &own.validation, &own.test];
    let examples = sets.into_iter().flatten().map(|example| &example.glyph);
    let known: HashSet<&Glyph> = examples.filter(|glyph| others.contains(*glyph)).collect();
    samples.retain(|sample| sample.counts || !known.contains(&sample.glyph));
}

/// The examples that only one of the two reads correctly.
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
