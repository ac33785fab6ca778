//! Whole runs of the program on small data.

use std::fs;

use crate::common::{
    assert_success, errors, folder, manifests, run, small_mnist, two_symbols, whole_pictures,
};
use glyphic_model::preprocess::Pictures;
use glyphic_train::{
    card::{Card, robustness::CHANGES},
    data::{self, load},
};

#[test]
fn whole_pictures_are_learned_measured_and_exchanged_as_they_are() {
    let folder = folder();
    let data = whole_pictures(folder.path(), 40);
    let data = data.to_str().unwrap();
    let train = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert_success(&output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    train(&[
        "--data",
        data,
        "--pictures",
        "whole",
        "--network",
        "mlp",
        "--epochs",
        "6",
        "--batch-size",
        "8",
        "--promote",
    ]);
    let manifest = manifests(folder.path()).remove(0);
    assert_eq!(manifest.pictures, Pictures::Whole);
    assert_eq!(manifest.training["pictures"], "whole");
    assert_eq!(manifest.datasets.len(), 1, "nothing was drawn");
    assert!(manifest.metrics.validation.accuracy > 0.8, "{:?}", manifest.metrics);

    let said = train(&["eval", "--quick", "--data", data]);
    let together = said.lines().find(|line| line.contains("together")).unwrap();
    let percent: f64 = together.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(percent > 90.0, "{said}");
    assert!(train(&["audit", "--data", data]).contains("of 80 labels"));

    train(&["export", &manifest.id, "one.zip"]);
    train(&["export", &manifest.id, "one.onnx"]);
    train(&["import", "one.onnx", "--id", "again"]);
    fs::remove_dir_all(folder.path().join("artifacts/checkpoints").join(&manifest.id)).unwrap();
    train(&["import", "one.zip"]);
    assert!(manifests(folder.path()).iter().all(|one| one.pictures == Pictures::Whole));

    let refused =
        run(folder.path(), &["--data", data, "--pictures", "whole", "--negatives", "0.1"]);
    assert!(errors(&refused).contains("--negatives must be 0"), "{}", errors(&refused));
}

#[test]
fn the_trainer_says_if_pictures_are_probably_no_framed_ink() {
    let folder = folder();
    let path = small_mnist(folder.path(), 60);
    let train = |pictures: &str| {
        let path = path.to_str().unwrap();
        let output = run(
            folder.path(),
            &[
                "--data",
                path,
                "--pictures",
                pictures,
                "--network",
                "mlp",
                "--epochs",
                "1",
                "--synthetic",
                "0",
            ],
        );
        assert_success(&output);
        errors(&output)
    };
    let hint = "--pictures whole is probably meant";
    assert!(!train("ink").contains(hint));
    // A bar from the upper edge to the lower one in each picture.
    let file = path.join("train-images-idx3-ubyte");
    let mut bytes = fs::read(&file).unwrap();
    bytes[16..]
        .iter_mut()
        .enumerate()
        .for_each(|(i, ink)| *ink = (*ink).max(if i % 28 < 6 { 200 } else { 0 }));
    fs::write(&file, bytes).unwrap();
    let said = train("ink");
    assert_eq!(said.matches(hint).count(), 1, "{said}");
    assert!(!train("whole").contains(hint));
}

#[test]
fn learns_a_folder_of_two_symbols() {
    let folder = folder();
    let data = two_symbols(folder.path(), 16);
    let arguments =
        ["--data", data.to_str().unwrap(), "--epochs", "12", "--batch-size", "8", "--promote"];
    let output = run(folder.path(), &arguments);
    assert_success(&output);

    let manifest = manifests(folder.path()).remove(0);
    assert_eq!(manifest.labels, ["plus", "ring"]);
    assert_eq!(manifest.network.classes, 2);
    assert_eq!(manifest.metrics.test, None);
    let dataset = &manifest.datasets[0];
    assert_eq!((dataset.training, dataset.validation, dataset.files.len()), (29, 3, 32));
    assert_eq!(manifest.training["epochs"], 12);

    // It learned them, as an evaluation on all of them shows.
    let output = run(folder.path(), &["eval", "stable", "--data", data.to_str().unwrap()]);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("100.000 %  (32 of 32)") && said.contains("Speed:"), "{said}");
    let checkpoint = folder.path().join("artifacts/checkpoints").join(&manifest.id);
    for name in ["report-symbols.html", "report-symbols.json"] {
        fs::remove_file(checkpoint.join(name)).unwrap();
    }
    let arguments = ["eval", "--data", data.to_str().unwrap(), "--quick", "--report", "page.html"];
    let output = run(folder.path(), &arguments);
    assert_success(&output);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Speed:"), "{output:?}");
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("<svg"));
    assert!(!checkpoint.join("report-symbols.html").exists(), "the page is elsewhere");

    // Nothing of the run is left but its checkpoint.
    let artifacts = folder.path().join("artifacts");
    assert_eq!(fs::read_dir(artifacts.join("runs")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(artifacts.join("CURRENT")).unwrap().trim(), manifest.id);
    let path = artifacts.to_str().unwrap();
    let elsewhere = crate::common::folder();
    let list = run(elsewhere.path(), &["--artifacts", path, "list"]);
    assert!(String::from_utf8_lossy(&list.stdout).contains(&format!("* {}", manifest.id)));
}

