//! The network under training: one step after another, nothing read back from
//! the device until somebody asks.

use anyhow::{Context, Result, anyhow};
use burn::{
    module::Module,
    nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig},
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::{
        Bytes, Device, Int, Tensor, TensorData,
        activation::{log_softmax, softmax},
    },
};
use glyphic_model::{
    checkpoint::{network_from_bytes, network_to_bytes},
    network::{Network, normalise},
};

use crate::{
    augment::Augmenter,
    batches::{DeviceSet, Purpose, epoch_order, rng},
    config::TrainConfig,
    data::Example,
    state::{Position, State, Sums},
};

/// Weight of the teacher's answer, beside the label, on what was known.
const SOFT: f32 = 0.5;

/// A network, its optimiser, its data on the device, and where the run stands.
pub struct Trainer {
    /// Where the run stands. `sums` is brought up to date by [`Self::sync`].
    pub position: Position,
    network: Network,
    optimizer: ModuleOptimizer,
    examples: DeviceSet,
    order: Vec<u32>,
    augmenter: Augmenter,
    loss: CrossEntropyLoss,
    teacher: Option<Teacher>,
    /// `[loss, correct]` summed over the steps since the last sync.
    sums: Tensor<1>,
    device: Device,
}

/// What keeps a network from forgetting: its answers on what it knew should stay
/// as they were (Li and Hoiem, "Learning without Forgetting", 2016).
struct Teacher {
    /// The network as it was, without autodiff.
    network: Network,
    /// Examples from this index on were known to it.
    known_from: u32,
}

impl Trainer {
    /// A fresh network, initialised from the config's seed; the same weights on
    /// every device.
    pub fn new(position: Position, examples: &[Example], device: &Device) -> Result<Self> {
        let cpu = Device::flex();
        cpu.seed(position.config.seed);
        let network = network_to_bytes(&position.network.init(&cpu)).map_err(|e| anyhow!(e))?;
        Self::with(position, network, None, examples, device)
    }

    /// A network that has learned something already, with a fresh optimiser.
    pub fn from_network(
        position: Position,
        network: &Network,
        examples: &[Example],
        device: &Device,
    ) -> Result<Self> {
        let network = network_to_bytes(network).map_err(|error| anyhow!(error))?;
        Self::with(position, network, None, examples, device)
    }

    /// Holds the network to the answers of `network` on the examples from index
    /// `known_from` on.
    pub fn with_teacher(self, network: Network, known_from: usize) -> Self {
        let network = network.valid().to_device(&self.device);
        Self { teacher: Some(Teacher { network, known_from: known_from as u32 }), ..self }
    }

    /// A run as it was when its state was saved.
    pub fn restore(state: State, examples: &[Example], device: &Device) -> Result<Self> {
        Self::with(state.position, state.network, Some(state.optimizer), examples, device)
    }

    fn with(
        position: Position,
        network: Vec<u8>,
        optimizer_state: Option<Vec<u8>>,
        examples: &[Example],
        device: &Device,
    ) -> Result<Self> {
        let training_device = device.clone().autodiff();
        let network = network_from_bytes(&position.network, network, &training_device)
            .map_err(|error| anyhow!(error))
            .context("the run's network cannot be restored")?;
        let mut optimizer = optimizer(&position.config);
        if let Some(bytes) = optimizer_state {
            optimizer = optimizer.from_bytes(Bytes::from_bytes_vec(bytes))?;
        }
        let smoothing = position.config.label_smoothing;
        Ok(Self {
            order: order(&position),
            augmenter: Augmenter::new(position.config.augmentation.clone(), device),
            loss: CrossEntropyLossConfig::new()
                .with_smoothing((smoothing > 0.0).then_some(smoothing))
                .init(&training_device),
            sums: Tensor::zeros([2], device),
            examples: DeviceSet::new(examples, device),
            teacher: None,
            device: device.clone(),
            position,
            network,
            optimizer,
        })
    }

