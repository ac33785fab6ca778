//! Fine-tuning a checkpoint from a file of samples, by the program itself.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::common::{assert_success, errors, folder, manifests, run, train, two_symbols};
use glyphic_model::{checkpoint::Manifest, preprocess::Strokes};
use glyphic_runtime::{
    device::Device,
    registry::{Comparison, PromotionPolicy, Registry},
};
use serde_json::{Value, json};

/// Trains and promotes a checkpoint of plus and ring; returns its data.
fn train_two_symbols(folder: &Path) -> PathBuf {
    let data = two_symbols(folder, 16);
    let arguments =
        ["--data", data.to_str().unwrap(), "--epochs", "12", "--batch-size", "8", "--promote"];
    assert_success(&run(folder, &arguments));
    data
}

/// Samples of a third symbol, a slanted line.
fn lines(folder: &Path, label: &str) -> PathBuf {
    let file = folder.join("samples.jsonl");
    let line = |i: usize| {
        let strokes = json!([[[i as f64, 0.0], [8.0 - i as f64, 100.0 + i as f64]]]);
        json!({ "id": format!("line{i}"), "label": label, "strokes": strokes }).to_string()
    };
    fs::write(&file, (0..15).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    file
}

fn arguments<'a>(data: &'a Path, samples: &'a Path) -> Vec<&'a str> {
    vec![
        "finetune",
        "--data",
        data.to_str().unwrap(),
        "--samples",
        samples.to_str().unwrap(),
        "--examples",
        "256",
        "--epochs",
        "2",
    ]
}

fn fine_tuned(folder: &Path) -> (Manifest, Comparison) {
    let manifest =
        manifests(folder).into_iter().find(|manifest| manifest.parent.is_some()).unwrap();
    let comparison =
        folder.join("artifacts/checkpoints").join(&manifest.id).join("comparison.json");
    (manifest, serde_json::from_slice(&fs::read(comparison).unwrap()).unwrap())
}

#[test]
fn a_new_symbol_is_learned_and_the_old_ones_are_kept() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    let samples = lines(folder.path(), "/");
    let mut arguments = arguments(&data, &samples);
    arguments.push("--promote");
    let output = run(folder.path(), &arguments);
    assert_success(&output);

    let (manifest, comparison) = fine_tuned(folder.path());
    assert_eq!(manifest.labels, ["plus", "ring", "/"]);
    assert_eq!(comparison.new_labels, ["/"]);
    assert_eq!((comparison.trained_on, comparison.held_back[1].of), (12, 3));
    assert_eq!(comparison.held_back[0].right, 0, "its parent did not have it");
    assert_eq!(comparison.held_back[1].right, 3);
    assert_eq!(comparison.validation[1].right, comparison.validation[1].of);
    assert_eq!((comparison.gained, comparison.lost), (3, 0));
    assert_eq!(comparison.samples.len(), 15);
    assert_eq!(PromotionPolicy::default().by_comparison(&comparison), []);
    assert!(errors(&output).contains("Promoted"), "{}", errors(&output));

    // The parent is as it was: its statistics were not trained along.
    let registry = Registry::new(folder.path().join("artifacts"));
    assert_eq!(registry.current().unwrap(), manifest.id);
    let parent = registry.load(manifest.parent.as_ref().unwrap(), &Device::flex()).unwrap();
    assert_eq!(parent.manifest.labels, ["plus", "ring"]);

    // And it reads a line that it has not seen.
    let line = Strokes::new(vec![vec![[3.5, 0.0], [4.0, 90.0]]]).unwrap().glyph().unwrap();
    let child = registry.load(&manifest.id, &Device::flex()).unwrap();
    let classifier = child.into_classifier(&Device::flex());
    assert_eq!(classifier.classify(&[line]).unwrap()[0].index, 2);

    // The next of the chain is compared with the first checkpoint too.
    let more = lines(folder.path(), "\\");
    assert_success(&run(folder.path(), &self::arguments(&data, &more)));
    let grandchild = manifests(folder.path())
        .into_iter()
        .find(|grandchild| grandchild.parent.as_ref() == Some(&manifest.id))
        .unwrap();
    let next = registry.comparison(&grandchild.id).unwrap().unwrap();
    assert_eq!((comparison.first, next.first), (None, Some(comparison.validation[0])));

    // Another parent than the promoted one, and more samples than examples that are replayed.
    let parent = manifest.parent.clone().unwrap();
    arguments.retain(|argument| *argument != "--promote");
    arguments.extend(["--from", &parent, "--sample-share", "1"]);
    arguments.extend(["--learning-rate", "0.002", "--seed", "5"]);
    assert_success(&run(folder.path(), &arguments));
    let other = manifests(folder.path())
        .into_iter()
        .find(|other| other.parent.as_ref() == Some(&parent) && other.id != manifest.id)
        .unwrap();
    assert_eq!(other.parent.as_ref(), Some(&parent));
    assert_eq!(
        (&other.training["learning_rate"], &other.training["seed"]),
        (&json!(0.002), &json!(5))
    );
    let examples = [&manifest, &other].map(|of| of.datasets[0].training);
    assert!(examples[0] < 128 && examples[1] >= 256, "{examples:?}");
}