#[test]
fn what_reads_something_else_is_promoted_only_by_force() {
    let folder = folder();
    let data = two_symbols(folder.path(), 8);
    let promote = |more: &[&str]| {
        let arguments = ["--data", data.to_str().unwrap(), "--epochs", "1", "--promote"];
        let output = run(folder.path(), &[&arguments[..], more].concat());
        assert_success(&output);
        let current = fs::read_to_string(folder.path().join("artifacts/CURRENT")).unwrap();
        (current.lines().next().unwrap().to_owned(), errors(&output))
    };
    let (first, said) = promote(&[]);
    assert!(said.contains(&format!("Checkpoint {first}, promoted,")), "{said}");
    fs::rename(data.join("plus"), data.join("cross")).unwrap();
    let (current, said) = promote(&[]);
    assert_eq!(current, first);
    assert!(said.contains("was not promoted: its labels are cross ring, not plus ring"), "{said}");
    assert!(!said.contains(", promoted,"), "{said}");
    assert_eq!(manifests(folder.path()).len(), 2, "it is published");
    let (current, said) = promote(&["--force"]);
    assert_ne!(current, first);
    assert!(said.contains(&format!("Checkpoint {current}, promoted,")), "{said}");
}

#[test]
fn leaves_metrics_events_and_a_report() {
    let folder = folder();
    let data = small_mnist(folder.path(), 300);
    let arguments = ["--data", data.to_str().unwrap(), "--epochs", "2", "--batch-size", "50"];
    let output = run(folder.path(), &arguments);
    assert_success(&output);
    // Plain lines, for there is no terminal here.
    let said = errors(&output);
    assert!(said.contains("\n  1/2 ") && said.contains("\n  2/2 "), "{said}");
    assert!(said.contains("2 epochs of 10 steps"), "{said}");
    let folders = folder.path().display().to_string();
    let widest =
        said.lines().filter(|line| !line.contains(&folders)).map(|l| l.chars().count()).max();
    assert!(widest <= Some(80), "{said}");
    assert!(!said.contains('\u{1b}'), "escape codes without a terminal: {said:?}");

    let manifest = manifests(folder.path()).remove(0);
    let checkpoint = folder.path().join("artifacts/checkpoints").join(&manifest.id);
    let lines = fs::read_to_string(checkpoint.join("metrics.jsonl")).unwrap();
    let epochs: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(epochs.len(), 2);
    assert_eq!(epochs[1]["epoch"], 2);
    assert!(epochs[0]["train_loss"].as_f64().unwrap() > 0.1);

    let events = fs::read(checkpoint.join("events.out.tfevents.0.glyphic")).unwrap();
    assert_eq!(records(&events), 3, "a version and two epochs");

    let report = fs::read_to_string(checkpoint.join("report.html")).unwrap();
    for part in ["<svg", "Confusion matrix", "data:image/png;base64,"] {
        assert!(report.contains(part), "the report lacks {part}");
    }
}

