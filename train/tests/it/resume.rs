//! A run that is stopped or killed continues as if nothing had happened.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use glyphic_train::state::RunState;

use crate::common::{assert_success, errors, folder, manifests, run, small_mnist, train};

/// A rate with as many digits as a run's state keeps.
const RATE: [&str; 2] = ["--learning-rate", "0.00121547425007628"];

/// Trains on 600 pictures, and on synthetic ones, for four epochs of sixteen steps.
fn start(folder: &Path, data: &Path) -> Child {
    let mut arguments =
        vec!["--data", data.to_str().unwrap(), "--epochs", "4", "--batch-size", "50"];
    arguments.extend(RATE);
    train(folder, &arguments).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(child: Child) {
    assert_success(&child.wait_with_output().unwrap());
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let runs = fs::read_dir(folder.join("artifacts/runs")).into_iter().flatten().flatten();
    runs.map(|entry| entry.path()).collect()
}

/// Waits until the run has written this many lines of metrics.
fn wait_for_epochs(folder: &Path, child: &mut Child, epochs: usize) {
    let begun = Instant::now();
    let written = || {
        let run = runs(folder).pop()?;
        Some(fs::read_to_string(run.join("metrics.jsonl")).ok()?.lines().count())
    };
    while written().unwrap_or(0) < epochs {
        assert!(begun.elapsed() < Duration::from_secs(60), "no epoch was finished");
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        sleep(Duration::from_millis(2));
    }
}

fn interrupt(child: &Child) {
    let status = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// The sha256 of the weights that an uninterrupted run makes.
fn uninterrupted(data: &Path) -> String {
    let folder = folder();
    finish(start(folder.path(), data));
    manifests(folder.path()).remove(0).weights.sha256
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let expected = uninterrupted(&data);

    // Ctrl-C in the middle of the second epoch, then kill -9 in the third.
    let mut child = start(folder.path(), &data);
    wait_for_epochs(folder.path(), &mut child, 1);
    sleep(Duration::from_millis(60));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(errors(&output).contains("train resume"), "{}", errors(&output));
    assert!(manifests(folder.path()).is_empty());

    let mut child = train(folder.path(), &["resume"]).stderr(Stdio::null()).spawn().unwrap();
    wait_for_epochs(folder.path(), &mut child, 2);
    sleep(Duration::from_millis(60));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(manifests(folder.path()).is_empty());

    assert_success(&run(folder.path(), &["resume"]));
    let manifest = manifests(folder.path()).remove(0);
    assert_eq!(manifest.weights.sha256, expected);
    assert_eq!(manifest.metrics.epochs, 4);
    let metrics =
        folder.path().join("artifacts/checkpoints").join(&manifest.id).join("metrics.jsonl");
    assert_eq!(fs::read_to_string(metrics).unwrap().lines().count(), 4);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn kill_at_any_moment_leaves_no_half_checkpoint_and_loses_no_finished_epoch() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let expected = uninterrupted(&data);
    let mut child = start(folder.path(), &data);
    let mut epochs_before = 0;
    for moment in 0u64.. {
        // Later and later: the end of a run is not saved in parts.
        sleep(Duration::from_millis(37 + 61 * (moment * 7 % 11) + 90 * moment));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the resumed run failed: {status}");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Every checkpoint that the registry lists is whole and loads.
        let registry = glyphic_runtime::registry::Registry::new(folder.path().join("artifacts"));
        for id in registry.ids().unwrap() {
            registry.load(&id, &burn::tensor::Device::flex()).unwrap();
        }
        if let Some(run) = runs(folder.path()).pop().filter(|run| run.join("state.bpk").exists()) {
            let epochs = RunState::load(&run).unwrap().position.epochs.len();
            assert!(epochs >= epochs_before, "{epochs} epochs after {epochs_before}");
            epochs_before = epochs;
            child = train(folder.path(), &["resume"]).stderr(Stdio::null()).spawn().unwrap();
        } else if manifests(folder.path()).is_empty() {
            // Killed before the first state: there is nothing to resume yet.
            child = start(folder.path(), &data);
        } else {
            break;
        }
    }
    assert_eq!(manifests(folder.path()).remove(0).weights.sha256, expected);
}

#[test]
fn rejects_resuming_a_run_of_another_version() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let mut child = start(folder.path(), &data);
    wait_for_epochs(folder.path(), &mut child, 1);
    interrupt(&child);
    child.wait().unwrap();
    let run_folder = runs(folder.path()).pop().unwrap();
    let mut state = RunState::load(&run_folder).unwrap();
    state.position.trainer += 1;
    state.save(&run_folder).unwrap();
    let output = run(folder.path(), &["resume"]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("begun by version 2 of the trainer"), "{}", errors(&output));
}

#[test]
fn rejects_resuming_on_other_data() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let mut child = start(folder.path(), &data);
    wait_for_epochs(folder.path(), &mut child, 1);
    interrupt(&child);
    child.wait().unwrap();
    small_mnist(folder.path(), 599);
    let output = run(folder.path(), &["resume"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("has changed since the run began"), "{}", errors(&output));
    assert_eq!(runs(folder.path()).len(), 1, "the run is kept");

    // The same data may be elsewhere.
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let moved = small_mnist(&elsewhere, 600);
    assert_success(&run(folder.path(), &["resume", "--data", moved.to_str().unwrap()]));
    assert_eq!(manifests(folder.path()).len(), 1);
}

#[test]
fn rejects_a_damaged_state() {
    let folder = folder();
    let run_folder = folder.path().join("artifacts/runs/broken");
    fs::create_dir_all(&run_folder).unwrap();
    for junk in [&b""[..], b"rubbish", &[0; 5000]] {
        fs::write(run_folder.join("state.bpk"), junk).unwrap();
        let output = run(folder.path(), &["resume"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains("state.bpk"), "{}", errors(&output));
    }
    let output = run(folder.path(), &["resume", "nothing"]);
    assert!(errors(&output).contains("no unfinished run 'nothing'"), "{}", errors(&output));
}

#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_ends_the_run_and_loses_nothing_saved() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    // No file may grow over this limit: the first state fits, the next ones,
    // with the optimiser's moments, do not. Writing fails as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_trainer"), "--data"])
        .arg(&data)
        .args([
            "--epochs",
            "4",
            "--batch-size",
            "50",
            "--device",
            "cpu",
            "--artifacts",
            "artifacts",
        ])
        .args(RATE)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains("cannot write the run's state") && said.contains("train resume"),
        "{said}"
    );
    assert!(said.contains("state.bpk") && said.contains("the last state is kept"), "{said}");
    let run_folder = runs(folder.path()).pop().unwrap();
    let state = RunState::load(&run_folder).unwrap();
    assert_eq!(state.position.step, 0);
    // Nothing half written is left, and with room the run continues to its end.
    let mut names: Vec<_> = fs::read_dir(&run_folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["events.out.tfevents.0.glyphic", "lock", "metrics.jsonl", "state.bpk"]);
    assert_success(&run(folder.path(), &["resume"]));
    assert_eq!(manifests(folder.path()).remove(0).weights.sha256, uninterrupted(&data));
}

