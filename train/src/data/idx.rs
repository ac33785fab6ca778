//! IDX files, gzipped or not, in MNIST's naming: MNIST, Fashion-MNIST, KMNIST,
//! and EMNIST (whose names have a prefix, whose pictures are stored with rows
//! and columns exchanged, and whose labels stand in a mapping file).
//!
//! ```text
//! magic    u32  0x00000803 for pictures, 0x00000801 for labels (big-endian)
//! count    u32
//! rows     u32  pictures only
//! columns  u32  pictures only
//! data     u8 × count [× rows × columns]
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use glyphic_model::{
    Glyph,
    checkpoint::{FileRecord, sha256},
    glyph::{PIXELS, SIDE},
    labels,
};

use super::{
    error::{DataError, unreadable},
    sets::RawData,
};
use crate::example::Example;

const PICTURES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
/// The file that names the labels, one a line.
const LIST: &str = "labels.txt";
/// SHA-256 of MNIST's training labels. In MNIST the label 7 is the digit 7; in other data it
/// may be a sneaker.
const MNIST_LABELS: &str = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5";
/// The most bytes that one file may unpack to.
const MAX_BYTES: u64 = 2 << 30;

/// Reads an IDX directory. `None` if there are no IDX files in it.
pub(super) fn read(folder: &Path) -> Result<Option<RawData>, DataError> {
    let Some(prefix) = find_prefix(folder)? else { return Ok(None) };
    let mut files = Vec::new();
    let (pictures, values) = read_set(folder, &format!("{prefix}train"), &mut files)?;
    let test_name = test_name(folder, &prefix);
    let (test_pictures, test_values) = match test_name {
        Some(name) => read_set(folder, &format!("{prefix}{name}"), &mut files)?,
        None => (Vec::new(), Vec::new()),
    };

    // Labels are numbered without gaps, in the order of their values.
    let distinct: BTreeSet<u8> = values.iter().copied().collect();
    let index_of: BTreeMap<u8, usize> = distinct.into_iter().zip(0..).collect();
    let labels = label_texts(folder, &prefix, &index_of)?;
    let examples = |pictures: Vec<Glyph>, values: Vec<u8>, what: &str| {
        let pairs = pictures.into_iter().zip(values).enumerate();
        let examples = pairs.map(|(i, (glyph, value))| match index_of.get(&value) {
            Some(&label) => Ok(Example { glyph, label }),
            None => Err(DataError::Damaged {
                path: folder.join(format!("{prefix}{what}-labels-idx1-ubyte")),
                problem: format!("label {value} (example {i}) is not among the training labels"),
            }),
        });
        examples.collect::<Result<Vec<_>, _>>()
    };
    let is_mnist = files.iter().any(|file: &FileRecord| file.sha256 == MNIST_LABELS);
    Ok(Some(RawData {
        are_named: is_mnist || names_file(folder, &prefix).is_some(),
        name: folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        training: examples(pictures, values, "train")?,
        test: examples(test_pictures, test_values, test_name.unwrap_or_default())?,
        labels,
        files,
    }))
}

/// The name of the test set: `test` in EMNIST, `t10k` elsewhere. `None` if
/// neither its pictures nor its labels are there.
fn test_name(folder: &Path, prefix: &str) -> Option<&'static str> {
    ["t10k", "test"].into_iter().find(|name| {
        let files = ["images-idx3-ubyte", "labels-idx1-ubyte"];
        files.iter().any(|file| find(folder, &format!("{prefix}{name}-{file}")).is_some())
    })
}