    /// One optimiser step on the next batch. Whoever asks for a step after the
    /// last one of an epoch is in the next epoch.
    pub fn step(&mut self) {
        let Position { config, step, .. } = &self.position;
        let (seed, step) = (config.seed, *step);
        let batch_size = self.position.batch_size();
        let place = step % self.position.steps_per_epoch();
        if place == 0 {
            self.order = order(&self.position);
        }
        let indices = &self.order[place * batch_size..][..batch_size];
        let batch = self.examples.pick(indices);
        let mut rng = rng(seed, Purpose::Augmentation, step as u64);
        let pixels = normalise(self.augmenter.apply(batch.pixels, &mut rng));

        let targets = self
            .teacher
            .as_ref()
            .map(|teacher| teacher.targets(indices, &batch.labels, pixels.clone(), &self.position));
        let logits = self.network.forward(pixels.autodiff());
        let correct = logits
            .clone()
            .inner()
            .argmax(1)
            .flatten::<1>(0, 1)
            .equal(batch.labels.clone())
            .float()
            .sum();
        let loss = match targets {
            None => self.loss.forward(logits, batch.labels.autodiff()),
            Some(targets) => (log_softmax(logits, 1) * targets.autodiff()).sum_dim(1).mean().neg(),
        };
        self.sums = self.sums.clone() + Tensor::cat(vec![loss.clone().inner(), correct], 0);

        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let learning_rate = config.learning_rate_at(step, self.position.total_steps());
        self.network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        self.position.step += 1;
    }

    /// Waits for the device, brings `position.sums` up to date, and fails if
    /// the loss is no number any more.
    pub fn sync(&mut self) -> Result<Sums> {
        let fresh = Tensor::zeros([2], &self.device);
        let sums: Vec<f32> = std::mem::replace(&mut self.sums, fresh).try_into_vec_as()?;
        self.position.sums.loss += sums[0];
        self.position.sums.correct += sums[1];
        if !self.position.sums.loss.is_finite() {
            let place = self.position.step;
            return Err(anyhow!(
                "the loss is not a number after step {place}: training diverged. Start again \
                 with a lower --learning-rate (it was {})",
                self.position.config.learning_rate
            ));
        }
        Ok(self.position.sums)
    }

    /// The network as it is served: without autodiff, statistics in place.
    pub fn network(&self) -> Network {
        self.network.valid()
    }

    /// The run's whole state. Call [`Self::sync`] first.
    pub fn state(&self) -> Result<State> {
        Ok(State {
            position: self.position.clone(),
            network: network_to_bytes(&self.network).map_err(|error| anyhow!(error))?,
            optimizer: self.optimizer.into_bytes()?.to_vec(),
        })
    }
}

impl Teacher {
    /// What the network should say of a batch: of what is taught its label, of
    /// what was known half its label and half what the teacher says.
    ///
    /// # Shapes
    /// `[batch]`, `[batch, 1, 28, 28]` → `[batch, classes]`
    fn targets(
        &self,
        indices: &[u32],
        labels: &Tensor<1, Int>,
        pixels: Tensor<4>,
        position: &Position,
    ) -> Tensor<2> {
        let (batch, classes) = (indices.len(), position.network.classes);
        let smoothing = position.config.label_smoothing;
        let hard: Tensor<2> = labels.clone().one_hot(classes).float();
        let hard = hard * (1.0 - smoothing) + smoothing / classes as f32;
        let soft = softmax(self.network.forward(pixels), 1);
        let [_, known] = soft.dims();
        let device = soft.device();
        let soft = match classes - known {
            0 => soft,
            new => Tensor::cat(vec![soft, Tensor::zeros([batch, new], &device)], 1),
        };
        let weight = |&index: &u32| if index < self.known_from { 0.0 } else { SOFT };
        let weights: Vec<f32> = indices.iter().map(weight).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [batch, 1]), &device);
        hard.clone() + (soft - hard) * weights
    }
}

/// AdamW as every run uses it (Loshchilov and Hutter, 2019).
fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new().with_weight_decay(config.weight_decay).init()
}

fn order(position: &Position) -> Vec<u32> {
    let epoch = position.step / position.steps_per_epoch();
    epoch_order(position.config.seed, epoch, position.dataset.training)
}
