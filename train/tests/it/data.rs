//! Data is read as it is, or refused with the file's name and the remedy.

use std::{fs, path::Path};

use crate::common::{errors, folder, repository, run, small_mnist, two_symbols, whole_pictures};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{Glyph, checkpoint::sha256, glyph::PIXELS, preprocess::Pictures};
use glyphic_runtime::decode::{decode, png};
use glyphic_train::data::{DataError, load, load_for_evaluation, samples};
use serde_json::json;

#[test]
fn mnist_is_whole() {
    let data =
        load(&repository().join("artifacts/datasets/mnist"), Pictures::Ink, 1.0 / 12.0).unwrap();
    assert_eq!(
        (data.training.len(), data.validation.len(), data.test.len()),
        (55_000, 5_000, 10_000)
    );
    assert_eq!(data.labels, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    // The checksums of the original distribution.
    let sums: Vec<&str> = data.record.files.iter().map(|file| &file.sha256[..8]).collect();
    assert_eq!(sums, ["ba891046", "65a50cbb", "0fa7898d", "ff7bcfd4"]);
}

#[test]
fn the_split_is_the_same_every_time_and_overlaps_nowhere() {
    let folder = folder();
    let path = small_mnist(folder.path(), 500);
    let ids = |examples: &[glyphic_train::data::Example]| {
        let mut ids: Vec<String> = examples.iter().map(|e| sha256(e.glyph.pixels())).collect();
        ids.sort();
        ids
    };
    let (a, b) =
        (load(&path, Pictures::Ink, 0.2).unwrap(), load(&path, Pictures::Ink, 0.2).unwrap());
    assert_eq!(ids(&a.validation), ids(&b.validation));
    assert_eq!((a.training.len(), a.validation.len()), (400, 100));
    let held_back = ids(&a.validation);
    assert!(ids(&a.training).iter().all(|id| held_back.binary_search(id).is_err()));
}

#[test]
fn labels_come_from_the_data() {
    let folder = folder();
    let path = small_mnist(folder.path(), 50);
    // Values 3 and 7 only, named by a list.
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 50];
    labels.extend((0..50).map(|i| if i % 2 == 0 { 3u8 } else { 7 }));
    fs::write(path.join("train-labels-idx1-ubyte"), labels).unwrap();
    assert_eq!(load(&path, Pictures::Ink, 0.1).unwrap().labels, ["3", "7"]);
    fs::write(path.join("labels.txt"), "a\nb\nc\nd\ne\nf\ng\nh\n").unwrap();
    assert_eq!(load(&path, Pictures::Ink, 0.1).unwrap().labels, ["d", "h"]);
    fs::write(path.join("labels.txt"), "a\nb\n").unwrap();
    assert!(matches!(load(&path, Pictures::Ink, 0.1), Err(DataError::Damaged { .. })));
    fs::write(path.join("labels.txt"), "a\nb\nc\nd\ne\nf\ng\nd\n").unwrap();
    let twice = load(&path, Pictures::Ink, 0.1).err().unwrap().to_string();
    assert!(twice.contains("the label 'd' twice"), "{twice}");
}

#[test]
fn emnist_naming_is_read_turned_upright() {
    let folder = folder();
    let plain = small_mnist(folder.path(), 40);
    let upright = load(&plain, Pictures::Ink, 0.1).unwrap().training;
    let emnist = folder.path().join("emnist");
    fs::create_dir(&emnist).unwrap();
    let mut pictures = fs::read(plain.join("train-images-idx3-ubyte")).unwrap();
    for picture in pictures[16..].chunks_mut(784) {
        let stored: Vec<u8> = (0..784).map(|i| picture[i % 28 * 28 + i / 28]).collect();
        picture.copy_from_slice(&stored);
    }
    fs::write(emnist.join("emnist-digits-train-images-idx3-ubyte"), pictures).unwrap();
    fs::copy(
        plain.join("train-labels-idx1-ubyte"),
        emnist.join("emnist-digits-train-labels-idx1-ubyte"),
    )
    .unwrap();
    fs::write(
        emnist.join("emnist-digits-mapping.txt"),
        (0..10).map(|i| format!("{i} {}\n", 65 + i)).collect::<String>(),
    )
    .unwrap();
    let found = load(&emnist, Pictures::Ink, 0.1).unwrap();
    assert_eq!(found.labels[0], "A");
    for (a, b) in upright.iter().zip(&found.training) {
        assert_eq!((&a.glyph, a.label), (&b.glyph, b.label));
    }
}