#[test]
fn two_devices_learn_what_one_learns() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    let samples = lines(folder.path(), "/");
    let mut arguments = arguments(&data, &samples);
    arguments.extend(["--device", "cpu,cpu"]);
    assert_success(&run(folder.path(), &arguments));
    let (_, comparison) = fine_tuned(folder.path());
    assert_eq!(comparison.held_back[1].right, 3);
    assert_eq!(comparison.validation[1].right, comparison.validation[1].of);
}

#[test]
fn a_stopped_fine_tuning_is_resumed_to_the_same_weights() {
    let whole = folder();
    let data = train_two_symbols(whole.path());
    let samples = lines(whole.path(), "/");
    let long = |epochs: &'static str| {
        let mut arguments = arguments(&data, &samples);
        arguments.truncate(arguments.len() - 1);
        arguments.push(epochs);
        arguments
    };
    assert_success(&run(whole.path(), &long("24")));
    let weights = fine_tuned(whole.path()).0.weights.sha256;
    let id = fine_tuned(whole.path()).0.id;
    fs::remove_dir_all(whole.path().join("artifacts/checkpoints").join(id)).unwrap();

    let mut child = train(whole.path(), &long("24")).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    // Epochs are over: the state is saved.
    let _ = said.find(|line| line.as_ref().unwrap().starts_with("  3/24 ")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let output = run(whole.path(), &["resume"]);
    assert_success(&output);
    assert!(errors(&output).contains("Resuming"), "{}", errors(&output));
    assert!(errors(&output).contains("held-back samples"), "it is compared: {}", errors(&output));
    assert_eq!(fine_tuned(whole.path()).0.weights.sha256, weights);
}

#[test]
fn a_child_reports_its_progress_and_ends_with_its_parent() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    let samples = lines(folder.path(), "/");
    let mut arguments = arguments(&data, &samples);
    arguments.extend(["--as-child"]);
    let mut child = train(folder.path(), &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<Value> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(child.wait().unwrap().success());
    assert!(lines[0]["run"].as_str().unwrap().starts_with("tuned-"), "{lines:?}");
    let epochs = lines.iter().filter(|line| line["epoch"].is_object()).count();
    assert_eq!(epochs, 2);
    assert!(lines.last().unwrap()["finished"].as_str().unwrap().starts_with("tuned-"));

    // When its parent has ended, it stops and leaves nothing.
    arguments[8] = "5000";
    let mut child = train(folder.path(), &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _ = lines.find(|line| line.as_ref().unwrap().contains("progress")).unwrap();
    drop(child.stdin.take());
    let _ = lines.count();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(folder.path().join("artifacts/runs")).unwrap().count(), 0);
}