#[test]
fn a_run_that_was_killed_after_publishing_is_finished_by_resuming() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let mut child = start(folder.path(), &data);
    wait_for_epochs(folder.path(), &mut child, 2);
    interrupt(&child);
    child.wait().unwrap();
    // A kill between publishing and removing the run leaves both behind.
    let run_folder = runs(folder.path()).pop().unwrap();
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::copy(run_folder.join("state.bpk"), kept.join("state.bpk")).unwrap();
    assert_success(&run(folder.path(), &["resume"]));
    let published = manifests(folder.path());
    fs::rename(&kept, &run_folder).unwrap();
    assert_success(&run(folder.path(), &["resume"]));
    assert_eq!(manifests(folder.path()), published);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn the_next_start_removes_what_a_killed_publication_left() {
    let folder = folder();
    let data = small_mnist(folder.path(), 200);
    let data = data.to_str().unwrap();
    let checkpoints = folder.path().join("artifacts/checkpoints");
    let leftover = checkpoints.join(".publish-xyz");
    fs::create_dir_all(&leftover).unwrap();
    fs::write(leftover.join("weights.bpk"), "half of it").unwrap();
    let train = || {
        assert_success(&run(folder.path(), &["--data", data, "--epochs", "1"]));
        manifests(folder.path()).len()
    };

    // While another process publishes, the folder may be the one that it is writing.
    let publishing = fs::File::create(folder.path().join("artifacts/.publish.lock")).unwrap();
    publishing.lock_shared().unwrap();
    assert_eq!(train(), 1);
    assert!(leftover.is_dir(), "it is not removed while its owner may be alive");

    drop(publishing);
    assert_eq!(train(), 2);
    assert!(!leftover.exists(), "it is removed");
}

#[test]
fn rejects_resuming_a_run_that_is_being_trained() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let mut child = start(folder.path(), &data);
    wait_for_epochs(folder.path(), &mut child, 1);
    let output = run(folder.path(), &["resume"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("another process is training"), "{}", errors(&output));
    finish(child);
}
