//! A GPU computes what the CPU computes, with fusion and autotune as users get
//! them. Runs on whatever adapter `--device gpu` takes: a real GPU, or a
//! software Vulkan driver such as Mesa's llvmpipe.

use std::sync::LazyLock;

use crate::common::{
    assert_success, errors, folder, repository, run, small_mnist, train, two_symbols,
};
use burn::tensor::Device;
use glyphic_model::{Glyph, network::NetworkConfig, preprocess::Pictures};
use glyphic_runtime::{
    device::{ComputeDevice, DeviceChoice},
    registry::Registry,
};
use glyphic_train::{
    config::TrainConfig,
    data::{load, load_for_evaluation},
    self_test::{self, LOGIT_TOLERANCE},
    state::Position,
    trainer::Trainer,
};

static GPU: LazyLock<ComputeDevice> = LazyLock::new(|| {
    DeviceChoice::Gpu(None).open().expect(
        "these tests need a Vulkan adapter; without a GPU: apt-get install mesa-vulkan-drivers",
    )
});

/// One test, because each process tunes its kernels anew: on software Vulkan that is nearly all
/// of the time.
#[test]
fn a_gpu_computes_and_trains_as_the_cpu_does() {
    logits_and_gradients_of_a_step_agree();
    the_released_checkpoint_reads_a_thousand_test_pictures_alike();
    training_goes_the_same_way();
}

fn logits_and_gradients_of_a_step_agree() {
    let comparison = self_test::compare(&GPU.device).unwrap();
    assert!(comparison.passed(), "{}: {comparison}", *GPU);
}

fn the_released_checkpoint_reads_a_thousand_test_pictures_alike() {
    let registry = Registry::new(repository().join("artifacts"));
    let id = registry.current().unwrap();
    let examples = load_for_evaluation(&registry.root().join("datasets/mnist"), Pictures::Ink)
        .unwrap()
        .examples;
    let glyphs: Vec<Glyph> = examples.iter().take(1000).map(|e| e.glyph.clone()).collect();
    let logits = |device: &Device| {
        let classifier = registry.load(&id, device).unwrap().into_classifier(device);
        let batches = glyphs.chunks(125).map(|batch| classifier.logits(batch).unwrap());
        batches.flatten().collect::<Vec<_>>()
    };
    let (cpu, gpu) = (logits(&Device::flex()), logits(&GPU.device));
    assert_eq!(cpu.len(), 1000);
    let label = |logits: &[f32]| {
        (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
    };
    for (i, (cpu, gpu)) in cpu.iter().zip(&gpu).enumerate() {
        assert_eq!(label(cpu), label(gpu), "picture {i}: {cpu:?} {gpu:?}");
        for (a, b) in cpu.iter().zip(gpu) {
            assert!((a - b).abs() <= LOGIT_TOLERANCE, "picture {i}: {cpu:?} {gpu:?}");
        }
    }
}

fn training_goes_the_same_way() {
    let folder = folder();
    let path = small_mnist(folder.path(), 200);
    let data = load(&path, Pictures::Ink, 0.2).unwrap();
    let losses = |devices: &[ComputeDevice]| -> Vec<f32> {
        let config = TrainConfig {
            batch_size: 32,
            epochs: 1,
            learning_rate: 1e-3,
            ..TrainConfig::default()
        };
        let network = NetworkConfig::small(data.labels.len());
        let (record, labels) = (data.record.clone(), data.labels.clone());
        let position = Position::start(config, network, path.clone(), record, labels, false);
        let mut trainer = Trainer::new(position, &data.training, devices).unwrap();
        let mut sum = 0.0;
        (0..5)
            .map(|_| {
                trainer.step().unwrap();
                let before = std::mem::replace(&mut sum, trainer.sync().unwrap().loss);
                sum - before
            })
            .collect()
    };
    // Alone, and as two replicas on threads of their own.
    for replicas in [1, 2] {
        let of = |device: &ComputeDevice| losses(&vec![device.clone(); replicas]);
        let (cpu, gpu) = (of(&ComputeDevice::cpu()), of(&GPU));
        for (a, b) in cpu.iter().zip(&gpu) {
            assert!((a - b).abs() < 0.02 * a, "{replicas} replicas: CPU {cpu:?}, GPU {gpu:?}");
        }
    }
}

#[test]
fn a_checkpoint_of_the_cpu_is_fine_tuned_on_the_gpu() {
    let folder = folder();
    let data = two_symbols(folder.path(), 16);
    let data = data.to_str().unwrap();
    let begin = ["--data", data, "--epochs", "12", "--batch-size", "8", "--promote"];
    assert_success(&run(folder.path(), &begin));
    let samples = folder.path().join("samples.jsonl");
    let line =
        |i: usize| format!("{{\"label\": \"/\", \"strokes\": [[[{i}, 0], [{}, 100]]]}}\n", 8 - i);
    std::fs::write(&samples, (0..7).map(line).collect::<String>()).unwrap();
    let arguments = [
        "finetune",
        "--data",
        data,
        "--samples",
        samples.to_str().unwrap(),
        "--examples",
        "64",
        "--epochs",
        "4",
    ];
    let mut command = train(folder.path(), &arguments);
    // On software Vulkan tuning every kernel in full takes minutes.
    command.env("GLYPHIC_DEVICE", "gpu").env("CUBECL_AUTOTUNE_LEVEL", "minimal");
    let output = command.output().unwrap();
    assert_success(&output);
    let said = errors(&output);
    assert!(said.contains("held-back samples: 2 of 2 correct, 0 before"), "{said}");
}
