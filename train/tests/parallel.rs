//! Several devices that share every batch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::{GradientsAccumulator, GradientsParams},
    tensor::{Device, Tensor},
};
use common::{folder, two_symbols};
use glyphic_model::{
    device::ComputeDevice,
    network::{Network, NetworkConfig},
};
use glyphic_train::{
    augment::random_maps,
    batches::{Purpose, rng},
    config::TrainConfig,
    data::{Data, load},
    evaluate::evaluate,
    replica::{Replica, Share},
    state::Position,
    trainer::Trainer,
};

fn data() -> Data {
    let folder = folder();
    load(&two_symbols(folder.path(), 16), 0.2).unwrap()
}

/// All gradients, in the order of the parameters.
fn values(network: &Network, gradients: GradientsParams) -> Vec<f32> {
    struct Collector(GradientsParams, Vec<f32>);
    impl ModuleVisitor for Collector {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient =
                self.0.get::<D>(param.id).map(|gradient| gradient.try_into_vec_as::<f32>());
            self.1.extend(gradient.into_iter().flat_map(Result::unwrap));
        }
    }
    let mut collector = Collector(gradients, Vec::new());
    network.visit(&mut collector);
    collector.1
}

#[test]
fn the_gradients_of_shares_add_up_to_those_of_the_batch() {
    let (data, device) = (data(), Device::flex());
    let config = TrainConfig::default();
    device.seed(3);
    let network = NetworkConfig::small(2).init(&device.clone().autodiff());
    // Both halves are the same pictures, changed alike, so that each has the batch
    // statistics of the whole.
    let half: Vec<u32> = (0..12).collect();
    let indices = [half.clone(), half].concat();
    let maps = random_maps(&config.augmentation, 12, &mut rng(1, Purpose::Augmentation, 0));
    let maps = [maps.clone(), maps].concat();

    let mut replica = Replica::new(&config, &data.training, &device);
    let mut of = |parts: usize| {
        let mut sum = GradientsAccumulator::new();
        for share in Share::split(&indices, &maps, parts) {
            sum.accumulate(&network, replica.gradients(&network, &share));
        }
        (values(&network, sum.grads()), replica.take_sums().unwrap())
    };
    let ((whole, sums), (shared, shared_sums)) = (of(1), of(2));
    assert_eq!(whole.len(), NetworkConfig::small(2).parameters());
    let largest = whole.iter().fold(0f32, |most, value| most.max(value.abs()));
    assert!(largest > 1e-3, "the gradients are all but 0: {largest}");
    for (a, b) in whole.iter().zip(&shared) {
        assert!((a - b).abs() < 1e-5 * largest, "{a} became {b}");
    }
    assert!((sums[0] - shared_sums[0]).abs() < 1e-5);
    assert_eq!(sums[1], shared_sums[1]);
}

#[test]
fn shares_are_even_and_lose_nothing() {
    let indices: Vec<u32> = (0..10).collect();
    let maps =
        random_maps(&TrainConfig::default().augmentation, 10, &mut rng(1, Purpose::Order, 0));
    let shares = Share::split(&indices, &maps, 3);
    assert_eq!(shares.iter().flat_map(|share| share.indices.clone()).collect::<Vec<_>>(), indices);
    assert_eq!(shares.iter().flat_map(|share| share.maps.clone()).collect::<Vec<_>>(), maps);
    assert_eq!(shares.iter().map(|share| share.indices.len()).collect::<Vec<_>>(), [3, 3, 4]);
    assert_eq!(shares.iter().map(|share| share.weight).sum::<f32>(), 1.0);
}

#[test]
fn three_devices_learn_what_one_learns() {
    let data = data();
    let config =
        TrainConfig { epochs: 20, batch_size: 12, learning_rate: 2e-3, ..TrainConfig::default() };
    let network = NetworkConfig::small(2);
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let position = Position::start(config, network, "made".into(), record, labels, false);
    let devices = vec![ComputeDevice::cpu(); 3];
    let mut trainer = Trainer::new(position, &data.training, &devices).unwrap();
    while trainer.position.step < trainer.position.total_steps() {
        trainer.step().unwrap();
    }
    let seen = trainer.position.total_steps() * 12;
    let right = trainer.sync().unwrap().correct;
    assert!(right > 0.8 * seen as f32, "{right} of {seen} while it learned");
    // The network as it is served: with the statistics that the three have shared.
    let classifier = glyphic_model::Classifier::new(
        trainer.network(),
        data.labels.clone(),
        &ComputeDevice::cpu().device,
    );
    let outcome = evaluate(&classifier, &data.validation).unwrap();
    assert_eq!(outcome.score.accuracy, 1.0);
}

#[test]
fn a_batch_too_small_for_the_devices_is_refused() {
    let data = data();
    let config = TrainConfig { batch_size: 2, ..TrainConfig::default() };
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let network = NetworkConfig::small(2);
    let position = Position::start(config, network, "made".into(), record, labels, false);
    let error = Trainer::new(position, &data.training, &vec![ComputeDevice::cpu(); 3]).err();
    let words = error.unwrap().to_string();
    assert_eq!(words, "a batch of 2 cannot be shared by 3 devices");
}
