//! Whoever publishes, promotes, labels and removes is killed at any moment, a hundred times:
//! what is left can be read, is whole, and goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use burn::tensor::Device;
use common::publish;
use glyphic_model::checkpoint::{CheckpointError, Registry};

const KILLS: usize = 100;
/// Names the folder in which the process that is to be killed works.
const FOLDER: &str = "GLYPHIC_TEST_WORK_IN";

/// What the killed process does, without end; in an ordinary run it does nothing.
#[test]
fn works_until_it_is_killed() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let registry = Registry::new(folder);
    println!("working");
    for i in 0.. {
        let id = format!("c{:08x}-{i}", std::process::id());
        publish(&registry, &id);
        // Another one that works there may have removed it.
        for done in [
            registry.promote(&id),
            registry.label("candidate", &id),
            registry.pin(&id, true),
            unpin_all_but(&registry, &id),
            if i % 3 == 2 { registry.roll_back(None).map(drop) } else { Ok(()) },
            registry.prune(4, &[]).map(drop),
        ] {
            if let Err(error) = done {
                let theirs =
                    [CheckpointError::NothingToRollBackTo.to_string(), "no checkpoint".to_owned()];
                let text = error.to_string();
                assert!(theirs.iter().any(|part| text.contains(part)), "{text}");
            }
        }
    }
}

fn unpin_all_but(registry: &Registry, id: &str) -> Result<(), CheckpointError> {
    let marks = registry.marks()?;
    marks.pins.iter().filter(|pinned| *pinned != id).try_for_each(|id| registry.pin(id, false))
}

fn start(folder: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["works_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("working")), "it did not begin");
    child
}

/// Stops a process where it is, or lets it go on: what it leaves can be looked at.
fn pause(child: &Child, pause: bool) {
    let signal = if pause { "-STOP" } else { "-CONT" };
    let done = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_registry_survives_a_hundred_kills() {
    survives(false);
}

#[test]
fn a_registry_of_two_processes_survives_a_hundred_kills() {
    survives(true);
}

/// Kills one, while another works on in the same folder or alone.
fn survives(shared: bool) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    let mut promotions = 0;
    let mut other = shared.then(|| start(folder.path()));
    for kill in 0..KILLS {
        let mut child = start(folder.path());
        // Some die before they have published, some after a hundred changes.
        let moment = Duration::from_micros(fastrand::u64(0..150_000));
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        if let Some(other) = &mut other {
            assert!(other.try_wait().unwrap().is_none(), "the other one failed at kill {kill}");
            pause(other, true);
        }

        // Every name is of a checkpoint that is whole.
        let ids = registry.ids().unwrap();
        for id in &ids {
            if let Err(error) = registry.load(id, &Device::flex()) {
                panic!("after kill {kill} '{id}' cannot be read: {error}");
            }
        }
        let history = registry.history().unwrap();
        if let Some(current) = history.first() {
            assert!(ids.contains(current), "after kill {kill} '{current}' is promoted and gone");
            promotions += 1;
        }
        let marks = registry.marks().unwrap();
        for id in marks.labels.values().chain(&marks.pins) {
            assert!(ids.contains(id), "after kill {kill} '{id}' is needed and gone");
        }
        // What was being removed is removed by the next one that removes.
        let names = fs::read_dir(folder.path().join("checkpoints")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let doomed = names.filter(|name| name.starts_with(".removed")).count();
        assert!(doomed <= 8, "after kill {kill} {doomed} folders wait to be removed");
        if let Some(other) = &other {
            pause(other, false);
        }
    }
    if let Some(mut other) = other {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    assert!(promotions > KILLS / 2, "hardly anything was promoted: {promotions}");
}