#[test]
fn strokes_are_read_with_their_source() {
    let folder = folder();
    let path = folder.path().join("drawn.jsonl");
    fs::write(
        &path,
        "{\"label\":\"1\",\"source\":\"pad\",\"strokes\":[[[0,0],[1,9]]]}\n\n{\"label\":\"0\",\"strokes\":[[[0,0],[5,0],[5,5],[0,5],[0,0]]]}\n",
    )
    .unwrap();
    let set = load_for_evaluation(&path, Pictures::Ink).unwrap();
    assert_eq!(set.labels, ["0", "1"]);
    assert_eq!(set.sources, ["pad", ""]);
    assert_eq!(set.examples[0].label, 1);
    fs::write(&path, "{\"label\":\"1\",\"strokes\":[]}\n").unwrap();
    let message = load_for_evaluation(&path, Pictures::Ink).err().unwrap().to_string();
    assert!(message.contains("drawn.jsonl") && message.contains("line 1"), "{message}");
}

#[test]
fn rejects_labels_that_cannot_be_seen() {
    let folder = folder();
    let refused = |path: &Path, parts: [&str; 2]| {
        let read = if path.is_dir() {
            load(path, Pictures::Ink, 0.1).err()
        } else {
            load_for_evaluation(path, Pictures::Ink).err()
        };
        let message = read.expect("it was read").to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    // The name of a folder …
    let symbols = two_symbols(folder.path(), 4);
    fs::rename(symbols.join("plus"), symbols.join("ring\u{200b}")).unwrap();
    refused(&symbols, ["rename the folder", "U+200B"]);
    // … a line of a list …
    let numbers = small_mnist(folder.path(), 50);
    fs::write(numbers.join("labels.txt"), "0\n1\n2\n3\n4\n5\n6\n7\u{202e}\n8\n9\n").unwrap();
    refused(&numbers, ["labels.txt", "value 7 has the invisible character U+202E"]);
    // … and what is said of a drawing.
    let drawn = folder.path().join("drawn.jsonl");
    for (fields, part) in [
        ("\"label\":\"1\u{ad}\"", "its label has the invisible character U+00AD"),
        (
            "\"label\":\"1\",\"source\":\"a\u{2066}\"",
            "its source has the invisible character U+2066",
        ),
        ("\"label\":\"123456789012345678901234567890123\"", "its label is longer than 32"),
    ] {
        fs::write(&drawn, format!("{{{fields},\"strokes\":[[[0,0],[1,9]]]}}\n")).unwrap();
        refused(&drawn, ["line 1", part]);
    }
}

/// Reads a directory after `change`, and returns the message, which must name
/// the file.
#[track_caller]
fn refused(file: &str, change: impl FnOnce(&Path)) -> String {
    let folder = folder();
    let path = small_mnist(folder.path(), 50);
    change(&path.join(file));
    let message = load(&path, Pictures::Ink, 0.1).err().expect("it was read").to_string();
    assert!(message.contains(file), "{message}");
    message
}

fn write_byte(path: &Path, at: usize, byte: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] = byte;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, length: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..length]).unwrap();
}

#[test]
fn rejects_a_missing_file() {
    refused("train-labels-idx1-ubyte", |path| fs::remove_file(path).unwrap());
}