#[test]
fn an_evaluation_leaves_a_card_with_all_that_was_measured() {
    let folder = folder();
    // A plus and a ring pass for a 4 and a 0, which have synthetic examples too.
    let data = two_symbols(folder.path(), 40);
    for (symbol, digit) in [("plus", "4"), ("ring", "0")] {
        fs::rename(data.join(symbol), data.join(digit)).unwrap();
    }
    let path = data.to_str().unwrap();
    for seed in ["1", "2"] {
        let arguments = ["--data", path, "--epochs", "2", "--batch-size", "50", "--seed", seed];
        assert_success(&run(folder.path(), &arguments));
    }
    let [first, second] = manifests(folder.path()).try_into().unwrap();
    assert!(first.thresholds.rejects(), "{:?}", first.thresholds);
    assert!(first.datasets[1].name.starts_with("synthetic handwriting"));

    assert_success(&run(folder.path(), &["eval", &first.id, &second.id, "--data", path]));
    let checkpoint = folder.path().join("artifacts/checkpoints").join(&first.id);
    let card = |name: &str| -> Card {
        serde_json::from_slice(&fs::read(checkpoint.join(name)).unwrap()).unwrap()
    };
    // Trained on most of these pictures: it is not the checkpoint's own report.
    assert!(card("report.json").robustness.is_empty());
    let own = card("report-symbols.json");
    let examples = own.score.examples;
    assert_eq!(own.confusion.iter().flatten().sum::<usize>(), examples);
    assert_eq!(own.verdicts.total(), examples);
    assert_eq!(own.reliability.iter().map(|bin| bin.count).sum::<usize>(), examples);
    assert_eq!(own.robustness.len(), CHANGES.len());
    assert!(own.robustness[1..].iter().all(|kind| kind.accuracy.len() == 5));
    assert!(own.speed.unwrap().single_ms > 0.0);
    let pair = own.comparison.unwrap();
    assert_eq!(pair.other, second.id);
    assert_eq!(pair.both + pair.only_this + pair.only_other + pair.neither, examples);
    let page = fs::read_to_string(checkpoint.join("report-symbols.html")).unwrap();
    for part in ["McNemar", "Robustness", "Calibration", "<svg", "epoch 2"] {
        assert!(page.contains(part), "the report lacks {part}");
    }
    for link in page.split("href='#").skip(1).map(|rest| &rest[..rest.find('\'').unwrap()]) {
        assert!(page.contains(&format!("id='{link}'")), "nothing is behind {link}");
    }

    // Other symbols are negatives.
    let file = folder.path().join("letters.jsonl");
    let line = r#"{"label": "A", "strokes": [[[0, 9], [4, 0], [8, 9]], [[2, 6], [6, 6]]]}"#;
    fs::write(&file, line).unwrap();
    let output = run(folder.path(), &["eval", &first.id, "--data", file.to_str().unwrap()]);
    assert_success(&output);
    let letters = card("report-letters.json");
    assert_eq!((letters.score.examples, letters.negatives.len()), (0, 1));
    assert_eq!(
        (letters.negatives[0].name.as_str(), letters.negatives[0].verdicts.total()),
        ("A", 1)
    );
    assert_eq!(card("report-symbols.json").score.examples, examples);
    // In cards of older versions they have another name.
    let text = fs::read_to_string(checkpoint.join("report-letters.json")).unwrap();
    let old = text.replacen("\"negatives\"", "\"others\"", 1);
    assert_ne!(old, text);
    assert_eq!(serde_json::from_str::<Card>(&old).unwrap().negatives, letters.negatives);
}

