//! Training on devices that other processes lend: `train lend` and
//! `--device remote:URL`, over real sockets. The lenders compute with burn-flex.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{assert_success, errors, folder, manifests, small_mnist};
use glyphic_model::{Classifier, network::NetworkConfig, preprocess::Pictures};
use glyphic_runtime::device::{ComputeDevice, RemoteAddress, TOKEN_VARIABLE};
use glyphic_train::{
    config::TrainConfig,
    data::{Data, load},
    evaluate::logits,
    state::Position,
    trainer::Trainer,
};

/// The token that the lenders require.
const TOKEN: &str = "sesame";

/// A process that lends its CPU, and where.
struct Lender {
    process: Child,
    url: String,
}

impl Lender {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_trainer"))
            .args(["lend", "--device", "cpu", "--listen", "127.0.0.1:0"])
            .env(TOKEN_VARIABLE, TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // Nobody reads its other lines, which must not end it.
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit("remote:").next().unwrap().to_owned();
        assert!(url.starts_with("ws://127.0.0.1:"), "{line}");
        Self { process, url }
    }

    fn choice(&self) -> String {
        format!("remote:{}", self.url)
    }

    fn open(&self) -> ComputeDevice {
        self.url.parse::<RemoteAddress>().unwrap().connect(TOKEN).unwrap()
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The `train` program with the lenders' token.
fn train(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = crate::common::train(folder, arguments);
    command.env(TOKEN_VARIABLE, TOKEN);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    train(folder, arguments).output().unwrap()
}

fn small(folder: &Path) -> Data {
    load(&small_mnist(folder, 600), Pictures::Ink, 0.1).unwrap()
}

/// The losses of eight steps, and the logits of the network after them.
fn eight_steps(data: &Data, devices: &[ComputeDevice]) -> (Vec<f32>, Vec<Vec<f32>>) {
    let config = TrainConfig { epochs: 1, batch_size: 48, ..TrainConfig::default() };
    let network = NetworkConfig::small(data.labels.len());
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let position = Position::start(config, network, "made".into(), record, labels, false);
    let mut trainer = Trainer::new(position, &data.training, devices).unwrap();
    let mut before = 0.0;
    let losses = (0..8)
        .map(|_| {
            trainer.step().unwrap();
            let sum = trainer.sync().unwrap().loss;
            sum - std::mem::replace(&mut before, sum)
        })
        .collect();
    let classifier = Classifier::new(trainer.network(), data.labels.clone(), &devices[0].device);
    (losses, logits(&classifier, &data.validation).unwrap())
}

#[track_caller]
fn assert_alike(data: &Data, here: &[ComputeDevice], there: &[ComputeDevice]) {
    let ((losses, logits), (far_losses, far_logits)) =
        (eight_steps(data, here), eight_steps(data, there));
    for (step, (a, b)) in losses.iter().zip(&far_losses).enumerate() {
        // Here the CPU's own code computes, there burn. The same pictures through the same
        // network have the same loss; then a sum within rounding of 0 may be let through on
        // one side only, and the runs part.
        let most = [1e-5, 1e-3].get(step).unwrap_or(&3e-2);
        assert!((a - b).abs() < most * a, "here {losses:?}, there {far_losses:?}");
    }
    assert!(losses[7] < 0.8 * losses[0], "nothing was learned: {losses:?}");
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let (near, far) = (logits.iter().flatten(), far_logits.iter().flatten());
    let apart = length(&mut near.clone().zip(far).map(|(a, b)| a - b));
    let apart = apart / length(&mut near.copied());
    assert!(apart < 0.1, "logits there are {apart} of their length from those here");
}

#[test]
fn a_lent_device_trains_like_this_one() {
    let folder = folder();
    let lender = Lender::start();
    assert_alike(&small(folder.path()), &[ComputeDevice::cpu()], &[lender.open()]);
}

#[test]
fn two_lenders_share_batches_as_two_devices_of_one_process_do() {
    let folder = folder();
    let (first, second) = (Lender::start(), Lender::start());
    let here = vec![ComputeDevice::cpu(); 2];
    assert_alike(&small(folder.path()), &here, &[first.open(), second.open()]);
}

#[test]
fn a_run_on_a_lent_device_ends_in_a_checkpoint_like_any_other() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let lender = Lender::start();
    let (there, here) = (lender.choice(), "cpu".to_owned());
    for device in [&there, &here] {
        let arguments = [
            "--data",
            data.to_str().unwrap(),
            "--epochs",
            "2",
            "--batch-size",
            "50",
            "--device",
            device,
        ];
        assert_success(&run(folder.path(), &arguments));
    }
    let manifests = manifests(folder.path());
    let accuracy = |at: usize| manifests[at].metrics.validation.accuracy * 50.0;
    // One of 50 examples may fall to the other side.
    assert!((accuracy(0) - accuracy(1)).abs() <= 1.0, "{} and {}", accuracy(0), accuracy(1));
}

#[test]
fn a_lender_that_dies_ends_the_run_in_order_and_it_continues_elsewhere() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let mut lender = Lender::start();
    let device = lender.choice();
    let arguments = [
        "--data",
        data.to_str().unwrap(),
        "--epochs",
        "40",
        "--batch-size",
        "50",
        "--device",
        &device,
    ];
    let child = train(folder.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_first_epoch(folder.path());
    lender.process.kill().unwrap();

    let begun = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&lender.url) && said.contains("train resume"), "{said}");
    assert_success(&run(folder.path(), &["resume", "--device", "cpu"]));
    assert_eq!(manifests(folder.path())[0].metrics.epochs, 40);
}