#[test]
fn rejects_a_truncated_file() {
    let message = refused("train-images-idx3-ubyte", |path| cut(path, 20_000));
    assert!(message.contains("header says"), "{message}");
    let message = refused("train-images-idx3-ubyte", |path| cut(path, 10));
    assert!(message.contains("truncated"), "{message}");
    refused("train-labels-idx1-ubyte", |path| cut(path, 0));
}

#[test]
fn rejects_a_wrong_magic_number() {
    let message = refused("train-images-idx3-ubyte", |path| write_byte(path, 2, 9));
    assert!(message.contains("magic number"), "{message}");
}

#[test]
fn rejects_pictures_of_another_size() {
    let message = refused("train-images-idx3-ubyte", |path| write_byte(path, 11, 32));
    assert!(message.contains("[32, 28]"), "{message}");
}

#[test]
fn rejects_a_count_that_lies() {
    refused("train-images-idx3-ubyte", |path| write_byte(path, 4, 0xff));
}

#[test]
fn rejects_another_number_of_labels_than_pictures() {
    let message = refused("train-labels-idx1-ubyte", |path| {
        cut(path, 8 + 49);
        write_byte(path, 7, 49);
    });
    assert!(message.contains("49 labels for 50 pictures"), "{message}");
}

#[test]
fn rejects_a_damaged_gzip() {
    let message = refused("train-labels-idx1-ubyte.gz", |path| {
        fs::write(path, b"\x1f\x8b\x08\0rubbish").unwrap();
    });
    assert!(message.contains("cannot be unpacked"), "{message}");
}

#[test]
fn rejects_what_its_checksum_does_not_fit() {
    let message = refused("train-labels-idx1-ubyte", |path| {
        let sums = format!("{}  train-labels-idx1-ubyte\n", "0".repeat(64));
        fs::write(path.with_file_name("SHA256SUMS"), sums).unwrap();
    });
    assert!(message.contains("SHA256SUMS"), "{message}");
}

#[test]
fn rejects_a_test_label_that_training_does_not_have() {
    let folder = folder();
    let path = small_mnist(folder.path(), 50);
    for name in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
        fs::copy(path.join(format!("train-{name}")), path.join(format!("t10k-{name}"))).unwrap();
    }
    write_byte(&path.join("t10k-labels-idx1-ubyte"), 8, 200);
    let message = load(&path, Pictures::Ink, 0.1).err().unwrap().to_string();
    assert!(message.contains("t10k-labels-idx1-ubyte") && message.contains("200"), "{message}");
}

#[test]
fn rejects_evaluating_without_a_test_set() {
    let folder = folder();
    let path = small_mnist(folder.path(), 50);
    let message = load_for_evaluation(&path, Pictures::Ink).err().unwrap().to_string();
    assert!(message.contains("no test set"), "{message}");
    // Half a test set is a missing file, not none.
    fs::copy(path.join("train-labels-idx1-ubyte"), path.join("t10k-labels-idx1-ubyte")).unwrap();
    let message = load(&path, Pictures::Ink, 0.1).err().unwrap().to_string();
    assert!(message.contains("t10k-images-idx3-ubyte"), "{message}");
}

#[test]
fn samples_are_read_in_every_form() {
    let folder = folder();
    let file = folder.path().join("samples.jsonl");
    let picture = fs::read(repository().join("model/tests/pictures/5_1bit.png")).unwrap();
    let glyph = decode(&picture).unwrap().glyph().unwrap();
    let lines = [
        json!({ "id": "drawn", "label": "1", "strokes": [[[0, 0], [9, 90]]] }),
        json!({ "label": " 5 ", "image": STANDARD.encode(&picture) }),
        json!({ "strokes": [[[0, 0], [9, 9]]] }),
        json!({ "label": "5", "held_back": true, "glyph": STANDARD.encode(glyph.pixels()) }),
    ];
    fs::write(&file, lines.map(|line| line.to_string()).join("\n")).unwrap();
    let samples = samples::read(&file, Pictures::Ink).unwrap();
    let ids: Vec<&str> = samples.iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["drawn", "line-2", "line-4"], "nobody has labelled the third");
    assert_eq!(samples.iter().map(|s| s.label.as_str()).collect::<Vec<_>>(), ["1", "5", "5"]);
    assert_eq!(
        samples.iter().map(|s| s.strokes.is_some()).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(samples[1].glyph == glyph && samples[2].glyph == glyph);
    assert!(samples[2].held_back);
}

