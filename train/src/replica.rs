//! One device's part of a training step. With several devices each takes a share of every
//! batch, and their gradients are added up on the first: data parallelism as burn does it (its
//! `GradientsAccumulator`, and running statistics that threads share).

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use anyhow::{Context, Result};
use burn::{
    module::Module,
    nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig},
    optim::GradientsParams,
    tensor::{
        Device, Int, Tensor, TensorData,
        activation::{log_softmax, softmax},
    },
};
use glyphic_model::{cpu::CpuNetwork, network::Network};
use glyphic_runtime::device::ComputeDevice;

use crate::{
    augment::MAP, batches::Batch, config::TrainConfig, cpu_step::CpuStep, example::Example,
    source::BatchSource,
};

/// Weight of the teacher's answer; the label has the rest.
const SOFT: f32 = 0.5;

/// One device's copy of the examples, and all that turns them into gradients.
pub struct Replica {
    device: Device,
    source: BatchSource,
    loss: CrossEntropyLoss,
    smoothing: f32,
    /// Whether some examples are negatives.
    rejects: bool,
    teacher: Option<Teacher>,
    /// The CPU kernels, if they compute the passes through the network instead of burn.
    cpu_step: Option<CpuStep>,
    /// `[loss, correct]` summed over the steps since the last [`take_sums`](Self::take_sums).
    sums: Tensor<1>,
}

/// A device's part of a batch.
pub struct Share {
    /// Which examples.
    pub indices: Vec<u32>,
    /// How each is varied ([`random_maps`](crate::augment::random_maps)).
    pub maps: Vec<f32>,
    /// Their share of the batch (0–1).
    pub weight: f32,
}

impl Share {
    /// Splits a batch into `parts` shares whose sizes differ by 1 at most.
    pub fn split(indices: &[u32], maps: &[f32], parts: usize) -> Vec<Self> {
        let batch = indices.len();
        let cut = |part: usize| part * batch / parts;
        (0..parts)
            .map(|part| {
                let (from, to) = (cut(part), cut(part + 1));
                Self {
                    indices: indices[from..to].to_vec(),
                    maps: maps[from * MAP..to * MAP].to_vec(),
                    weight: (to - from) as f32 / batch as f32,
                }
            })
            .collect()
    }
}

/// A network whose answers are half of the target: the student should keep them (Li and Hoiem,
/// "Learning without Forgetting", 2016), or learn them (distillation).
struct Teacher {
    /// The network, without autodiff.
    network: Network,
    /// The same network in the CPU kernels, if the device is the CPU.
    cpu: Option<CpuNetwork>,
    /// It teaches the examples from this index on; the target of those before is their label
    /// alone.
    first: u32,
    /// Number of the student's labels: the teacher's, then new ones.
    classes: usize,
}

impl Replica {
    /// Copies the examples to the device.
    ///
    /// Examples whose label is not below the network's classes are negatives.
    pub fn new(
        config: &TrainConfig,
        network: &Network,
        examples: &[Example],
        device: &Device,
    ) -> Self {
        let classes = network.classes();
        let smoothing = config.label_smoothing;
        let rejects = examples.iter().any(|example| example.label >= classes);
        Self {
            source: BatchSource::new(examples, &config.augmentation, device),
            loss: CrossEntropyLossConfig::new()
                .with_smoothing((smoothing > 0.0).then_some(smoothing))
                .init(&device.clone().autodiff()),
            smoothing,
            rejects,
            teacher: None,
            cpu_step: (*device == Device::flex()).then(|| CpuStep::of(network)).flatten(),
            sums: Tensor::zeros([2], device),
            device: device.clone(),
        }
    }

