//! Data is read as it lies on people's disks: as publishers name it, as programs unpack it, and with
//! what systems and editors leave in it.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use glyphic_model::preprocess::Pictures;
use glyphic_train::data::{Data, load, load_for_evaluation, samples};
use image::{GrayImage, codecs::jpeg::JpegEncoder};

use crate::common::{errors, folder, run, small_mnist, two_symbols};

fn read(data: &Path) -> Data {
    load(data, Pictures::Ink, 0.2).unwrap()
}

#[track_caller]
fn refused(data: &Path, parts: &[&str]) {
    let message = load(data, Pictures::Ink, 0.2).err().expect("it was read").to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// A file's name, its new name, and how its content is changed.
type Renamed = (&'static str, &'static str, fn(Vec<u8>) -> Vec<u8>);

/// Another folder with files of an IDX folder under other names, each changed by a function.
fn renamed(from: &Path, name: &str, files: &[Renamed]) -> PathBuf {
    let folder = from.with_file_name(name);
    for (old, new, change) in files {
        let new = folder.join(new);
        fs::create_dir_all(new.parent().unwrap()).unwrap();
        fs::write(new, change(fs::read(from.join(old)).unwrap())).unwrap();
    }
    folder
}

fn same(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// Labels of one byte as QMNIST's rows of eight numbers, gzipped.
fn rows(bytes: Vec<u8>) -> Vec<u8> {
    let mut file = vec![0, 0, 12, 2];
    file.extend(&bytes[4..8]);
    file.extend([0, 0, 0, 8]);
    for label in &bytes[8..] {
        file.extend([0, 0, 0, *label]);
        file.extend([0, 0, 0x10, 7].repeat(7));
    }
    gzipped(&file)
}

#[test]
fn idx_folders_are_read_as_they_were_unpacked() {
    const PICTURES: &str = "train-images-idx3-ubyte";
    const LABELS: &str = "train-labels-idx1-ubyte";
    let folder = folder();
    let plain = small_mnist(folder.path(), 50);
    let expected = read(&plain);
    let two_members = |bytes: Vec<u8>| [gzipped(&bytes[..99]), gzipped(&bytes[99..])].concat();
    let gz: fn(Vec<u8>) -> Vec<u8> = |bytes| gzipped(&bytes);
    let list: Renamed = ("labels.txt", "labels.txt", same);
    let cases: [(&str, &[Renamed]); 9] = [
        (
            "dots",
            &[
                (PICTURES, "train-images.idx3-ubyte", same),
                (LABELS, "train-labels.idx1-ubyte", same),
            ],
        ),
        (
            "folders",
            &[
                (PICTURES, "train-images-idx3-ubyte/train-images-idx3-ubyte", same),
                (LABELS, "train-labels-idx1-ubyte/train-labels-idx1-ubyte", same),
            ],
        ),
        (
            "both",
            &[
                (PICTURES, "train-images-idx3-ubyte/train-images-idx3-ubyte", same),
                (PICTURES, "train-images.idx3-ubyte", same),
                (LABELS, "train-labels-idx1-ubyte/train-labels-idx1-ubyte", same),
                (LABELS, "train-labels.idx1-ubyte", same),
            ],
        ),
        (
            "gz in folders",
            &[
                (PICTURES, "train-images-idx3-ubyte.gz/train-images-idx3-ubyte", same),
                (LABELS, "train-labels.idx1-ubyte.gz", gz),
            ],
        ),
        (
            "by a browser",
            &[
                (PICTURES, "train-images-idx3-ubyte.gz", same),
                (LABELS, "train-labels-idx1-ubyte.gz", gz),
            ],
        ),
        (
            "members",
            &[
                (PICTURES, "train-images-idx3-ubyte.gz", two_members),
                (LABELS, "train-labels-idx1-ubyte", gz),
            ],
        ),
        (
            "in train",
            &[
                (PICTURES, "train/train-images-idx3-ubyte", same),
                (LABELS, "train/train-labels-idx1-ubyte", same),
            ],
        ),
        (
            "by a Mac",
            &[
                (PICTURES, "train-images-idx3-ubyte", same),
                (LABELS, "._train-images-idx3-ubyte", same),
                (LABELS, "train-labels-idx1-ubyte", same),
            ],
        ),
        (
            "capitals",
            &[
                (PICTURES, "Train-Images.IDX3-ubyte", same),
                (LABELS, "Train-Labels.IDX1-ubyte", same),
            ],
        ),
    ];
    for (name, files) in cases {
        let found = read(&renamed(&plain, name, &[files, &[list]].concat()));
        assert_eq!(found.labels, expected.labels, "{name}");
        assert_eq!(found.record.files, expected.record.files, "{name}");
        assert!(
            found.training.iter().zip(&expected.training).all(|(a, b)| a.glyph == b.glyph),
            "{name}"
        );
    }
}

#[test]
fn qmnist_is_read_and_its_labels_are_digits() {
    let folder = folder();
    let plain = small_mnist(folder.path(), 50);
    let data = renamed(
        &plain,
        "qmnist",
        &[
            ("train-images-idx3-ubyte", "qmnist-train-images-idx3-ubyte.gz", |bytes| {
                gzipped(&bytes)
            }),
            ("train-labels-idx1-ubyte", "qmnist-train-labels-idx2-int.gz", rows),
            ("train-images-idx3-ubyte", "qmnist-test-images-idx3-ubyte.gz", |bytes| {
                gzipped(&bytes)
            }),
            ("train-labels-idx1-ubyte", "qmnist-test-labels-idx2-int.gz", rows),
        ],
    );
    let (found, expected) = (read(&data), read(&plain));
    assert_eq!((&found.labels, found.test.len()), (&expected.labels, 50));
    assert!(found.training.iter().zip(&expected.training).all(|(a, b)| a.label == b.label));
    assert!(!found.generator.is_empty(), "digits can be drawn");
}

#[test]
fn lists_of_labels_are_read_as_editors_save_them() {
    let folder = folder();
    let data = small_mnist(folder.path(), 50);
    let list = data.join("labels.txt");
    let digits = "0\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n";
    fs::write(&list, format!("\u{feff}{digits}")).unwrap();
    assert_eq!(read(&data).labels[0], "0");
    fs::write(&list, digits.replace('7', "e\u{301}")).unwrap();
    assert_eq!(read(&data).labels[7], "é");
    let utf16: Vec<u8> = digits.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[&b"\xff\xfe"[..], &utf16].concat(), utf16] {
        fs::write(&list, bytes).unwrap();
        refused(&data, &["labels.txt", "UTF-16: save it as UTF-8"]);
    }
    fs::write(&list, digits.replace('7', "\u{e9}").replace('2', "e\u{301}")).unwrap();
    refused(&data, &["labels.txt", "the label 'é' twice, in line 3 and in line 8"]);
    fs::write(&list, b"0\n1\n2\n\xe9\n").unwrap();
    refused(&data, &["labels.txt", "not UTF-8 text (line 4)"]);
    fs::write(&list, digits.replace('7', "\u{feff}7")).unwrap();
    refused(&data, &["labels.txt", "U+FEFF"]);
}

#[test]
fn lines_of_json_are_read_as_editors_save_them() {
    let folder = folder();
    let file = folder.path().join("drawn.jsonl");
    let line = "{\"label\": \"e\u{301}\", \"strokes\": [[[0, 0], [9, 90]]]}\r\n";
    // Two files that were joined.
    fs::write(&file, format!("\u{feff}{line}\u{feff}{line}")).unwrap();
    let set = load_for_evaluation(&file, Pictures::Ink).unwrap();
    assert_eq!((set.labels, set.examples.len()), (vec!["é".to_owned()], 2));
    let read = samples::read(&file, Pictures::Ink).unwrap();
    assert_eq!(read.iter().map(|sample| sample.label.as_str()).collect::<Vec<_>>(), ["é", "é"]);
    fs::write(&file, [line.as_bytes(), b"\"\xe9\""].concat()).unwrap();
    let refused = [
        load_for_evaluation(&file, Pictures::Ink).err().unwrap().to_string(),
        samples::read(&file, Pictures::Ink).err().unwrap().to_string(),
    ];
    for message in refused {
        let says = message.contains("drawn.jsonl") && message.contains("(line 2)");
        assert!(says, "{message}");
    }
}

#[test]
fn checksums_are_read_as_other_systems_write_them() {
    let folder = folder();
    let data = small_mnist(folder.path(), 50);
    let name = "train-labels-idx1-ubyte";
    let sum = glyphic_model::checkpoint::sha256(&fs::read(data.join(name)).unwrap());
    let sums = |sum: &str| {
        let text = format!("\u{feff}{} *{name}\r\n", sum.to_ascii_uppercase());
        fs::write(data.join("SHA256SUMS"), text).unwrap();
    };
    sums(&sum);
    read(&data);
    sums(&"0".repeat(64));
    refused(&data, &[name, "SHA256SUMS"]);
}

#[test]
fn what_systems_leave_among_pictures_is_passed_over() {
    let folder = folder();
    let data = two_symbols(folder.path(), 4);
    for path in [
        "plus/Thumbs.db",
        "ring/desktop.ini",
        "ring/.DS_Store",
        "ring/._0.png",
        "__MACOSX/ring/._0.png",
        "__pycache__/x.pyc",
        ".git/config",
        "@eaDir/plus/0.png",
    ] {
        fs::create_dir_all(data.join(path).parent().unwrap()).unwrap();
        fs::write(data.join(path), "a system's").unwrap();
    }
    let found = read(&data);
    assert_eq!(found.labels, ["plus", "ring"]);
    assert_eq!((found.record.files.len(), found.notes.len()), (8, 0));
    // Others are counted, and named once.
    for path in ["plus/notes.txt", "plus/list", "ring/a.csv", "ring/b.csv"] {
        fs::write(data.join(path), "from Ana").unwrap();
    }
    let notes = read(&data).notes;
    let expected = "4 files are no pictures and were left out: plus/list, plus/notes.txt, \
                    ring/a.csv and 1 more.";
    assert_eq!(notes, [expected]);
    assert_eq!(load_for_evaluation(&data, Pictures::Ink).unwrap().notes, [expected]);
    // Without any picture, they are all there is.
    let photos = folder.path().join("photos");
    for label in ["cat", "dog"] {
        fs::create_dir_all(photos.join(label)).unwrap();
        fs::write(photos.join(label).join("1.heic"), b"\0\0\0\x18ftypheic").unwrap();
    }
    refused(&photos, &["it has no pictures", "2 files are no pictures", "cat/1.heic"]);
    // A picture that cannot be read is no such file.
    fs::write(data.join("ring/5.png"), "").unwrap();
    refused(&data, &["ring/5.png", "empty"]);
}

#[test]
fn a_picture_that_was_cut_off_is_refused() {
    let folder = folder();
    let data = two_symbols(folder.path(), 4);
    let picture = image::open(data.join("ring/0.png")).unwrap().into_luma8();
    let large = image::imageops::resize(&picture, 280, 280, image::imageops::FilterType::Triangle);
    let path = data.join("ring/5.jpg");
    write_jpeg(&large, &path);
    assert_eq!(read(&data).record.files.len(), 9);
    let whole = fs::read(&path).unwrap();
    for tenth in 1..10 {
        fs::write(&path, &whole[..whole.len() * tenth / 10]).unwrap();
        refused(&data, &["ring/5.jpg", "repair or remove the file"]);
    }
}

fn write_jpeg(picture: &GrayImage, path: &Path) {
    let mut bytes = Vec::new();
    JpegEncoder::new(&mut bytes).encode_image(picture).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn folders_without_pictures_are_named_and_are_no_labels() {
    let folder = folder();
    let data = two_symbols(folder.path(), 4);
    fs::create_dir_all(data.join("star/more")).unwrap();
    fs::create_dir(data.join("dot")).unwrap();
    let found = read(&data);
    assert_eq!(found.labels, ["plus", "ring"]);
    assert_eq!(found.notes, ["No picture is in dot, star: left out."]);
    fs::remove_dir_all(data.join("ring")).unwrap();
    refused(&data, &["examples of 1 label(s)", "at least two", "No picture is in dot, star"]);
    let output = run(folder.path(), &["--data", data.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(errors(&output).lines().count(), 1, "{}", errors(&output));
}

#[test]
fn folders_that_look_the_same_are_one_label() {
    let folder = folder();
    let data = two_symbols(folder.path(), 4);
    fs::rename(data.join("plus"), data.join("e\u{301}")).unwrap();
    fs::rename(data.join("ring"), data.join("é")).unwrap();
    fs::create_dir(data.join("x")).unwrap();
    fs::rename(data.join("é/0.png"), data.join("x/0.png")).unwrap();
    let found = read(&data);
    assert_eq!(found.labels, ["x", "é"]);
    assert_eq!(found.record.files.len(), 8);
    let odd = data.join(OsStr::from_bytes(b"caf\xe9"));
    fs::rename(data.join("x"), odd).unwrap();
    refused(&data, &["its name, which is a label, is not UTF-8; rename the folder"]);
}

#[test]
fn folders_of_a_training_set_and_a_test_set_are_used_as_such() {
    for (train, test) in [("train", "test"), ("training", "testing"), ("Train", "Test")] {
        let folder = folder();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::rename(two_symbols(folder.path(), 6), data.join(train)).unwrap();
        assert_eq!(read(&data).labels, ["plus", "ring"], "without a test set");
        fs::rename(two_symbols(folder.path(), 3), data.join(test)).unwrap();
        let found = read(&data);
        assert_eq!((found.test.len(), found.notes.len()), (6, 0));
        assert_eq!(found.training.len() + found.validation.len(), 12);
        let set = load_for_evaluation(&data, Pictures::Ink).unwrap();
        assert_eq!(set.examples.len(), 6);
        fs::create_dir(data.join("val")).unwrap();
        assert_eq!(
            read(&data).notes,
            ["Neither the training set nor the test set is in val: left out."]
        );
        fs::rename(data.join(train).join("ring"), data.join("ring")).unwrap();
        refused(&data, &[test, "no training picture has its label 'ring'"]);
    }
    // Pictures of trains and of tests.
    let folder = folder();
    let data = two_symbols(folder.path(), 3);
    fs::rename(data.join("plus"), data.join("train")).unwrap();
    fs::rename(data.join("ring"), data.join("test")).unwrap();
    assert_eq!(read(&data).labels, ["test", "train"]);
}

#[test]
fn where_there_is_no_data_it_says_what_lies_one_level_down() {
    let folder = folder();
    let (symbols, mnist) = (two_symbols(folder.path(), 2), small_mnist(folder.path(), 20));
    let [symbols, mnist] = [symbols, mnist].map(|path| path.display().to_string());
    let pictures = format!("{symbols} (subfolders of pictures)");
    let files = format!("{mnist} (IDX files)");
    refused(folder.path(), &["give one of them with --data", &pictures, &files]);
    let set = load_for_evaluation(folder.path(), Pictures::Ink).err().unwrap().to_string();
    assert!(set.contains(&pictures), "{set}");
    // One level too low.
    let ring = Path::new(&symbols).join("ring");
    refused(&ring, &["has pictures, but not in subfolders"]);
}
