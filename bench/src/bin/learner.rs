//! Our training loop beside burn-train's `Learner`: the same network, examples,
//! batch size and optimiser, in one process, in turns.
//!
//! ```sh
//! cargo run --release -p glyphic-bench --features learner --bin learner -- [cpu|gpu|gpu:N] | tail -4
//! ```

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, anyhow};
use burn::{
    data::{dataloader::DataLoaderBuilder, dataloader::batcher::Batcher, dataset::InMemDataset},
    module::Module,
    nn::loss::CrossEntropyLossConfig,
    optim::AdamWConfig,
    tensor::{Device, Int, Tensor, TensorData},
    train::{
        ClassificationOutput, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep,
        metric::{AccuracyMetric, LossMetric},
    },
};
use glyphic_model::{
    checkpoint::{network_from_bytes, network_to_bytes},
    glyph::SIDE,
    network::{Network, NetworkConfig, normalise},
};
use glyphic_runtime::device::{ComputeDevice, DeviceChoice};
use glyphic_train::{
    config::{Augmentation, TrainConfig},
    data::{Data, Example, load},
    state::Position,
    trainer::Trainer,
};

const EXAMPLES: usize = 12_800;
const BATCH: usize = 128;
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let word = std::env::args().nth(1).unwrap_or_else(|| "cpu".to_owned());
    let device = word.parse::<DeviceChoice>()?.open()?;
    let path = Path::new("artifacts/datasets/mnist");
    let mut data = load(path, 1.0 / 12.0)?;
    data.training.truncate(EXAMPLES);
    data.validation.truncate(BATCH);
    data.record.training = EXAMPLES;

    println!("{device}, {EXAMPLES} examples an epoch, batches of {BATCH}, {ROUNDS} rounds");
    let (mut ours, mut plain, mut learners) = (Vec::new(), Vec::new(), Vec::new());
    // The first round of each warms up and is not counted.
    for round in 0..=ROUNDS {
        let a = our_loop(&data, path, &device, Augmentation::default())?;
        let b = our_loop(&data, path, &device, Augmentation::NONE)?;
        let c = learner(&data, &device.device)?;
        if round > 0 {
            println!("round {round}: ours {a:.0}, unaugmented {b:.0}, Learner {c:.0} img/s");
            ours.push(a);
            plain.push(b);
            learners.push(c);
        }
    }
    let (ours, plain, learner) = (median(ours), median(plain), median(learners));
    println!("medians: Learner {learner:.0} img/s, without augmentation");
    println!("ours without augmentation {plain:.0} img/s: {:.2}×", plain / learner);
    println!("ours with augmentation    {ours:.0} img/s: {:.2}×", ours / learner);
    Ok(())
}

fn config(augmentation: Augmentation) -> TrainConfig {
    TrainConfig { batch_size: BATCH, epochs: 1, augmentation, ..TrainConfig::default() }
}

/// An epoch of our loop; images a second.
fn our_loop(
    data: &Data,
    path: &Path,
    device: &ComputeDevice,
    augmentation: Augmentation,
) -> Result<f64> {
    let network = NetworkConfig::small(data.labels.len());
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let position =
        Position::start(config(augmentation), network, path.into(), record, labels, false);
    let steps = position.total_steps();
    let mut trainer = Trainer::new(position, &data.training, std::slice::from_ref(device))?;
    let begun = Instant::now();
    for _ in 0..steps {
        trainer.step()?;
    }
    trainer.sync()?;
    Ok((steps * BATCH) as f64 / begun.elapsed().as_secs_f64())
}

/// An epoch of burn-train's, as its book shows it: a data loader with two
/// workers, loss and accuracy as metrics; images a second.
fn learner(data: &Data, device: &Device) -> Result<f64> {
    let training_device = device.clone().autodiff();
    let network = NetworkConfig::small(data.labels.len());
    let bytes = network_to_bytes(&network.init(&Device::flex())).map_err(|e| anyhow!(e))?;
    let network = network_from_bytes(&network, bytes, &training_device).map_err(|e| anyhow!(e))?;
    let loader = |examples: &[Example], device: &Device| {
        DataLoaderBuilder::new(GlyphBatcher)
            .batch_size(BATCH)
            .shuffle(1)
            .num_workers(2)
            .set_device(device.clone())
            .build(InMemDataset::new(examples.to_vec()))
    };
    let folder = tempfile::tempdir().context("cannot create a folder for the Learner")?;
    let training = SupervisedTraining::new(
        folder.path(),
        Arc::clone(&loader(&data.training, &training_device)),
        loader(&data.validation, device),
    )
    .metric_train_numeric(AccuracyMetric::new())
    .metric_train_numeric(LossMetric::new())
    .num_epochs(1);
    let optimizer =
        AdamWConfig::new().with_weight_decay(TrainConfig::default().weight_decay).init();
    let learner = Learner::new(Wrapped { network }, optimizer, 1e-3);
    let begun = Instant::now();
    training.launch(learner);
    Ok(data.training.len() as f64 / begun.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The network, as a type of this crate: burn-train's traits cannot be
/// implemented for another crate's.
#[derive(Module, Debug)]
struct Wrapped {
    network: Network,
}

#[derive(Clone, Debug)]
struct GlyphBatch {
    pixels: Tensor<4>,
    labels: Tensor<1, Int>,
}

struct GlyphBatcher;

impl Batcher<Example, GlyphBatch> for GlyphBatcher {
    fn batch(&self, items: Vec<Example>, device: &Device) -> GlyphBatch {
        let batch = items.len();
        let pixels: Vec<f32> =
            items.iter().flat_map(|item| item.glyph.pixels().map(f32::from)).collect();
        let labels: Vec<i32> = items.iter().map(|item| item.label as i32).collect();
        GlyphBatch {
            pixels: Tensor::from_data(TensorData::new(pixels, [batch, 1, SIDE, SIDE]), device),
            labels: Tensor::from_data(TensorData::new(labels, [batch]), device),
        }
    }
}

impl Wrapped {
    fn classify(&self, batch: GlyphBatch) -> ClassificationOutput {
        let logits = self.network.forward(normalise(batch.pixels));
        let loss = CrossEntropyLossConfig::new()
            .with_smoothing(Some(TrainConfig::default().label_smoothing))
            .init(&logits.device())
            .forward(logits.clone(), batch.labels.clone());
        ClassificationOutput::new(loss, logits, batch.labels)
    }
}

impl TrainStep for Wrapped {
    type Input = GlyphBatch;
    type Output = ClassificationOutput;

    fn step(&self, batch: GlyphBatch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

impl InferenceStep for Wrapped {
    type Input = GlyphBatch;
    type Output = ClassificationOutput;

    fn step(&self, batch: GlyphBatch) -> ClassificationOutput {
        self.classify(batch)
    }
}
