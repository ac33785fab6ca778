//! The network's sizes, folding, predictions and verdicts.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use glyphic_model::{
    Classifier, Glyph, Prediction, Thresholds, Verdict,
    checkpoint::{network_from_bytes, network_to_bytes},
    glyph::PIXELS,
    network::{ConvolutionConfig, Network, NetworkConfig},
};

#[test]
fn counts_its_parameters() {
    let tall = ConvolutionConfig { channels: 6, kernel: 3, stride: 1, padding: 0 };
    let configs = [
        NetworkConfig::small(10),
        NetworkConfig::mlp(10),
        NetworkConfig::large(3),
        NetworkConfig { convolutions: vec![tall, tall], hidden: vec![5], classes: 3 },
    ];
    for config in configs {
        let network = config.init(&Device::flex());
        // burn counts the two running statistics of a batch norm as well.
        let statistics: usize = config.convolutions.iter().map(|conv| 2 * conv.channels).sum();
        assert_eq!(network.num_params() - statistics, config.parameters(), "{config:?}");
    }
}

#[test]
fn counts_its_multiply_adds() {
    let conv = ConvolutionConfig { channels: 2, kernel: 3, stride: 2, padding: 1 };
    let config = NetworkConfig { convolutions: vec![conv, conv], hidden: vec![7], classes: 4 };
    // 14 × 14 × 2 × 1 × 9 + 7 × 7 × 2 × 2 × 9 + 98 × 7 + 7 × 4
    assert_eq!(config.macs(), 3_528 + 1_764 + 686 + 28);
}

#[test]
fn the_small_network_is_small() {
    let config = NetworkConfig::small(10);
    assert!(config.macs() <= 3_000_000, "{}", config.macs());
    assert!(config.parameters() <= 600_000, "{}", config.parameters());
}

#[test]
fn folding_changes_nothing() {
    let device = Device::flex();
    let config = NetworkConfig::small(10);
    // A few training passes move the running statistics away from 0 and 1.
    let bytes = network_to_bytes(&config.init(&device)).unwrap();
    let network = network_from_bytes(&config, bytes, &device.clone().autodiff()).unwrap();
    for _ in 0..3 {
        let noise = Tensor::<4>::random(
            [32, 1, 28, 28],
            burn::tensor::Distribution::Normal(0.5, 2.0),
            &device,
        );
        network.forward(noise.autodiff());
    }
    let network = network.valid();
    let x = Tensor::<4>::random([8, 1, 28, 28], burn::tensor::Distribution::Default, &device);
    let unfolded: Vec<f32> = network.forward(x.clone()).try_into_vec_as().unwrap();
    let folded: Vec<f32> = network.fold().forward(x).try_into_vec_as().unwrap();
    assert_eq!(unfolded.len(), 80);
    for (a, b) in unfolded.iter().zip(&folded) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn a_network_rebuilt_from_its_layer_weights_gives_the_same_logits() {
    for config in [NetworkConfig::small(10), NetworkConfig::mlp(7)] {
        let network = config.init(&Device::flex());
        let layers = network.layer_weights().unwrap();
        let again = Network::from_layer_weights(&config, &layers).unwrap();
        let logits = |network: Network| {
            let labels = (0..config.classes).map(|label| label.to_string()).collect();
            let pixels = std::array::from_fn::<u8, PIXELS, _>(|i| (i * 37 % 256) as u8);
            let classifier = Classifier::new(network, labels, &Device::flex());
            classifier.logits(&[Glyph::new(pixels)]).unwrap().remove(0)
        };
        for (a, b) in logits(network).iter().zip(logits(again)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert!(Network::from_layer_weights(&NetworkConfig::small(9), &layers).is_none());
        assert!(Network::from_layer_weights(&config, &layers[1..]).is_none());
    }
}

#[test]
fn probabilities_sum_to_one_whatever_the_logits() {
    for logits in [vec![0.0, 1.0, 2.0], vec![1e4, -1e4, 0.0], vec![-500.0, -500.0]] {
        let prediction = Prediction::of(&logits);
        let sum: f32 = prediction.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{logits:?}: {sum}");
    }
    assert_eq!(Prediction::of(&[0.0, 3.0, 1.0]).index, 1);
}

#[test]
fn the_in_distribution_score_weighs_the_labels_against_a_logit_of_zero() {
    let score = |logits: &[f32]| Prediction::of(logits).in_distribution;
    assert!((score(&[0.0]) - 0.5).abs() < 1e-6);
    assert!((score(&[0.0, 0.0, 0.0]) - 0.75).abs() < 1e-6);
    assert!(score(&[-9.0, -9.0]) < 1e-3 && score(&[9.0, -9.0]) > 0.999);
    assert_eq!((score(&[1e4, 0.0]), score(&[-1e4, -1e4])), (1.0, 0.0));
}

#[test]
fn a_verdict_follows_the_thresholds() {
    let thresholds = Thresholds { in_distribution: 0.4, confidence: 0.7 };
    let verdict = |logits: &[f32]| thresholds.verdict(&Prediction::of(logits));
    assert_eq!(verdict(&[5.0, 0.0]), Verdict::Read);
    assert_eq!(verdict(&[5.0, 4.9]), Verdict::Unsure);
    assert_eq!(verdict(&[-5.0, 0.0]), Verdict::Read);
    assert_eq!(verdict(&[-5.0, -1.0]), Verdict::NotADigit);
    let none = Thresholds::default();
    assert_eq!(none.verdict(&Prediction::of(&[-50.0, -50.0])), Verdict::Read);
    let best: Vec<usize> = Prediction::of(&[1.0, 3.0, 2.0]).best_two().collect();
    assert_eq!(best, [1, 2]);
}

#[test]
fn presets_are_found_by_name() {
    assert_eq!(NetworkConfig::named("mlp", 10), Some(NetworkConfig::mlp(10)));
    assert_eq!(NetworkConfig::named("medium", 10), None);
    let large = NetworkConfig::large(10);
    assert_eq!((large.check(), large.macs() / 1_000_000), (Ok(()), 29));
    // Its weights' file is smaller than 10 MB.
    assert!(4 * large.parameters() < 10_000_000);
}