#[test]
fn ten_drawings_make_a_new_symbol() {
    let folder = folder();
    let data = small_mnist(folder.path(), 300);
    let file = folder.path().join("hooks.jsonl");
    let hook = |i: usize| {
        format!(r#"{{"label": "hook", "strokes": [[[0, 0], [0, {}], [5, {0}]]]}}"#, 10 + i)
    };
    fs::write(&file, (0..10).map(hook).collect::<Vec<_>>().join("\n")).unwrap();
    let drawings = file.to_str().unwrap();
    let mut arguments = vec!["--data", data.to_str().unwrap(), "--drawings", drawings, "--promote"];
    arguments.extend(["--epochs", "12", "--batch-size", "50", "--synthetic", "0.4"]);
    assert_success(&run(folder.path(), &arguments));
    let manifest = manifests(folder.path()).remove(0);
    assert_eq!(manifest.labels.len(), 11);
    assert_eq!(manifest.labels[10], "hook");
    let output = run(folder.path(), &["eval", "--data", drawings]);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("100.000 %  (10 of 10)"), "{said}");

    // The drawings are kept, so that fine-tuning can generate the symbols again.
    let kept = folder.path().join("artifacts/checkpoints").join(&manifest.id);
    assert_eq!(fs::read(kept.join("drawings.jsonl")).unwrap(), fs::read(&file).unwrap());
    let samples = folder.path().join("samples.jsonl");
    let sample = r#"{"label": "Z", "strokes": [[[0, 0], [9, 0], [0, 9], [9, 9]]]}"#;
    fs::write(&samples, [sample; 10].join("\n")).unwrap();
    let arguments = ["finetune", "--samples", samples.to_str().unwrap(), "--data"];
    let more = [data.to_str().unwrap(), "--examples", "512", "--epochs", "4"];
    assert_success(&run(folder.path(), &[arguments.as_slice(), &more].concat()));
    let fine_tuned = manifests(folder.path()).into_iter().find(|m| m.parent.is_some()).unwrap();
    assert_eq!((fine_tuned.labels.len(), fine_tuned.labels[11].as_str()), (12, "Z"));
    assert!(fine_tuned.thresholds.rejects());
    let output = run(folder.path(), &["eval", &fine_tuned.id, "--data", drawings]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("100.000 %  (10 of 10)"), "{said}");

    let sheet = folder.path().join("sheet.png");
    let output = run(folder.path(), &["draw", drawings, "--out", sheet.to_str().unwrap()]);
    assert_success(&output);
    let picture = image::open(&sheet).unwrap().to_luma8();
    assert!(picture.pixels().any(|pixel| pixel[0] < 64), "nothing is drawn");

    // As they are: a row of the first three drawings, and no negatives.
    let arguments = ["draw", drawings, "--as-drawn", "--columns", "3", "--out", "mine.png"];
    let output = run(folder.path(), &arguments);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "mine.png: rows from top to bottom: hook\n");
    let picture = image::open(folder.path().join("mine.png")).unwrap().to_luma8();
    assert_eq!(picture.dimensions(), (3 * 60, 60));
    let hook = &data::strokes::read(&file).unwrap()[2].strokes;
    let (glyph, cell) =
        (hook.glyph().unwrap(), |x: u32, y: u32| picture.get_pixel(122 + x, 2 + y)[0]);
    for (i, ink) in glyph.pixels().iter().enumerate() {
        let (x, y) = (2 * (i % 28) as u32, 2 * (i / 28) as u32);
        assert_eq!(cell(x, y), 255 - ink, "the pixel {i} of the third drawing");
    }
}

/// Counts TFRecords and checks their checksums.
fn records(mut bytes: &[u8]) -> usize {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8);
    let mut count = 0;
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(8);
        let (checksum, rest) = rest.split_at(4);
        assert_eq!(masked(length).to_le_bytes(), checksum);
        let (data, rest) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (checksum, rest) = rest.split_at(4);
        assert_eq!(masked(data).to_le_bytes(), checksum);
        bytes = rest;
        count += 1;
    }
    count
}