/// What a server's file says that nobody vouches for.
#[test]
fn what_does_not_count_brings_no_label_and_measures_nothing() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    let samples = lines(folder.path(), "/");
    let strange = |i: usize| {
        // A new label, one that the parent has, and one that the samples that count bring.
        let label = ["bad", "plus", "/"][i % 3];
        let strokes = json!([[[0, i], [30, 40 + i], [60 - i, 0], [10, 70]]]);
        json!({
            "id": format!("strange{i}"), "label": label, "strokes": strokes,
            "held_back": i >= 24, "trusted": false, "confirmed": false,
        })
    };
    let mut text = fs::read_to_string(&samples).unwrap();
    (0..30).for_each(|i| text += &format!("\n{}", strange(i)));
    fs::write(&samples, text).unwrap();
    assert_success(&run(folder.path(), &arguments(&data, &samples)));
    let (manifest, comparison) = fine_tuned(folder.path());
    assert_eq!(manifest.labels, ["plus", "ring", "/"]);
    assert_eq!(comparison.held_back[1].of, 3, "those that count");
    // Of the others, eight of each known label are trained on.
    assert_eq!(comparison.trained_on, 12 + 16);
    assert!(comparison.samples.iter().all(|reading| reading.label != "bad"));
    assert!(comparison.changed.iter().all(|changed| changed.set != "held_back"));
}

#[test]
fn rejects_samples_that_cannot_be_learned() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    let file = folder.path().join("samples.jsonl");
    for (content, expected) in [
        ("", "no labelled sample"),
        ("{\"strokes\": [[[0, 0], [9, 9]]]}", "no labelled sample"),
        (
            "{\"label\": \"a\", \"held_back\": true, \"strokes\": [[[0, 0], [9, 9]]]}",
            "no labelled sample",
        ),
        (
            "{\"label\": \"a\", \"trusted\": false, \"strokes\": [[[0, 0], [9, 9]]]}",
            "no labelled sample",
        ),
        ("{\"label\": \" \", \"strokes\": [[[0, 0], [9, 9]]]}", "label is empty"),
        ("{\"label\": \"a\\u200b\", \"strokes\": [[[0, 0], [9, 9]]]}", "U+200B"),
        ("{\"label\": \"a\"}", "no glyph, no strokes and no image"),
        ("{\"label\": \"a\", \"strokes\": []}", "nothing is drawn"),
        ("{\"label\": \"a\", \"glyph\": \"AAAA\"}", "784 pixels"),
        ("nonsense", "line 1"),
    ] {
        fs::write(&file, content).unwrap();
        let output = run(folder.path(), &arguments(&data, &file));
        assert!(!output.status.success(), "{content}");
        assert!(errors(&output).contains(expected), "{content}: {}", errors(&output));
    }
    // Data that the checkpoint was not trained on.
    let samples = lines(folder.path(), "/");
    let other = crate::common::small_mnist(folder.path(), 50);
    let output = run(folder.path(), &arguments(&other, &samples));
    assert!(errors(&output).contains("give the checkpoint's own data"), "{}", errors(&output));
    assert_eq!(manifests(folder.path()).len(), 1, "nothing was published");
}

#[test]
fn an_audit_finds_the_labels_that_were_exchanged() {
    let folder = folder();
    let data = train_two_symbols(folder.path());
    fs::rename(data.join("plus/3.png"), data.join("ring/plus3.png")).unwrap();
    let audited = |more: &[&str]| -> Value {
        let arguments = ["audit", "--data", data.to_str().unwrap()];
        assert_success(&run(folder.path(), &[&arguments[..], more].concat()));
        let audits = folder.path().join("artifacts/audits");
        let file = fs::read_dir(audits).unwrap().next().unwrap().unwrap().path();
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    let audit = audited(&[]);
    assert_eq!((&audit["doubted"], &audit["examples"]), (&json!(1), &json!(32)), "{audit}");
    let doubt = &audit["doubts"][0];
    assert_eq!((&doubt["label"], &doubt["suggested"]), (&json!("ring"), &json!("plus")));
    // The most that are listed.
    let audit = audited(&["--most", "0"]);
    assert_eq!((&audit["doubted"], &audit["doubts"]), (&json!(1), &json!([])), "{audit}");
}