fn wait_for_first_epoch(folder: &Path) {
    let begun = Instant::now();
    let epochs = || {
        let run = std::fs::read_dir(folder.join("artifacts/runs")).ok()?.next()?.ok()?;
        Some(std::fs::read_to_string(run.path().join("metrics.jsonl")).ok()?.lines().count())
    };
    while epochs().unwrap_or(0) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no epoch was finished");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_lender_asks_for_its_token() {
    let folder = folder();
    let lender = Lender::start();
    let devices = |token: &str| {
        let arguments = ["devices", "--device", &lender.choice()];
        train(folder.path(), &arguments).env(TOKEN_VARIABLE, token).output().unwrap()
    };
    for wrong in ["mellon", ""] {
        let refused = devices(wrong);
        assert!(!refused.status.success());
        let said = errors(&refused);
        assert!(said.contains("set GLYPHIC_REMOTE_TOKEN to the lender's token"), "{said}");
    }
    let accepted = devices(TOKEN);
    assert_success(&accepted);
    let said = String::from_utf8_lossy(&accepted.stdout).into_owned();
    assert!(said.contains("Self-test passed"), "{said}");
}

#[test]
fn rejects_devices_that_cannot_be_lent_or_borrowed() {
    let folder = folder();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("remote:ws://{free}");
    let output = run(folder.path(), &["devices", "--device", &nobody]);
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("`train lend` lends one"), "{said}");

    let lender = Lender::start();
    let output = run(folder.path(), &["devices", "--device", &format!("{}/7", lender.choice())]);
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("hosts only 1 device(s)"), "{said}");

    let output = run(folder.path(), &["lend", "--device", &lender.choice()]);
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("no device that is lent to it"), "{said}");

    let taken = lender.url.strip_prefix("ws://").unwrap();
    let output = run(folder.path(), &["lend", "--device", "cpu", "--listen", taken]);
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("cannot listen on"), "{said}");
}

#[test]
fn a_lender_without_a_token_makes_one() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_trainer"))
        .args(["lend", "--device", "cpu", "--listen", "127.0.0.1:0"])
        .env_remove(TOKEN_VARIABLE)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (device, token) = (lines.next().unwrap(), lines.next().unwrap());
    let lender = Lender { process, url: device.rsplit("remote:").next().unwrap().to_owned() };
    let token = token.strip_prefix("Borrowers need GLYPHIC_REMOTE_TOKEN=").unwrap();
    assert_eq!(token.len(), 32);
    let address = || lender.url.parse::<RemoteAddress>().unwrap();
    assert!(address().connect("").is_err());
    address().connect(token).unwrap();
}