#[test]
fn the_same_seed_gives_the_same_weights_and_another_seed_others() {
    let folder = folder();
    let data = two_symbols(folder.path(), 8);
    let weights = |seed: &str| {
        let before = manifests(folder.path()).len();
        let arguments = [
            "--data",
            data.to_str().unwrap(),
            "--epochs",
            "2",
            "--batch-size",
            "4",
            "--seed",
            seed,
        ];
        assert_success(&run(folder.path(), &arguments));
        let mut all = manifests(folder.path());
        assert_eq!(all.len(), before + 1);
        all.sort_by_key(|manifest| {
            fs::metadata(folder.path().join("artifacts/checkpoints").join(&manifest.id))
                .unwrap()
                .modified()
                .unwrap()
        });
        all.pop().unwrap().weights.sha256
    };
    let (first, again, other) = (weights("3"), weights("3"), weights("4"));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn trains_the_network_of_a_file() {
    let folder = folder();
    let data = two_symbols(folder.path(), 8);
    let network = folder.path().join("mlp.json");
    fs::write(&network, r#"{ "convolutions": [], "hidden": [16, 16] }"#).unwrap();
    let arguments =
        ["--data", data.to_str().unwrap(), "--network", network.to_str().unwrap(), "--epochs", "1"];
    assert_success(&run(folder.path(), &arguments));
    let manifest = manifests(folder.path()).remove(0);
    assert_eq!(manifest.parameters, 785 * 16 + 17 * 16 + 17 * 2);
}

#[test]
fn the_recipe_learns_digits_in_seconds() {
    let folder = folder();
    let data = small_mnist(folder.path(), 6000);
    let arguments =
        ["--data", data.to_str().unwrap(), "--epochs", "3", "--seed", "1", "--device", "cpu"];
    assert_success(&run(folder.path(), &arguments));
    let manifest = manifests(folder.path()).remove(0);
    let accuracy = manifest.metrics.validation.accuracy;
    println!("{:.2} % of {} held back", 100.0 * accuracy, manifest.metrics.validation.examples);
    assert!(accuracy >= 0.97, "{accuracy}");
    // Negatives are rejected by now.
    assert!(manifest.thresholds.rejects(), "{:?}", manifest.thresholds);
}

#[test]
fn a_teacher_changes_the_weights() {
    let folder = folder();
    let data = small_mnist(folder.path(), 400);
    let arguments = ["--data", data.to_str().unwrap(), "--epochs", "1"];
    assert_success(&run(folder.path(), &arguments));
    let teacher = manifests(folder.path()).remove(0);
    assert_success(&run(folder.path(), &[&arguments[..], &["--teacher", &teacher.id]].concat()));
    let all = manifests(folder.path());
    let student = all.iter().find(|manifest| manifest.id != teacher.id).unwrap();
    assert_eq!(student.training["teacher"], teacher.id.as_str());
    assert_ne!(student.weights.sha256, teacher.weights.sha256);

    // A teacher that was not trained on negatives cannot teach them.
    assert!(teacher.thresholds.rejects());
    assert_success(&run(folder.path(), &[&arguments[..], &["--negatives", "0"]].concat()));
    let all = manifests(folder.path());
    let trusting = all.iter().find(|manifest| !manifest.thresholds.rejects()).unwrap();
    let output = run(folder.path(), &[&arguments[..], &["--teacher", &trusting.id]].concat());
    assert!(!output.status.success());
    assert!(errors(&output).contains("give --negatives 0"), "{output:?}");

    let symbols = two_symbols(folder.path(), 8);
    let output =
        run(folder.path(), &["--data", symbols.to_str().unwrap(), "--teacher", &teacher.id]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("has other labels than the data"), "{output:?}");
}

#[test]
fn every_command_has_help() {
    let folder = folder();
    let said = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert_success(&output);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Usage:"), "{arguments:?}: {said}");
        said
    };
    let all = said(&["--help"]);
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty()).filter_map(|line| {
        line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next()
    });
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.contains(&"finetune") && commands.len() >= 11, "{commands:?}");
    for command in commands {
        said(&[command, "--help"]);
    }
}

#[test]
fn numbers_that_stand_for_something_have_no_synthetic_examples() {
    let folder = folder();
    let data = small_mnist(folder.path(), 100);
    fs::remove_file(data.join("labels.txt")).unwrap();
    assert_success(&run(folder.path(), &["--data", data.to_str().unwrap(), "--epochs", "1"]));
    let manifest = manifests(folder.path()).remove(0);
    assert_eq!((manifest.datasets.len(), manifest.thresholds.in_distribution), (1, 0.0));

    // Not even beside a user's drawings.
    let drawings = folder.path().join("mine.jsonl");
    fs::write(&drawings, r#"{"label": "hook", "strokes": [[[0, 0], [0, 9], [5, 9]]]}"#).unwrap();
    let data = load(&data, Pictures::Ink, 0.1).unwrap().with_drawings(&drawings).unwrap();
    assert_eq!(data.labels[10], "hook");
    assert_eq!(data.generator.labels().collect::<Vec<_>>(), [10]);
}
