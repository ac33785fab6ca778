//! The compiled step beside burn's.

use burn::{
    module::{Module, ModuleVisitor},
    nn::loss::CrossEntropyLossConfig,
    tensor::Int,
};

use super::*;
use crate::{
    glyph::SIDE,
    network::{ConvolutionConfig, NetworkConfig},
};

/// Values between -1 and 1.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut value = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(&mut value).collect()
}

/// All gradients, parameter by parameter.
struct Collector(GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics have none.
        let Some(gradient) = self.0.get::<D>(param.id) else { return };
        assert_eq!(gradient.dims(), param.val().dims());
        self.1.push(gradient.try_into_vec_as().unwrap());
    }
}

/// Everything that a step finds: logits, gradients, running statistics.
fn found(network: &Network, logits: Vec<f32>, gradients: GradientsParams) -> Vec<Vec<f32>> {
    let mut collector = Collector(gradients, vec![logits]);
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

fn check(arch: Arch, config: &NetworkConfig, batch: usize) {
    let device = Device::flex();
    device.seed(1);
    let [network, same] = {
        let network = config.init(&device.clone().autodiff());
        let bytes = crate::checkpoint::network_to_bytes(&network).unwrap();
        let again = || {
            crate::checkpoint::network_from_bytes(config, bytes.clone(), &device.clone().autodiff())
        };
        [again().unwrap(), again().unwrap()]
    };
    let pixels = noise(batch * PIXELS);
    let labels: Vec<i32> = (0..batch).map(|i| (i * 7 % config.classes) as i32).collect();
    let (expected, of_logits) = by_burn(&network, &pixels, &labels);
    let mut training = Training::on(arch, &same).unwrap();
    // Twice: what the first pass left must not show in the second.
    let other = noise((batch + 3) * PIXELS);
    let logits = training.forward(&config.init(&device), &other).unwrap();
    training.backward(&same, &logits);
    let logits = training.forward(&same, &pixels).unwrap();
    let gradients = training.backward(&same, &of_logits);
    let found = found(&same, logits, gradients);
    assert_eq!(found.len(), expected.len());
    let mut zeros = 0;
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        zeros += usize::from(largest < 1e-5);
        for (a, b) in found.iter().zip(expected) {
            let close = (a - b).abs() < 2e-3 * largest + 1e-6;
            assert!(close, "{i}: {a}, by burn {b}, of {largest}");
        }
    }
    // The scale of a channel that is alone is undone by the norm behind it.
    assert!(zeros <= 1, "{zeros} parameters have no gradient");
}

/// Channels that fill no vector, one that is alone, strides that skip the last pixels,
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
fn a_step_finds_what_burn_finds() {
    let arch = Arch::new();
    check(arch, &NetworkConfig::small(10), 21);
    check(arch, &NetworkConfig::mlp(10), 9);
    check(arch, &NetworkConfig { convolutions: vec![], hidden: vec![], classes: 3 }, 8);
    check(arch, &odd(), 17);
}

#[test]
fn a_cpu_without_vectors_finds_it_too() {
    check(Arch::Scalar, &odd(), 17);
}

#[test]
fn the_same_batch_has_the_same_gradients_whatever_the_threads_do() {
    let network = NetworkConfig::small(10).init(&Device::flex().autodiff());
    let pixels = noise(40 * PIXELS);
    let step = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut training = Training::of(&network).unwrap();
            let logits = training.forward(&network, &pixels).unwrap();
            let gradients = training.backward(&network, &logits);
            let mut collector = Collector(gradients, vec![logits]);
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
    assert!(Training::of(&NetworkConfig::small(10).init(&device)).is_some());
    assert!(Training::of(&NetworkConfig::small(10).init(&device).fold()).is_none());
}
