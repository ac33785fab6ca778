//! Tests whether a device computes what the CPU computes: the logits and the
//! gradients of one step, with the same network and the same batch.

use std::fmt;

use anyhow::{Result, anyhow};
use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::loss::CrossEntropyLossConfig,
    optim::GradientsParams,
    tensor::{Device, Int, Tensor, TensorData},
};
use glyphic_model::{
    checkpoint::{network_from_bytes, network_to_bytes},
    glyph::{PIXELS, SIDE},
    network::{Network, NetworkConfig, normalise},
};
use rand::RngExt;

use crate::random::{Purpose, rng};

/// Largest difference of a logit that passes.
pub const LOGIT_TOLERANCE: f32 = 1e-3;
/// Largest difference of a parameter's gradient that passes, as a share of the
/// gradient's length (L2). Devices that agree differ by some 1e-6. But where an
/// activation is within rounding of 0, ReLU lets its gradient through on one of them
/// only, which makes a difference of up to 1e-2. A wrong kernel makes a far larger one.
pub const GRADIENT_TOLERANCE: f32 = 3e-2;

const BATCH: usize = 16;
const CLASSES: usize = 10;

/// The largest differences between a device and the CPU.
#[derive(Clone, Copy, Debug)]
pub struct DeviceComparison {
    /// Of a logit.
    pub logit: f32,
    /// Of a parameter's gradient, as a share of its length.
    pub gradient: f32,
}

impl DeviceComparison {
    /// Whether both are within their tolerance; NaN never is.
    pub fn passed(&self) -> bool {
        self.logit <= LOGIT_TOLERANCE && self.gradient <= GRADIENT_TOLERANCE
    }
}

impl fmt::Display for DeviceComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Self-test {}: logits differ by at most {:.1e} (allowed: {LOGIT_TOLERANCE:.0e}), \
             gradients by {:.1e} of their length (allowed: {GRADIENT_TOLERANCE:.0e}).",
            if self.passed() { "passed" } else { "FAILED" },
            self.logit,
            self.gradient
        )
    }
}

/// Runs forward and backward on the default network, on `device` and on the
/// CPU.
pub fn compare(device: &Device) -> Result<DeviceComparison> {
    let cpu = Device::flex();
    let config = NetworkConfig::small(CLASSES);
    cpu.seed(7);
    let weights = network_to_bytes(&config.init(&cpu)).map_err(|error| anyhow!(error))?;
    let on = |device: &Device| -> Result<Step> {
        let network = network_from_bytes(&config, weights.clone(), &device.clone().autodiff());
        one_step(&network.map_err(|error| anyhow!(error))?, device)
    };
    let (expected, found) = (on(&cpu)?, on(device)?);
    let pairs = expected.gradients.iter().zip(&found.gradients);
    let gradients = pairs.map(|(expected, found)| relative_difference(expected, found));
    Ok(DeviceComparison {
        logit: largest_difference(&expected.logits, &found.logits),
        gradient: gradients.fold(0.0, worse),
    })
}

struct Step {
    logits: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

fn one_step(network: &Network, device: &Device) -> Result<Step> {
    let mut rng = rng(7, Purpose::Augmentation, 0);
    let pixels: Vec<f32> = (0..BATCH * PIXELS).map(|_| 255.0 * rng.random::<f32>()).collect();
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [BATCH, 1, SIDE, SIDE]), device);
    let labels: Vec<i32> = (0..BATCH).map(|i| (i % CLASSES) as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [BATCH]), device);
    let logits = network.forward(normalise(pixels).autodiff());
    let loss = CrossEntropyLossConfig::new()
        .init(&logits.device())
        .forward(logits.clone(), labels.autodiff());
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    let mut collector = GradientCollector { gradients, collected: Vec::new() };
    network.visit(&mut collector);
    Ok(Step { logits: logits.inner().try_into_vec_as()?, gradients: collector.collected })
}

/// Collects the gradients in the order of the network's parameters.
struct GradientCollector {
    gradients: GradientsParams,
    collected: Vec<Vec<f32>>,
}

impl ModuleVisitor for GradientCollector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            // A gradient that cannot be read becomes NaN, and so a failure.
            self.collected.push(gradient.try_into_vec_as().unwrap_or_else(|_| vec![f32::NAN]));
        }
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, worse)
}

/// Length of the difference as a share of the expected one's length.
fn relative_difference(expected: &[f32], found: &[f32]) -> f32 {
    if expected.len() != found.len() {
        return f32::NAN;
    }
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let difference = length(&mut expected.iter().zip(found).map(|(a, b)| a - b));
    difference / length(&mut expected.iter().copied()).max(f32::MIN_POSITIVE)
}

/// The larger of two differences; NaN is the largest of all.
fn worse(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }
}
