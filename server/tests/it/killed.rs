//! A process that publishes, promotes, sets aliases and removes is killed at any moment, many
//! times: the registry that it leaves is complete, can be read, and can be changed.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    common::{publish, repetitions},
    programs::Program,
};
use burn::tensor::Device;
use glyphic_runtime::registry::{Registry, RegistryError};

fn kills() -> usize {
    repetitions(100, 20)
}
/// Names the folder in which the process that is to be killed works.
const FOLDER: &str = "GLYPHIC_TEST_WORK_IN";
/// Set if another process works there too.
const SHARED: &str = "GLYPHIC_TEST_SHARED";

/// What the killed process does, without end; in an ordinary run it does nothing.
#[test]
fn works_until_it_is_killed() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let shared = env::var(SHARED).is_ok();
    let registry = Registry::new(folder);
    println!("working");
    for i in 0.. {
        let id = format!("c{:08x}-{i}", std::process::id());
        publish(&registry, &id);
        // Another one that works there may have removed it.
        for done in [
            registry.promote(&id),
            registry.set_alias("candidate", &id),
            registry.pin(&id, true),
            unpin_all_but(&registry, &id),
            if i % 3 == 2 { registry.roll_back(None).map(drop) } else { Ok(()) },
            registry.prune(4, &[]).map(drop),
        ] {
            match done {
                Ok(()) => {}
                Err(RegistryError::NotFound { .. } | RegistryError::NothingToRollBackTo)
                    if shared => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn unpin_all_but(registry: &Registry, id: &str) -> Result<(), RegistryError> {
    let marks = registry.aliases()?;
    marks.pins.iter().filter(|pinned| *pinned != id).try_for_each(|id| registry.pin(id, false))
}

/// Starts a process that works until it is dropped.
fn start_working(folder: &Path, shared: bool) -> Program {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["killed::works_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder);
    if shared {
        command.env(SHARED, "1");
    }
    let mut process = Program(command.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let begun = lines.map_while(Result::ok).any(|line| line.contains("working"));
    assert!(begun, "it did not begin");
    process
}

/// Stops a process where it is: what it leaves can be looked at.
fn pause(process: &Program) {
    signal(process, "-STOP");
    // It may be within a call of the system, which ends first.
    let stat = format!("/proc/{}/stat", process.0.id());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(process: &Program, signal: &str) {
    let id = process.0.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

#[test]
fn a_registry_survives_kills() {
    survives(false);
}

#[test]
fn a_registry_of_two_processes_survives_kills() {
    survives(true);
}

/// Kills one, while another works on in the same folder or alone.
fn survives(shared: bool) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    let mut promotions = 0;
    let mut other = shared.then(|| start_working(folder.path(), shared));
    for kill in 0..kills() {
        let process = start_working(folder.path(), shared);
        // Some die before they have published, some after a hundred changes.
        let moment = Duration::from_micros(fastrand::u64(0..150_000));
        std::thread::sleep(moment);
        drop(process);
        if let Some(other) = &mut other {
            assert!(other.0.try_wait().unwrap().is_none(), "the other one failed at kill {kill}");
            pause(other);
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
        let marks = registry.aliases().unwrap();
        for id in marks.aliases.values().chain(&marks.pins) {
            assert!(ids.contains(id), "after kill {kill} '{id}' is needed and gone");
        }
        // Most leftovers stay for the next process, which must cope with them.
        if !shared && kill % 5 == 4 {
            assert_removes_leftovers(&registry);
        }
        if let Some(other) = &other {
            signal(other, "-CONT");
        }
    }
    assert!(promotions > kills() / 2, "hardly anything was promoted: {promotions}");
    drop(other);
    assert_removes_leftovers(&registry);
}

/// What a killed process never finished writing is deleted by the next one that removes anything; what
/// it removed can be restored as a whole.
fn assert_removes_leftovers(registry: &Registry) {
    registry.prune(usize::MAX, &[]).unwrap();
    // The first process may have been killed before it made the folder.
    let names = fs::read_dir(registry.root().join("checkpoints")).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let hidden = names.filter(|name| name.starts_with('.') && !name.starts_with(".removed-"));
    assert_eq!(hidden.collect::<Vec<_>>(), [""; 0]);
    if let Some(removed) = registry.restorable().unwrap().last() {
        registry.restore(removed).unwrap();
        registry.load(removed, &Device::flex()).unwrap();
        registry.remove(removed).unwrap();
    }
}
