//! Files of samples as other people's programs and systems make them.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use glyphic_model::{Glyph, glyph::PIXELS, preprocess::Pictures};
use glyphic_runtime::decode::png;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{Read, Reading, read};
use crate::samples::{FormatError, Keeping};

fn imported(file: &[u8]) -> Result<Read, FormatError> {
    let (reading, _reader) = Reading::new(Pictures::Ink, 100);
    read(file, &reading, Keeping::default())
}

fn labels(file: &[u8]) -> Vec<String> {
    let read = imported(file).unwrap();
    read.samples.into_iter().map(|sample| sample.label.unwrap()).collect()
}

fn problem(file: &[u8]) -> String {
    imported(file).unwrap_err().to_string()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// A bar, like an upright 1, in another place for each number.
fn bar(place: usize) -> Glyph {
    Glyph::new(std::array::from_fn(|i| {
        let (x, y) = (i % 28, i / 28);
        if x.abs_diff(10 + place) < 2 && (5..23).contains(&y) { 255 } else { 0 }
    }))
}

/// The IDX file of this many bars.
fn pictures(count: u8) -> Vec<u8> {
    let mut file = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28];
    (0..count).for_each(|place| file.extend(bar(usize::from(place)).pixels()));
    file
}

/// The IDX file of labels of one byte each.
fn numbers(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()
}

/// QMNIST's file of labels, of eight numbers each.
fn rows(labels: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 12, 2, 0, 0, 0, labels.len() as u8, 0, 0, 0, 8];
    labels.iter().for_each(|&label| {
        file.extend([0, 0, 0, label]);
        file.extend([0, 0, 1, 7].repeat(7));
    });
    file
}

#[test]
fn sets_are_read_under_their_publishers_names() {
    let (three, list) = (pictures(3), numbers(&[7, 1, 7]));
    let (packed, packed_list) = (gzipped(&three), gzipped(&list));
    let qmnist = gzipped(&rows(&[7, 1, 7]));
    let cases: [&[(&str, &[u8])]; 6] = [
        &[("train-images.idx3-ubyte", &three), ("train-labels.idx1-ubyte", &list)],
        &[("train-images-idx3-ubyte.gz", &packed), ("train-labels-idx1-ubyte.gz", &packed_list)],
        // Unpacked by a browser, under the old name.
        &[("train-images-idx3-ubyte.gz", &three), ("train-labels-idx1-ubyte.gz", &packed_list)],
        &[
            ("mnist/t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", &three),
            ("mnist/t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte", &list),
        ],
        &[
            ("qmnist-train-images-idx3-ubyte.gz", &packed),
            ("qmnist-train-labels-idx2-int.gz", &qmnist),
        ],
        &[
            ("__MACOSX/._train-images-idx3-ubyte", b"Mac OS X"),
            ("train-images-idx3-ubyte", &three),
            ("._train-labels-idx1-ubyte", b"Mac OS X"),
            ("train-labels-idx1-ubyte", &list),
        ],
    ];
    for files in cases {
        assert_eq!(labels(&zipped(files)), ["7", "1", "7"], "{}", files[0].0);
    }
    let both = zipped(&[
        ("t10k-images-idx3-ubyte", &pictures(1)),
        ("t10k-labels-idx1-ubyte", &numbers(&[4])),
        ("train-images-idx3-ubyte", &three),
        ("train-labels-idx1-ubyte", &list),
    ]);
    assert_eq!(labels(&both), ["7", "1", "7", "4"]);
    let half = zipped(&[("train-images.idx3-ubyte", &three)]);
    assert!(problem(&half).contains("no train-labels-idx1-ubyte"), "{}", problem(&half));
    let two = zipped(&[
        ("train-images-idx3-ubyte", &three),
        ("train-labels-idx1-ubyte", &numbers(&[7, 1])),
    ]);
    assert!(problem(&two).contains("2 labels for 3 pictures"), "{}", problem(&two));
}

#[test]
fn emnist_is_turned_upright_and_named_by_its_mapping() {
    let mut turned = pictures(2);
    for picture in turned[16..].chunks_mut(PIXELS) {
        let stored: Vec<u8> = (0..PIXELS).map(|i| picture[i % 28 * 28 + i / 28]).collect();
        picture.copy_from_slice(&stored);
    }
    let read = imported(&zipped(&[
        ("gzip/emnist-letters-train-images-idx3-ubyte.gz", &gzipped(&turned)),
        ("gzip/emnist-letters-train-labels-idx1-ubyte.gz", &gzipped(&numbers(&[1, 2]))),
        ("gzip/emnist-letters-mapping.txt", b"1 65 97\r\n2 66 98\r\n"),
    ]));
    let samples = read.unwrap().samples;
    assert_eq!(
        samples.iter().map(|s| s.label.as_deref()).collect::<Vec<_>>(),
        [Some("A"), Some("B")]
    );
    assert!(samples[0].glyph == bar(0) && samples[1].glyph == bar(1));
}

