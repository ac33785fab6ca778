//! `train sweep`: many runs, stopped and continued, and their table.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use crate::common::{assert_success, errors, folder, run, small_mnist, train, two_symbols};

/// Writes a sweep's file and gives the command's arguments.
fn sheet(folder: &Path, text: &str) -> String {
    let file = folder.join("rates.toml");
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn sweep_folder(folder: &Path) -> PathBuf {
    folder.join("artifacts/sweeps/rates")
}

/// The lines of the table as columns, without the head.
fn table(folder: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(sweep_folder(folder).join("table.csv")).unwrap();
    reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// When each run's weights were written.
fn written(folder: &Path) -> Vec<SystemTime> {
    table(folder)
        .iter()
        .filter(|line| line[2] == "done")
        .map(|line| {
            let file = Path::new(&line[7]).join("manifest.json");
            fs::metadata(folder.join(file)).unwrap().modified().unwrap()
        })
        .collect()
}

#[test]
fn a_sweep_finds_the_better_setting_and_can_grow() {
    let folder = folder();
    let data = two_symbols(folder.path(), 16);
    let text = |rates: &str, seeds: &str| {
        format!(
            "seeds = {seeds}\n[settings]\nepochs = 8\nbatch_size = 8\n[vary]\nlearning_rate = {rates}\n"
        )
    };
    let file = sheet(folder.path(), &text("[1e-9, 3e-3]", "[1, 2]"));
    let arguments = ["sweep", &file, "--data", data.to_str().unwrap()];
    let output = run(folder.path(), &arguments);
    assert_success(&output);
    let said = errors(&output);
    let lines: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("held back")).collect();
    assert!(lines[1].ends_with("learning_rate 0.003"), "{said}");
    assert!(lines[2].ends_with("learning_rate 1e-9"), "{said}");
    assert!(lines[1].starts_with("100.00 ± 0.00"), "{said}");

    let rows = table(folder.path());
    assert_eq!(rows.len(), 4);
    let column = |at: usize| rows.iter().map(|row| row[at].as_str()).collect::<Vec<_>>();
    assert_eq!(column(0), ["1e-9", "1e-9", "0.003", "0.003"]);
    assert_eq!(column(1), ["1", "2", "1", "2"]);
    assert_eq!(column(2), ["done"; 4]);
    let report = fs::read_to_string(sweep_folder(folder.path()).join("report.html")).unwrap();
    assert!(report.contains("4 of 4 runs done") && report.matches("<polyline").count() == 4);
    // Each run left a checkpoint that knows no test set; none is in the main registry.
    for row in &rows {
        let manifest = fs::read(folder.path().join(&row[7]).join("manifest.json")).unwrap();
        let manifest: glyphic_model::checkpoint::Manifest =
            serde_json::from_slice(&manifest).unwrap();
        assert!(manifest.metrics.test.is_none());
    }
    assert!(crate::common::manifests(folder.path()).is_empty());

    // Started again, it does nothing twice; with more settings it does only the new runs.
    let before = written(folder.path());
    assert_success(&run(folder.path(), &arguments));
    assert_eq!(written(folder.path()), before);
    sheet(folder.path(), &text("[1e-9, 3e-3, 1e-3]", "[1, 2]"));
    assert_success(&run(folder.path(), &arguments));
    let after = written(folder.path());
    assert_eq!((after.len(), &after[..4]), (6, before.as_slice()));
}

#[test]
fn a_sweep_that_is_stopped_or_killed_continues() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let file = sheet(
        folder.path(),
        "seeds = [1, 2]\n[settings]\nepochs = 4\nbatch_size = 50\n[vary]\nlearning_rate = [2e-3, 1e-3]\n",
    );
    let arguments = ["sweep", &file, "--data", data.to_str().unwrap(), "--parallel", "2"];
    let digests = |folder: &Path| {
        table(folder)
            .iter()
            .map(|row| {
                let manifest = fs::read(folder.join(&row[7]).join("manifest.json")).unwrap();
                let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
                manifest["weights"]["sha256"].as_str().unwrap().to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_success(&run(folder.path(), &arguments));
    let expected = digests(folder.path());
    fs::remove_dir_all(sweep_folder(folder.path())).unwrap();

    for signal in ["-INT", "-KILL"] {
        let mut child = train(folder.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        let states = || {
            let runs = fs::read_dir(sweep_folder(folder.path()).join("runs")).into_iter().flatten();
            runs.flatten().any(|run| run.path().join("runs").is_dir())
        };
        while !states() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no run has begun");
            assert!(child.try_wait().unwrap().is_none(), "the sweep ended early");
            sleep(Duration::from_millis(2));
        }
        // Into the runs, not only to their beginning.
        sleep(Duration::from_millis(300));
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        if signal == "-INT" {
            assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
            assert!(
                errors(&output).contains("The same command continues the sweep"),
                "{}",
                errors(&output)
            );
            assert!(table(folder.path()).iter().any(|row| row[2] == "open"));
        }
    }
    assert_success(&run(folder.path(), &arguments));
    assert_eq!(digests(folder.path()), expected);
}

#[test]
fn a_run_that_fails_is_named_and_the_others_are_done() {
    let folder = folder();
    let data = two_symbols(folder.path(), 16);
    let file = sheet(
        folder.path(),
        "[settings]\nepochs = 2\nbatch_size = 8\n[vary]\nlearning_rate = [2e-3, 1e-3]\n",
    );
    let arguments = ["sweep", &file, "--data", data.to_str().unwrap()];
    assert_success(&run(folder.path(), &arguments));
    // One run's checkpoint is damaged behind its back.
    let row = &table(folder.path())[0];
    fs::write(folder.path().join(&row[7]).join("manifest.json"), "{").unwrap();
    let output = run(folder.path(), &arguments);
    assert!(!output.status.success());
    let said = errors(&output);
    assert!(said.contains("1 of 2 runs failed"), "{said}");
    let rows = table(folder.path());
    assert!(rows[0][2].starts_with("failed: ") && rows[1][2] == "done", "{rows:?}");
    let report = fs::read_to_string(sweep_folder(folder.path()).join("report.html")).unwrap();
    assert!(report.contains("Failed runs"));
}

#[test]
fn two_processes_do_not_do_the_same_sweep() {
    let folder = folder();
    let data = small_mnist(folder.path(), 600);
    let file = sheet(folder.path(), "[settings]\nepochs = 50\n[vary]\nlearning_rate = [1e-3]\n");
    let arguments = ["sweep", &file, "--data", data.to_str().unwrap()];
    let mut first = train(folder.path(), &arguments).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !sweep_folder(folder.path()).join("runs").is_dir() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(5));
    }
    let output = run(folder.path(), &arguments);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!output.status.success());
    let said = errors(&output);
    assert!(said.contains("another process is training the sweep 'rates'"), "{said}");
}
