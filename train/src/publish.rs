//! The end of a run: its network is calibrated, measured on the test set, once, and published.

use anyhow::Result;
use burn::tensor::Device;
use glyphic_model::{
    Classifier,
    checkpoint::{CARD_FILE, DRAWINGS_FILE, DatasetRecord, Manifest, Metrics, REPORT_FILE},
    network::Network,
};
use glyphic_runtime::registry::{COMPARISON_FILE, Comparison, Draft, Registry};

use crate::{
    calibrate::{accepting_samples, harder, temperature, tempered, thresholds},
    card::{Card, Measured},
    data::Data,
    environment,
    evaluate::{Evaluation, evaluate, logits},
    example::Example,
    finetune::FineTuning,
    progress::RunProgress,
    report,
    state::{POOL_EPOCHS, Position},
    synthetic::Generator,
    tensorboard,
};

/// A run that has taken its last step.
pub(crate) struct FinishedRun<'a> {
    /// Its id, which the checkpoint gets.
    pub(crate) id: &'a str,
    /// Where the checkpoint is published.
    pub(crate) registry: &'a Registry,
    /// What it was trained on and is measured on.
    pub(crate) data: &'a Data,
    /// The examples and measurements of fine-tuning, if the run began from a checkpoint.
    pub(crate) fine_tuning: Option<&'a FineTuning>,
    /// Its settings and its epochs.
    pub(crate) position: &'a Position,
    /// The device that computes.
    pub(crate) device: &'a Device,
    /// Where a wait for a GPU is shown.
    pub(crate) progress: &'a RunProgress,
}

/// What was measured of the calibrated network.
struct Measurements {
    metrics: Metrics,
    card: Card,
    evaluation: Evaluation,
    /// The comparison with the parent, if it was fine-tuned.
    comparison: Option<Comparison>,
}