    /// The same with every step burn's, as on a device that is not this machine's CPU.
    #[cfg(test)]
    pub(crate) fn by_burn(&mut self, config: &TrainConfig, examples: &[Example]) {
        use crate::{augment::Augmenter, batches::DeviceSet};

        let augmenter = Augmenter::new(config.augmentation.clone(), &self.device);
        let examples = DeviceSet::new(examples, &self.device);
        self.source = BatchSource::OnDevice(Box::new((examples, augmenter)));
        self.cpu_step = None;
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Makes `network` the teacher for the examples from index `first` on.
    pub fn supervise(&mut self, network: &Network, first: usize, classes: usize) {
        let network = network.valid().to_device(&self.device).fold();
        let on_cpu = self.device == Device::flex();
        let cpu = on_cpu.then(|| CpuNetwork::checked(&network)).flatten();
        self.teacher = Some(Teacher { network, cpu, first: first as u32, classes });
    }

    /// The share's part of the batch's gradients. Nothing is read back from a GPU.
    pub fn gradients(&mut self, network: &Network, share: &Share) -> Result<GradientsParams> {
        let Batch { pixels, labels } = self.source.batch(&share.indices, &share.maps);
        let targets = self.teacher.as_ref().map(|teacher| {
            let Self { smoothing, rejects, .. } = *self;
            teacher.targets(&share.indices, &labels, pixels.clone(), smoothing, rejects)
        });
        let targets = targets.transpose()?;
        // Kept beside the logits with negatives: the CPU kernels need the gradients of these.
        let of_network = match &mut self.cpu_step {
            Some(step) => {
                let pixels: Vec<f32> = pixels.into_data().try_into_vec()?;
                let logits = step.forward(network, &pixels)?;
                let shape = [share.indices.len(), logits.len() / share.indices.len()];
                let logits = TensorData::new(logits, shape);
                Tensor::from_data(logits, &self.device.clone().autodiff()).require_grad()
            }
            None => network.forward(pixels.autodiff()),
        };
        let logits = match self.rejects {
            true => with_negatives(of_network.clone()),
            false => of_network.clone(),
        };
        let correct =
            logits.clone().inner().argmax(1).flatten::<1>(0, 1).equal(labels.clone()).float().sum();
        let loss = match targets {
            None => self.loss.forward(logits, labels.autodiff()),
            Some(targets) => (log_softmax(logits, 1) * targets.autodiff()).sum_dim(1).mean().neg(),
        };
        let loss = if share.weight < 1.0 { loss * share.weight } else { loss };
        self.sums = self.sums.clone() + Tensor::cat(vec![loss.clone().inner(), correct], 0);
        let gradients = loss.backward();
        let Some(step) = &mut self.cpu_step else {
            return Ok(GradientsParams::from_grads(gradients, network));
        };
        let of_logits = of_network.grad(&gradients).context("the loss has no gradient")?;
        Ok(step.backward(network, &of_logits.into_data().try_into_vec::<f32>()?)?)
    }

    /// Waits for the device and returns the sums of loss and of correct examples since the last
    /// call.
    pub fn take_sums(&mut self) -> Result<[f32; 2]> {
        let fresh = Tensor::zeros([2], &self.device);
        let sums: Vec<f32> = std::mem::replace(&mut self.sums, fresh).try_into_vec_as()?;
        Ok([sums[0], sums[1]])
    }
}

impl Teacher {
    /// The target probabilities of a batch: for the examples that the teacher teaches, half the
    /// label and half the teacher's answer; for the others the label.
    ///
    /// # Shapes
    /// `[batch]`, `[batch, 1, 28, 28]` → `[batch, classes]`, or `[batch, classes + 1]` if there
    /// are negatives
    fn targets(
        &self,
        indices: &[u32],
        labels: &Tensor<1, Int>,
        pixels: Tensor<4>,
        smoothing: f32,
        rejects: bool,
    ) -> Result<Tensor<2>> {
        let (batch, classes) = (indices.len(), self.classes);
        let answers = if rejects { classes + 1 } else { classes };
        let hard: Tensor<2> = labels.clone().one_hot(answers).float();
        let hard = hard * (1.0 - smoothing) + smoothing / answers as f32;
        let logits = self.logits(pixels)?;
        let [_, old] = logits.dims();
        let soft = softmax(if rejects { with_negatives(logits) } else { logits }, 1);
        let device = soft.device();
        let soft = match classes - old {
            0 => soft,
            new => {
                // The teacher gives the new labels no probability; that of negatives stays last.
                let of_old = soft.clone().narrow(1, 0, old);
                let of_new = Tensor::zeros([batch, new], &device);
                let mut parts = vec![of_old, of_new];
                if rejects {
                    parts.push(soft.narrow(1, old, 1));
                }
                Tensor::cat(parts, 1)
            }
        };
        let weight = |&index: &u32| if index < self.first { 0.0 } else { SOFT };
        let weights: Vec<f32> = indices.iter().map(weight).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [batch, 1]), &device);
        Ok(hard.clone() + (soft - hard) * weights)
    }

    /// Its logits for pictures.
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → `[batch, classes]`
    fn logits(&self, pixels: Tensor<4>) -> Result<Tensor<2>> {
        let Some(cpu) = &self.cpu else { return Ok(self.network.forward(pixels)) };
        let device = pixels.device();
        let [batch, ..] = pixels.dims();
        let logits = cpu.logits_of_pixels(&pixels.into_data().try_into_vec::<f32>()?);
        let shape = [batch, logits.len() / batch];
        Ok(Tensor::from_data(TensorData::new(logits, shape), &device))
    }
}

/// The logits with one for negatives after them. It is always 0: so the network needs no output
/// for negatives, and each of its logits tells how much more likely its label is than none.
///
/// # Shapes
/// `[batch, classes]` → `[batch, classes + 1]`
fn with_negatives(logits: Tensor<2>) -> Tensor<2> {
    let [batch, _] = logits.dims();
    let negatives = Tensor::zeros([batch, 1], &logits.device());
    Tensor::cat(vec![logits, negatives], 1)
}

/// A job for a replica on its own thread.
type ReplicaJob = Box<dyn FnOnce(&mut Replica) + Send>;

/// A replica on a thread of its own, so that all devices compute at once.
pub struct Worker {
    name: String,
    jobs: Sender<ReplicaJob>,
}

/// The result of a job that may still be under way.
pub struct Pending<T> {
    worker: String,
    receiver: Receiver<T>,
}

impl Worker {
    /// Puts a replica on a thread.
    pub fn start(device: &ComputeDevice, mut replica: Replica) -> Result<Self> {
        let name = device.to_string();
        let (jobs, queue) = channel::<ReplicaJob>();
        let work = move || queue.into_iter().for_each(|job| job(&mut replica));
        thread::Builder::new().name(name.clone()).spawn(work).context("cannot start a thread")?;
        Ok(Self { name, jobs })
    }

    /// Begins a job.
    pub fn begin<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = channel();
        // If the thread has ended, `wait` fails; if the caller has, nobody needs the result.
        let _ = self.jobs.send(Box::new(move |replica| drop(sender.send(job(replica)))));
        Pending { worker: self.name.clone(), receiver }
    }
}

impl<T> Pending<T> {
    /// The result.
    ///
    /// # Errors
    /// The device failed, and its thread has ended.
    pub fn wait(self) -> Result<T> {
        self.receiver.recv().with_context(|| format!("{} failed", self.worker))
    }
}