#[test]
fn texts_are_read_as_editors_save_them() {
    let set = |list: &[u8]| {
        zipped(&[
            ("train-images-idx3-ubyte", &pictures(3)),
            ("train-labels-idx1-ubyte", &numbers(&[0, 1, 0])),
            ("labels.txt", list),
        ])
    };
    assert_eq!(labels(&set("\u{feff}a\r\nb\r\n".as_bytes())), ["a", "b", "a"]);
    assert_eq!(labels(&set("e\u{301}\nb\n".as_bytes())), ["é", "b", "é"]);
    for (list, part) in [
        (&b"\xff\xfea\0\n\0b\0"[..], "labels.txt: it is in UTF-16"),
        (b"a\n\xe9\n", "labels.txt: it is not UTF-8 text (line 2)"),
        ("é\ne\u{301}\n".as_bytes(), "twice, in line 1 and in line 2"),
        ("a\nb\u{200b}\n".as_bytes(), "U+200B"),
    ] {
        assert!(problem(&set(list)).contains(part), "{}", problem(&set(list)));
    }
    let pixels = bar(1).pixels().iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    let csv = format!("\u{feff}e\u{301},{pixels}\r\n7,{pixels}\r\n");
    assert_eq!(labels(csv.as_bytes()), ["é", "7"]);
    let names: String = (0..PIXELS).map(|i| format!(",pixel{i}")).collect();
    let csv = format!("\u{feff}label{names}\n7,{pixels}\n");
    assert_eq!(labels(csv.as_bytes()), ["7"]);
    let line = "{\"label\": \"7\", \"strokes\": [[[0, 0], [9, 90]]]}\n";
    let joined = format!("\u{feff}{line}\u{feff}{}", line.replace('7', "1"));
    assert_eq!(labels(joined.as_bytes()), ["7", "1"]);
    let utf16: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for file in [[&b"\xff\xfe"[..], &utf16].concat(), utf16] {
        assert_eq!(problem(&file), "it is in UTF-16: save it as UTF-8");
    }
    let latin = [line.as_bytes(), b"{\"label\": \"\xe9\"}"].concat();
    assert!(problem(&latin).contains("(line 2)"), "{}", problem(&latin));
}

#[test]
fn what_lies_between_pictures_is_left_out() {
    let (one, other) = (png(&bar(1)), png(&bar(3)));
    let files: [(&str, &[u8]); 10] = [
        ("set/7/a.png", &one),
        ("set/7/Thumbs.db", b"system"),
        ("set/7/notes.txt", b"from Ana"),
        ("set/1/b.png", &other),
        ("set/1/desktop.ini", b"system"),
        ("set/1/.DS_Store", b"system"),
        ("__MACOSX/set/1/._b.png", b"system"),
        ("set/.git/x.png", b"a program's"),
        ("README.md", b"a set"),
        ("set/1/list.csv", b""),
    ];
    let read = imported(&zipped(&files)).unwrap();
    assert_eq!(read.samples.len(), 2);
    assert_eq!(read.left_out, ["set/7/notes.txt", "README.md", "set/1/list.csv"]);
    let none = problem(&zipped(&files[2..3]));
    assert!(none.contains("no samples") && none.contains("set/7/notes.txt"), "{none}");
    // What is meant to be a picture is not left out.
    for broken in [&b""[..], b"no picture", &one[..one.len() / 2]] {
        let file = zipped(&[("7/a.png", &one), ("7/b.png", broken)]);
        assert!(problem(&file).contains("7/b.png"), "{}", problem(&file));
    }
}

#[test]
fn folders_that_look_the_same_are_one_label() {
    let (one, other) = (png(&bar(1)), png(&bar(3)));
    let file = zipped(&[("e\u{301}/1.png", &one), ("é/2.png", &other), ("%C3%A9/3.png", &other)]);
    assert_eq!(labels(&file), ["é", "é", "é"]);
    let file = zipped(&[("%E9/1.png", &one)]);
    assert!(problem(&file).contains("%E9: its name, which is a label, is not UTF-8"));
}
