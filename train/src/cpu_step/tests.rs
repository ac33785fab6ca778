//! The step of the CPU kernels compared with burn's.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor},
    nn::loss::CrossEntropyLossConfig,
    tensor::Int,
};

use glyphic_model::{
    checkpoint::{network_from_bytes, network_to_bytes},
    glyph::PIXELS,
    network::{ConvolutionConfig, NetworkConfig},
};
use pulp::Arch;

use super::*;

/// Values between -1 and 1, the same in each run.
struct Noise(u32);

impl Iterator for Noise {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0)
    }
}

fn noise(count: usize) -> Vec<f32> {
    Noise(1).take(count).collect()
}

/// Gives a network the same weights in each run. burn's own differ from run to run, and with some of
/// them a sum is so close to 0 that its gradient is let through on one side only. The scale and
/// shift of the norms are not left at 1 and 0, where a mistake in them would not show.
impl ModuleMapper for Noise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let dims = tensor.dims();
            let inputs = dims.iter().product::<usize>() / dims[0].max(dims[D - 1]);
            let (middle, range) =
                if D == 1 { (0.5, 0.4) } else { (0.0, (inputs as f32).powf(-0.5)) };
            let values = self.take(dims.iter().product()).map(|v| middle + range * v).collect();
            Tensor::from_data(TensorData::new(values, dims), &tensor.device())
        })
    }
}

/// All gradients, parameter by parameter.
struct StepCollector(GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for StepCollector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics have no gradient.
        let Some(gradient) = self.0.get::<D>(param.id) else { return };
        assert_eq!(gradient.dims(), param.val().dims());
        self.1.push(gradient.try_into_vec_as().unwrap());
    }
}

/// All results of a step: logits, gradients, running statistics.
fn found(network: &Network, logits: Vec<f32>, gradients: GradientsParams) -> Vec<Vec<f32>> {
    let mut collector = StepCollector(gradients, vec![logits]);
    network.visit(&mut collector);
    let linears = network.hidden.len() + 1;
    assert_eq!(collector.1.len(), 1 + 3 * network.convolutions.len() + 2 * linears);
    let norms = network.convolutions.iter().filter_map(|c| c.norm.as_ref());
    let running = norms.flat_map(|n| [&n.running_mean, &n.running_var]);
    collector.1.extend(running.map(|state| values(state.value_sync()).unwrap()));
    collector.1
}

fn by_burn(network: &Network, pixels: &[f32], labels: &[i32]) -> (Vec<Vec<f32>>, Vec<f32>) {
    let device = Device::flex().autodiff();
    let data = TensorData::new(pixels.to_vec(), [labels.len(), 1, SIDE, SIDE]);
    let logits = network.forward(Tensor::<4>::from_data(data, &device));
    let leaf = logits.clone().detach().require_grad();
    let labels = TensorData::new(labels.to_vec(), [labels.len()]);
    let labels = Tensor::<1, Int>::from_data(labels, &device);
    let loss = CrossEntropyLossConfig::new().init(&device);
    let gradients = loss.forward(leaf.clone(), labels.clone()).backward();
    let of_logits = values(leaf.grad(&gradients).unwrap()).unwrap();
    let gradients = loss.forward(logits.clone(), labels).backward();
    let params = GradientsParams::from_grads(gradients, network);
    (found(network, values(logits).unwrap(), params), of_logits)
}

/// The distance of two lists, as a share of the second's length.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let apart = length(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    apart / length(&mut expected.iter().copied()).max(1e-4)
}

/// Some batches, one after the other: none must have an effect on the next.
fn check(arch: Arch, config: &NetworkConfig, batches: &[Vec<f32>]) {
    let device = Device::flex();
    let bytes = network_to_bytes(&config.init(&device).map(&mut Noise(2))).unwrap();
    let network = || network_from_bytes(config, bytes.clone(), &device.clone().autodiff()).unwrap();
    let on = |layers: &[_], epsilons: &[_]| Training::on(arch, SIDE, layers, epsilons);
    let mut training = CpuStep::with(&network(), on).unwrap();
    for pixels in batches {
        let batch = pixels.len() / PIXELS;
        let labels: Vec<i32> = (0..batch).map(|i| (i * 7 % config.classes) as i32).collect();
        let (expected, of_logits) = by_burn(&network(), pixels, &labels);
        let same = network();
        let logits = training.forward(&same, pixels).unwrap();
        let gradients = training.backward(&same, &of_logits).unwrap();
        let found = found(&same, logits, gradients);
        assert_eq!(found.len(), expected.len());
        let gradients = 1..=expected.len() - 1 - 2 * config.convolutions.len();
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // A gradient is let through on one side only where a sum is within rounding of 0.
            let most = if gradients.contains(&i) { 2e-2 } else { 1e-4 };
            let apart = distance(found, expected);
            assert!(apart < most, "{i} of a batch of {batch}: {apart} from burn's");
        }
        let weights = expected.iter().filter(|values| values.iter().any(|v| v.abs() > 1e-6));
        assert!(weights.count() + 2 > expected.len(), "only zeros are compared");
    }
}

