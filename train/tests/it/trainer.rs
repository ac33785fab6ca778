//! The step, the augmentation, and runs that fail.

use crate::common::{folder, repository, two_symbols};
use burn::tensor::{Device, Tensor};
use glyphic_model::{
    network::{NetworkConfig, normalise},
    preprocess::Pictures,
};
use glyphic_runtime::{device::ComputeDevice, registry::Registry};
use glyphic_train::{
    augment::{Augmenter, random_maps},
    batches::{DeviceSet, epoch_order},
    config::{Augmentation, TrainConfig},
    data::load,
    random::{Purpose, rng},
    self_test,
    source::BatchSource,
    state::{OPENING, Position, RunState},
    trainer::Trainer,
};

const NONE: Augmentation = Augmentation::NONE;

/// A batch of 16 pictures, `[16, 1, 28, 28]`.
fn pictures(device: &Device) -> Tensor<4> {
    let folder = folder();
    let data = load(&two_symbols(folder.path(), 16), Pictures::Ink, 0.2).unwrap();
    let first: Vec<u32> = (0..16).collect();
    DeviceSet::new(&data.training, device).pick(&first).pixels
}

fn maps(ranges: &Augmentation, batch: usize, seed: u64, step: u64) -> Vec<f32> {
    random_maps(ranges, batch, &mut rng(seed, Purpose::Augmentation, step))
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

#[test]
fn augmentation_without_ranges_changes_nothing() {
    let device = Device::flex();
    let before = pictures(&device);
    // Not exactly none, so that the pictures are resampled.
    let ranges = Augmentation { shift: 1e-6, ..NONE };
    let after =
        Augmenter::new(ranges.clone(), &device).apply(before.clone(), &maps(&ranges, 16, 1, 0));
    for (a, b) in values(before).iter().zip(values(after)) {
        assert!((a - b).abs() < 0.01, "{a} became {b}");
    }
}

#[test]
fn a_shift_of_whole_pixels_moves_whole_pixels() {
    let device = Device::flex();
    let before = pictures(&device);
    // The random shift is drawn anew for each picture; find it and undo it.
    let ranges = Augmentation { shift: 3.0, ..NONE };
    let after =
        Augmenter::new(ranges.clone(), &device).apply(before.clone(), &maps(&ranges, 16, 5, 1));
    let (before, after) = (values(before), values(after));
    let centre = |pixels: &[f32]| {
        let total: f32 = pixels.iter().sum();
        let x: f32 = pixels.iter().enumerate().map(|(i, v)| (i % 28) as f32 * v).sum();
        let y: f32 = pixels.iter().enumerate().map(|(i, v)| (i / 28) as f32 * v).sum();
        (x / total, y / total, total)
    };
    let mut moved = 0;
    for (before, after) in before.chunks(784).zip(after.chunks(784)) {
        let ((x0, y0, ink0), (x1, y1, ink1)) = (centre(before), centre(after));
        assert!((x1 - x0).abs() <= 3.01 && (y1 - y0).abs() <= 3.01);
        assert!((ink1 / ink0 - 1.0).abs() < 0.02, "ink went from {ink0} to {ink1}");
        moved += usize::from((x1 - x0).abs() > 0.2 || (y1 - y0).abs() > 0.2);
    }
    assert!(moved > 8, "only {moved} of 16 moved");
}

#[test]
fn augmentation_follows_from_seed_and_step() {
    let device = Device::flex();
    let augmenter = Augmenter::new(Augmentation::default(), &device);
    let apply = |seed, step| {
        values(augmenter.apply(pictures(&device), &maps(&Augmentation::default(), 16, seed, step)))
    };
    let first = apply(1, 7);
    assert_eq!(first, apply(1, 7));
    assert_ne!(first, apply(1, 8));
    assert_ne!(first, apply(2, 7));
    assert!(first.iter().all(|v| (0.0..=255.01).contains(v)));
    // No two pictures of a batch are changed alike.
    let same = Tensor::cat(vec![pictures(&device).narrow(0, 0, 1); 2], 0);
    let changed = values(augmenter.apply(same, &maps(&Augmentation::default(), 2, 1, 0)));
    assert_ne!(changed[..784], changed[784..]);
}

#[test]
fn the_cpu_varies_pictures_as_a_device_does() {
    let folder = folder();
    let data = load(&two_symbols(folder.path(), 16), Pictures::Ink, 0.2).unwrap();
    let device = Device::flex();
    let indices: Vec<u32> = (0..16).rev().collect();
    // So far that much of a picture leaves the field.
    let far = Augmentation { rotation: 90.0, scale: 0.5, shear: 0.5, shift: 9.0, ..NONE };
    let far = Augmentation { elastic: 3.0, ..far };
    for ranges in [Augmentation::default(), far, NONE] {
        let maps = maps(&ranges, 16, 4, 2);
        let picked = DeviceSet::new(&data.training, &device).pick(&indices);
        let pixels = Augmenter::new(ranges.clone(), &device).apply(picked.pixels, &maps);
        let expected = values(normalise(pixels));
        let batch = BatchSource::new(&data.training, &ranges, &device).batch(&indices, &maps);
        for (a, b) in values(batch.pixels).iter().zip(&expected) {
            assert!((a - b).abs() < 1e-3, "{a}, on a device {b}, {ranges:?}");
        }
        let [labels, theirs] =
            [batch.labels, picked.labels].map(|l| l.try_into_vec_as::<i32>().unwrap());
        assert_eq!(labels, theirs);
    }
}

#[test]
fn an_epoch_visits_every_example_once_in_an_order_of_its_own() {
    let order = epoch_order(1, 0, 100, 0, 0);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    assert_eq!(order, epoch_order(1, 0, 100, 0, 0));
    assert_ne!(order, epoch_order(1, 1, 100, 0, 0));
    assert_ne!(order, epoch_order(2, 0, 100, 0, 0));
}

#[test]
fn synthetic_examples_take_turns() {
    let turn = |epoch: usize| -> Vec<u32> {
        let mut order = epoch_order(1, epoch, 100, 90, 30);
        order.sort_unstable();
        assert_eq!(order.len(), 130);
        assert_eq!(order[..100], (0..100).collect::<Vec<u32>>());
        order.split_off(100)
    };
    let mut three = [turn(0), turn(1), turn(2)].concat();
    three.sort_unstable();
    assert_eq!(three, (100..190).collect::<Vec<u32>>());
    assert_eq!(turn(3), turn(0));
}

#[test]
fn the_learning_rate_rises_then_falls_to_nothing() {
    let config = TrainConfig { learning_rate: 0.01, warmup: 0.25, ..TrainConfig::default() };
    let rates: Vec<f64> = (0..100).map(|step| config.learning_rate_at(step, 100)).collect();
    assert!(rates[..25].is_sorted() && rates[25..].is_sorted_by(|a, b| a >= b));
    assert!(rates[24] > 0.0097 && rates.iter().all(|&rate| rate <= 0.01));
    assert!(rates[99] < 2e-6);
}

/// A run on two symbols with these settings, before its first step.
fn trainer(config: TrainConfig) -> Trainer {
    let folder = folder();
    let path = two_symbols(folder.path(), 16);
    let data = load(&path, Pictures::Ink, 0.2).unwrap();
    let network = NetworkConfig::small(2);
    let position = Position::start(config, network, path, data.record, data.labels, false);
    Trainer::new(position, &data.training, &[ComputeDevice::cpu()]).unwrap()
}

#[test]
fn the_loss_falls() {
    let mut trainer = trainer(TrainConfig { batch_size: 16, epochs: 20, ..TrainConfig::default() });
    trainer.step().unwrap();
    let first = trainer.sync().unwrap().loss;
    for _ in 0..15 {
        trainer.step().unwrap();
    }
    let before = trainer.sync().unwrap().loss;
    trainer.step().unwrap();
    let last = trainer.sync().unwrap().loss - before;
    assert!(last < 0.6 * first, "the loss went from {first} to {last}");
}

#[test]
fn a_diverged_run_says_so() {
    let mut trainer =
        trainer(TrainConfig { learning_rate: 1e30, batch_size: 8, ..TrainConfig::default() });
    for _ in 0..6 {
        trainer.step().unwrap();
    }
    let message = trainer.sync().unwrap_err().to_string();
    assert!(message.contains("diverged") && message.contains("--learning-rate"), "{message}");
}

#[test]
fn a_state_that_cannot_be_written_leaves_the_old_one() {
    let folder = folder();
    let mut trainer = trainer(TrainConfig { batch_size: 8, ..TrainConfig::default() });
    trainer.state().unwrap().save(folder.path()).unwrap();
    trainer.step().unwrap();
    trainer.sync().unwrap();
    let nowhere = folder.path().join("gone");
    let message = format!("{:#}", trainer.state().unwrap().save(&nowhere).unwrap_err());
    assert!(message.contains("gone/state.bpk") && message.contains("disk"), "{message}");
    assert_eq!(RunState::load(folder.path()).unwrap().position.step, 0);
}

#[test]
fn the_self_test_passes_on_the_cpu() {
    let comparison = self_test::compare(&Device::flex()).unwrap();
    assert!(comparison.passed(), "{comparison}");
}

/// What the recipe in the released checkpoint gives must be what this program makes of it. Sums in another
/// order, as on another CPU, part the runs slowly.
#[test]
fn the_released_recipe_begins_as_it_did() {
    let registry = Registry::new(repository().join("artifacts"));
    let manifest = registry.manifest(&registry.current().unwrap()).unwrap();
    let recorded: Vec<f32> = serde_json::from_value(manifest.training["opening"].clone()).unwrap();
    let config = TrainConfig::of(&manifest);
    let path = repository().join("artifacts/datasets/mnist");
    let data = load(&path, config.pictures, config.validation).unwrap();
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let position = Position::start(config, manifest.network.clone(), path, record, labels, false)
        .with_synthetic(&data.generator);
    let examples = [data.training.as_slice(), &position.pool(&data.generator)].concat();
    let mut trainer = Trainer::new(position, &examples, &[ComputeDevice::cpu()]).unwrap();
    let [means, steps] = OPENING;
    (0..means * steps).for_each(|_| trainer.step().unwrap());
    let own = &trainer.position.opening;
    assert_eq!((own.len(), recorded.len()), (means, means));
    for (own, recorded) in own.iter().zip(&recorded) {
        assert!((own - recorded).abs() < 0.02 * recorded, "{own} instead of {recorded}");
    }
}