#[test]
fn folders_are_read_as_their_pictures_are() {
    let folder = folder();
    let data = whole_pictures(folder.path(), 6);
    let whole = load(&data, Pictures::Whole, 0.2).unwrap();
    assert!(whole.generator.is_empty(), "nothing is drawn for them");
    assert!(whole.seems_whole());
    let all = || whole.training.iter().chain(&whole.validation);
    assert_eq!(all().count(), 12);
    assert!(all().all(|example| example.glyph.pixels()[0] < 3 || example.label == 1));
    // The same from 28 pixels light on dark and from 140 dark on light.
    for (label, name) in ["bar", "beam"].into_iter().enumerate() {
        let small = image::open(data.join(name).join("0.png")).unwrap().into_luma8().into_raw();
        assert!(all().any(|e| e.label == label && e.glyph.pixels()[..] == small[..]));
    }
    let set = load_for_evaluation(&data, Pictures::Whole).unwrap();
    assert_eq!(set.examples.len(), 12);
    // Read as ink, such a bar is paper.
    let refused = |pictures: Pictures| load(&data, pictures, 0.2).err().unwrap().to_string();
    let message = refused(Pictures::Ink);
    assert!(message.contains("bar/1.png") && message.contains("--pictures whole"), "{message}");
    fs::write(data.join("bar/blank.png"), png(&Glyph::new([0; PIXELS]))).unwrap();
    let message = refused(Pictures::Whole);
    assert!(message.contains("blank: it has one colour"), "{message}");
}

#[test]
fn mnist_does_not_seem_whole() {
    let folder = folder();
    let data = load(&small_mnist(folder.path(), 500), Pictures::Ink, 0.2).unwrap();
    assert!(!data.seems_whole());
    assert!(!data.generator.is_empty());
    // Nothing is drawn for whole pictures, not even of digits.
    let data = load(&folder.path().join("small"), Pictures::Whole, 0.2).unwrap();
    assert!(data.generator.is_empty());
}

#[test]
fn rejects_an_unreadable_picture() {
    let folder = folder();
    let data = two_symbols(folder.path(), 3);
    fs::write(data.join("ring/9.png"), "not a picture").unwrap();
    let message = load(&data, Pictures::Ink, 0.2).err().unwrap().to_string();
    assert!(message.contains("ring/9.png") && message.contains("remove"), "{message}");
}

#[test]
fn rejects_folders_without_data() {
    let folder = folder();
    assert!(matches!(
        load(&folder.path().join("none"), Pictures::Ink, 0.1),
        Err(DataError::Missing(_))
    ));
    assert!(matches!(load(folder.path(), Pictures::Ink, 0.1), Err(DataError::NothingFound(_))));
    let data = two_symbols(folder.path(), 2);
    fs::remove_dir_all(data.join("ring")).unwrap();
    assert!(matches!(load(&data, Pictures::Ink, 0.1), Err(DataError::TooLittle { .. })));
}

#[test]
fn bad_data_ends_the_program_with_one_message() {
    let folder = folder();
    let output = run(folder.path(), &["--data", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: there is no data at /nowhere/at/all"), "{said}");
}

#[test]
fn bad_settings_end_the_program_before_anything_is_read() {
    let folder = folder();
    for arguments in [
        ["--epochs", "0"],
        ["--learning-rate", "nan"],
        ["--batch-size", "1"],
        ["--validation", "1"],
        ["--elastic", "inf"],
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(errors(&output).contains(arguments[0]), "{}", errors(&output));
    }
}