/// The part before `train-images-idx3-ubyte` in the files' names: nothing, or EMNIST's prefix.
fn find_prefix(folder: &Path) -> Result<Option<String>, DataError> {
    let entries = fs::read_dir(folder).map_err(unreadable(folder))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut prefixes: Vec<String> = names
        .filter_map(|name| {
            let name = name.strip_suffix(".gz").unwrap_or(&name);
            name.strip_suffix("train-images-idx3-ubyte").map(str::to_owned)
        })
        .collect();
    prefixes.sort();
    prefixes.dedup();
    match prefixes.len() {
        0 | 1 => Ok(prefixes.pop()),
        _ => Err(DataError::TooLittle {
            path: folder.to_owned(),
            problem: format!(
                "it has several datasets ({}); put each one into a folder of its own",
                prefixes.join(", ")
            ),
        }),
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn read_set(
    folder: &Path,
    set: &str,
    files: &mut Vec<FileRecord>,
) -> Result<(Vec<Glyph>, Vec<u8>), DataError> {
    let transposed = set.starts_with("emnist");
    let (pictures_path, bytes) = read_file(folder, &format!("{set}-images-idx3-ubyte"), files)?;
    let data = check(&pictures_path, &bytes, PICTURES_MAGIC, &[SIDE, SIDE])?;
    let pictures: Vec<Glyph> = data
        .chunks(PIXELS)
        .map(|pixels| {
            Glyph::new(std::array::from_fn(|i| match transposed {
                true => pixels[i % SIDE * SIDE + i / SIDE],
                false => pixels[i],
            }))
        })
        .collect();
    let (labels_path, bytes) = read_file(folder, &format!("{set}-labels-idx1-ubyte"), files)?;
    let labels = check(&labels_path, &bytes, LABELS_MAGIC, &[])?.to_vec();
    if labels.len() != pictures.len() {
        let problem = format!("it has {} labels for {} pictures", labels.len(), pictures.len());
        return Err(DataError::Damaged { path: labels_path, problem });
    }
    Ok((pictures, labels))
}

/// Reads and unpacks a file and verifies it against the folder's `SHA256SUMS`,
/// where there is one.
fn read_file(
    folder: &Path,
    name: &str,
    files: &mut Vec<FileRecord>,
) -> Result<(PathBuf, Vec<u8>), DataError> {
    let path = find(folder, name).ok_or_else(|| {
        let source =
            std::io::Error::new(std::io::ErrorKind::NotFound, "no such file, gzipped or not");
        DataError::Unreadable { path: folder.join(name), source }
    })?;
    let stored = fs::read(&path).map_err(unreadable(&path))?;
    verify(folder, &path, &stored)?;
    let bytes = if path.extension().is_some_and(|extension| extension == "gz") {
        let mut bytes = Vec::new();
        let mut unpacker = GzDecoder::new(stored.as_slice()).take(MAX_BYTES);
        unpacker.read_to_end(&mut bytes).map_err(|error| DataError::Damaged {
            path: path.clone(),
            problem: format!("it cannot be unpacked ({error})"),
        })?;
        bytes
    } else {
        stored
    };
    files.push(FileRecord { name: name.to_owned(), sha256: sha256(&bytes) });
    Ok((path, bytes))
}

fn verify(folder: &Path, path: &Path, stored: &[u8]) -> Result<(), DataError> {
    let Ok(sums) = fs::read_to_string(folder.join("SHA256SUMS")) else { return Ok(()) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let expected = sums.lines().find_map(|line| {
        let (sum, listed) = line.split_once(char::is_whitespace)?;
        (listed.trim_start_matches([' ', '*']) == name).then_some(sum)
    });
    match expected {
        Some(expected) if expected != sha256(stored) => Err(DataError::Damaged {
            path: path.to_owned(),
            problem: "its SHA-256 is not the one in SHA256SUMS".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Checks an IDX file's header and length and returns its data. `shape` is
/// that of one item.
fn check<'a>(
    path: &Path,
    bytes: &'a [u8],
    magic: u32,
    shape: &[usize],
) -> Result<&'a [u8], DataError> {
    let damaged = |problem: String| DataError::Damaged { path: path.to_owned(), problem };
    let header = 4 * (2 + shape.len());
    if bytes.len() < header {
        return Err(damaged(format!(
            "it is truncated ({} bytes are less than a header)",
            bytes.len()
        )));
    }
    let numbers: Vec<u32> = bytes[..header]
        .chunks(4)
        .map(|b| b.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
        .collect();
    if numbers[0] != magic {
        return Err(damaged(format!(
            "its magic number is {:#010x}, but an IDX file with this name has {magic:#010x}",
            numbers[0]
        )));
    }
    let found: Vec<usize> = numbers[2..].iter().map(|&n| n as usize).collect();
    if found != shape {
        return Err(damaged(format!("its pictures have {found:?} pixels, not {shape:?}")));
    }
    let count = numbers[1] as usize;
    let data = &bytes[header..];
    let expected = count * shape.iter().product::<usize>();
    if data.len() != expected {
        return Err(damaged(format!(
            "it has {} bytes of data, but its header says {expected} ({count} items)",
            data.len()
        )));
    }
    Ok(data)
}

/// The labels' texts: from EMNIST's `<prefix>mapping.txt` ("value codepoint" a
/// line), from `labels.txt` (a line a label, the first for value 0), or the
/// values themselves.
fn label_texts(
    folder: &Path,
    prefix: &str,
    index_of: &BTreeMap<u8, usize>,
) -> Result<Vec<String>, DataError> {
    let Some(path) = names_file(folder, prefix) else {
        return Ok(index_of.keys().map(u8::to_string).collect());
    };
    let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
    let texts: BTreeMap<u8, String> = if path.ends_with(LIST) {
        (0..=u8::MAX).zip(text.lines().map(|line| line.trim().to_owned())).collect()
    } else {
        let pairs = text.lines().filter_map(|line| {
            let mut numbers = line.split_whitespace();
            let value = numbers.next()?.parse().ok()?;
            let codepoint = numbers.next()?.parse().ok()?;
            Some((value, char::from_u32(codepoint)?.to_string()))
        });
        pairs.collect()
    };
    let damaged = |problem: String| DataError::Damaged { path: path.clone(), problem };
    let text_of = |value: &u8| -> Result<String, DataError> {
        let text = texts.get(value);
        let text = text.ok_or_else(|| damaged(format!("it has no label for the value {value}")))?;
        labels::check(text)
            .map_err(|error| damaged(format!("its label for the value {value} {error}")))?;
        Ok(text.clone())
    };
    let found: Vec<String> = index_of.keys().map(text_of).collect::<Result<_, _>>()?;
    match found.iter().enumerate().find(|(i, label)| found[..*i].contains(label)) {
        Some((_, twice)) => Err(damaged(format!("it has the label '{twice}' twice"))),
        None => Ok(found),
    }
}

/// The file with the meaning of the labels' numbers, if there is one.
fn names_file(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let files = [format!("{prefix}mapping.txt"), LIST.to_owned()];
    files.map(|name| folder.join(name)).into_iter().find(|path| path.is_file())
}