fn of_noise(batch: usize) -> Vec<f32> {
    noise(batch * PIXELS)
}

/// Channels that do not fill a vector, a single channel, strides that skip the last pixels,
/// several hidden layers.
fn odd() -> NetworkConfig {
    let conv =
        |channels, kernel, stride, padding| ConvolutionConfig { channels, kernel, stride, padding };
    NetworkConfig {
        convolutions: vec![
            conv(3, 4, 3, 0),
            conv(77, 2, 2, 1),
            conv(1, 3, 1, 2),
            conv(130, 3, 2, 1),
        ],
        hidden: vec![33, 5],
        classes: 47,
    }
}

#[test]
fn a_step_gives_what_burn_gives() {
    let arch = Arch::new();
    // Less than a part, several, more glyphs a part than usual, and few again.
    check(arch, &NetworkConfig::small(10), &[1, 3, 40, 270, 5].map(of_noise));
    check(arch, &NetworkConfig::mlp(10), &[9, 1].map(of_noise));
    check(
        arch,
        &NetworkConfig { convolutions: vec![], hidden: vec![], classes: 3 },
        &[of_noise(8)],
    );
    check(arch, &odd(), &[17, 2].map(of_noise));
}

#[test]
fn so_does_a_cpu_with_other_vectors_or_none() {
    check(Arch::Scalar, &odd(), &[of_noise(17)]);
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = pulp::x86::V3::try_new() {
        check(Arch::V3(avx2), &odd(), &[of_noise(17)]);
        check(Arch::V3(avx2), &NetworkConfig::small(10), &[of_noise(21)]);
    }
}

#[test]
fn pictures_that_are_all_but_one_grey_are_normalised_as_burn_does() {
    let grey = noise(24 * PIXELS).into_iter().map(|value| 3.0 + 1e-3 * value).collect();
    let convolutions = vec![ConvolutionConfig { channels: 8, kernel: 5, stride: 5, padding: 0 }];
    let config = NetworkConfig { convolutions, hidden: vec![], classes: 10 };
    let device = Device::flex().autodiff();
    let network = config.init(&device);
    let mut training = CpuStep::of(&network).unwrap();
    let grey: Vec<f32> = grey;
    let logits = training.forward(&network, &grey).unwrap();
    let data = TensorData::new(grey, [24, 1, SIDE, SIDE]);
    let expected = values(network.forward(Tensor::<4>::from_data(data, &device))).unwrap();
    let apart = distance(&logits, &expected);
    assert!(apart < 1e-2, "{apart}");
}

#[test]
fn nan_stays_nan() {
    for layer in 0..4 {
        let mut network = NetworkConfig::small(10).init(&Device::flex());
        let broken = &mut network.convolutions[layer].conv.weight;
        *broken = Param::from_tensor(broken.val() * f32::NAN);
        let logits = CpuStep::of(&network).unwrap().forward(&network, &of_noise(4)).unwrap();
        assert!(logits.iter().all(|logit| logit.is_nan()), "{layer}: {logits:?}");
    }
}

#[test]
fn rejects_empty_batches_and_wrong_gradients() {
    let network = NetworkConfig::mlp(10).init(&Device::flex().autodiff());
    let mut training = CpuStep::of(&network).unwrap();
    assert!(training.backward(&network, &[0.0; 10]).is_err());
    assert!(training.forward(&network, &[]).is_err());
    training.forward(&network, &of_noise(2)).unwrap();
    assert!(training.backward(&network, &[0.0; 19]).is_err());
}

#[test]
fn the_same_batch_has_the_same_gradients_whatever_the_threads_do() {
    let network = NetworkConfig::small(10).init(&Device::flex().autodiff());
    let pixels = noise(40 * PIXELS);
    let step = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut training = CpuStep::of(&network).unwrap();
            let logits = training.forward(&network, &pixels).unwrap();
            let gradients = training.backward(&network, &logits).unwrap();
            let mut collector = StepCollector(gradients, vec![logits]);
            network.visit(&mut collector);
            collector.1
        })
    };
    let alone = step(1);
    assert_eq!(alone, step(2));
    assert_eq!(alone, step(7));
}

#[test]
fn a_network_of_another_kind_is_left_to_burn() {
    let device = Device::flex();
    assert!(CpuStep::of(&NetworkConfig::small(10).init(&device)).is_some());
    assert!(CpuStep::of(&NetworkConfig::small(10).init(&device).fold()).is_none());
}
