//! Several devices that share every batch.

use std::{
    path::Path,
    process::{Child, Stdio},
    thread::sleep,
    time::Duration,
};

use crate::common::{
    assert_success, errors, folder, manifests, run, small_mnist, train, two_symbols,
};
use glyphic_model::{network::NetworkConfig, preprocess::Pictures};
use glyphic_runtime::device::ComputeDevice;
use glyphic_train::{
    augment::random_maps,
    config::TrainConfig,
    data::{Data, load},
    evaluate::evaluate,
    random::{Purpose, rng},
    replica::Share,
    state::Position,
    trainer::Trainer,
};

fn data() -> Data {
    let folder = folder();
    load(&two_symbols(folder.path(), 16), Pictures::Ink, 0.2).unwrap()
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
    let evaluation = evaluate(&classifier, &data.validation).unwrap();
    assert_eq!(evaluation.score.accuracy, 1.0);
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
    assert!(words.starts_with("3 devices cannot share a batch of 2: name fewer"), "{words}");
}

/// Stops a run with Ctrl-C once it has saved its state.
fn interrupted(mut child: Child, folder: &Path) {
    let has_state = || {
        let runs = std::fs::read_dir(folder.join("artifacts/runs")).into_iter().flatten();
        runs.flatten().any(|run| run.path().join("state.bpk").is_file())
    };
    while !has_state() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it saved its state");
        sleep(Duration::from_millis(2));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn a_run_on_two_devices_is_resumed_to_the_same_weights() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let data = data.to_str().unwrap();
    let arguments = ["--data", data, "--epochs", "8", "--batch-size", "50", "--device", "cpu,cpu"];
    assert_success(&run(folder.path(), &arguments));
    let child = train(folder.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    interrupted(child, folder.path());
    assert_success(&run(folder.path(), &["resume", "--device", "cpu,cpu"]));
    let weights: Vec<_> = manifests(folder.path()).into_iter().map(|m| m.weights.sha256).collect();
    assert_eq!(weights.len(), 2);
    assert_eq!(weights[0], weights[1]);
}

#[test]
fn a_run_that_continues_on_other_devices_says_so() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let arguments = ["--data", data.to_str().unwrap(), "--epochs", "30", "--batch-size", "50"];
    let child = train(folder.path(), &arguments).stderr(Stdio::null()).spawn().unwrap();
    interrupted(child, folder.path());
    let output = run(folder.path(), &["resume", "--device", "cpu,cpu"]);
    assert_success(&output);
    let said = errors(&output);
    assert!(said.contains("The run began on 1 device(s) and continues on 2"), "{said}");
}