impl FinishedRun<'_> {
    /// Fits the temperature and the thresholds, measures on the test set, once, and publishes the
    /// checkpoint.
    pub(crate) fn publish(&self, trained: &Network) -> Result<Manifest> {
        let network = match self.fine_tuning {
            Some(fine_tuning) => &fine_tuning.choose_blend(trained, self.device)?,
            None => trained,
        };
        let (classifier, temperature) = self.calibrated(network)?;
        let measured = self.measure(&classifier)?;
        let files = self.files(&measured)?;
        let position = self.position;
        let manifest = self.registry.publish(Draft {
            id: self.id.to_owned(),
            created: environment::now(),
            network_config: position.network.clone(),
            network,
            labels: self.data.labels.clone(),
            pictures: position.config.pictures,
            temperature,
            thresholds: classifier.thresholds(),
            training: self.recipe()?,
            datasets: self.datasets(),
            metrics: measured.metrics,
            epochs: &position.epochs,
            parent: measured.comparison.map(|Comparison { parent, .. }| parent),
            git_revision: position.git_revision.clone(),
            files,
        })?;
        Ok(manifest)
    }

    /// The settings, and the losses of the first steps.
    fn recipe(&self) -> Result<serde_json::Value> {
        let mut recipe = serde_json::to_value(&self.position.config)?;
        recipe["opening"] = serde_json::to_value(&self.position.opening)?;
        Ok(recipe)
    }

    /// The network as it will be served, and its temperature. That and the thresholds are fitted
    /// on the examples held back from training.
    fn calibrated(&self, network: &Network) -> Result<(Classifier, f32)> {
        let labels = self.data.labels.clone();
        let classifier = Classifier::new(network.clone(), labels, self.device);
        let held_back = self.held_back();
        let harder = if self.rejects() { harder(&held_back) } else { Vec::new() };
        let waiting = self.progress.waiting();
        let said = logits(&classifier, &held_back)?;
        let said_of_harder = logits(&classifier, &harder)?;
        drop(waiting);
        let temperature = temperature(&said, &held_back);
        let predictions = tempered(&said, temperature);
        let of_harder = tempered(&said_of_harder, temperature);
        let mut thresholds = thresholds(&predictions, &held_back, &of_harder);
        let classifier = classifier.with_temperature(temperature);
        if let Some(fine_tuning) = self.fine_tuning {
            let samples = evaluate(&classifier, &fine_tuning.held_back)?.predictions;
            thresholds = accepting_samples(thresholds, &samples);
        }
        Ok((classifier.with_thresholds(thresholds), temperature))
    }

    fn measure(&self, classifier: &Classifier) -> Result<Measurements> {
        let validation = evaluate(classifier, &self.data.validation)?;
        let compare = |fine_tuning: &FineTuning| fine_tuning.compare(classifier, self.device);
        let comparison = self.fine_tuning.map(compare).transpose()?;
        let measured = Measured {
            id: self.id,
            data: &self.position.dataset.name,
            created: environment::now(),
            examples: self.examples(),
            negatives: &self.negatives(),
        };
        let (card, evaluation) = Card::measure(classifier, measured)?;
        let metrics = Metrics {
            epochs: self.position.epochs.len(),
            seconds: self.position.seconds,
            validation: validation.score,
            test: self.has_test_set().then_some(evaluation.score),
        };
        Ok(Measurements { metrics, card, evaluation, comparison })
    }

    /// The checkpoint's files beside the manifest, the weights and the epochs.
    fn files(&self, measured: &Measurements) -> Result<Vec<(String, Vec<u8>)>> {
        let Measurements { metrics, card, evaluation, comparison } = measured;
        let page = report::html(&report::Content {
            title: self.id,
            epochs: &self.position.epochs,
            metrics,
            network: &self.position.network,
            set: if self.has_test_set() { "the test set" } else { "held-back examples" },
            card,
            evaluation,
            examples: self.examples(),
        });
        let mut files = vec![
            (REPORT_FILE.to_owned(), page.into_bytes()),
            (CARD_FILE.to_owned(), serde_json::to_vec_pretty(card)?),
            (tensorboard::FILE.to_owned(), tensorboard::events(&self.position.epochs)),
        ];
        if let Some(drawings) = &self.data.drawings {
            files.push((DRAWINGS_FILE.to_owned(), drawings.clone().into_bytes()));
        }
        if let Some(comparison) = comparison {
            files.push((COMPARISON_FILE.to_owned(), serde_json::to_vec_pretty(comparison)?));
        }
        Ok(files)
    }

    fn has_test_set(&self) -> bool {
        !self.data.test.is_empty()
    }

    /// What the checkpoint is measured on: the test set, or the validation examples if there is
    /// none.
    fn examples(&self) -> &[Example] {
        if self.has_test_set() { &self.data.test } else { &self.data.validation }
    }

    /// The negatives that it should reject, by kind; none if it was not trained to reject any.
    fn negatives(&self) -> Vec<(String, Vec<Example>)> {
        match (self.rejects(), self.fine_tuning) {
            (false, _) => Vec::new(),
            (true, None) => self.data.generator.held_back_negatives(),
            // Of all labels, the new ones too: a letter that is a label now is no negative.
            (true, Some(_)) => Generator::of(&self.data.labels).held_back_negatives(),
        }
    }

    /// All examples held back from training, by which the temperature and the thresholds are
    /// fitted.
    fn held_back(&self) -> Vec<Example> {
        let held_back = match self.fine_tuning {
            Some(fine_tuning) => fine_tuning.all_held_back(),
            None => self.data.validation.clone(),
        };
        let [synthetic, _] = self.position.synthetic;
        let synthetic = if synthetic > 0 { self.data.generator.held_back() } else { Vec::new() };
        [held_back, synthetic].concat()
    }

    /// The data that was trained on, and the synthetic examples.
    fn datasets(&self) -> Vec<DatasetRecord> {
        let position = self.position;
        let made = position.turn() * POOL_EPOCHS;
        let name = || format!("synthetic handwriting, generator {:.8}", position.generator);
        let synthetic = (made > 0).then(|| DatasetRecord {
            name: name(),
            training: made,
            validation: 0,
            test: 0,
            files: Vec::new(),
        });
        [position.dataset.clone()].into_iter().chain(synthetic).collect()
    }

    /// Whether the network was trained to reject negatives.
    fn rejects(&self) -> bool {
        let [_, negatives] = self.position.synthetic;
        negatives > 0 || self.fine_tuning.is_some_and(FineTuning::rejects)
    }
}
