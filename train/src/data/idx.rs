//! A folder of IDX files under their publishers' names: see [`glyphic_runtime::idx`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use glyphic_model::{
    Glyph,
    checkpoint::{FileRecord, sha256},
};
use glyphic_runtime::{
    idx::{BadIdx, Content, IdxName, LIST, LabelTexts, key, label_numbers, pictures, unpacked},
    text,
};

use super::{
    error::{DataError, unreadable},
    layout::{entries, is_set, name_of},
    sets::RawData,
};
use crate::example::Example;

/// SHA-256 of MNIST's training labels. In MNIST the label 7 is the digit 7; in other data it
/// may be a sneaker.
const MNIST_LABELS: &str = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5";
/// The most bytes that one file may unpack to.
const MAX_BYTES: u64 = 2 << 30;
/// The names of the training set, and of the test set: `test` in EMNIST and QMNIST, `t10k` elsewhere.
/// A set's prefix, as in EMNIST, stands before them.
const TRAINING: &str = "train";
const TEST: [&str; 2] = ["t10k", "test"];

/// Whether a folder has IDX files to train on.
pub(super) fn is_in(folder: &Path) -> bool {
    Files::of(folder).is_ok_and(|files| files.prefixes().next().is_some())
}

/// Reads an IDX folder. `None` if there are no IDX files in it.
pub(super) fn read(folder: &Path) -> Result<Option<RawData>, DataError> {
    let mut files = Files::of(folder)?;
    let Some(prefix) = files.prefix()? else { return Ok(None) };
    let training = files.read_set(&format!("{prefix}{TRAINING}"))?;
    let test = TEST.map(|name| format!("{prefix}{name}"));
    let test = match test.into_iter().find(|set| files.has(set)) {
        Some(set) => files.read_set(&set)?,
        None => SetRead::default(),
    };
    // Labels are numbered without gaps, in the order of their values.
    let values: Vec<u8> =
        training.labels.iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
    let names = files.names_file(&prefix);
    let labels = match &names {
        Some(path) => label_texts(path, &values)?,
        None => values.iter().map(u8::to_string).collect(),
    };
    let is_mnist = files.read.iter().any(|file| file.sha256 == MNIST_LABELS);
    Ok(Some(RawData {
        are_named: is_mnist || training.are_digits || names.is_some(),
        name: name_of(folder),
        training: training.examples(&values)?,
        test: test.examples(&values)?,
        labels,
        files: files.read,
        notes: Vec::new(),
    }))
}

/// The texts of labels, from `labels.txt` or EMNIST's mapping.
fn label_texts(path: &Path, values: &[u8]) -> Result<Vec<String>, DataError> {
    let text = text::read(path).map_err(unreadable(path))?;
    let texts = match key(&name_of(path)) == key(LIST) {
        true => LabelTexts::of_list(&text),
        false => LabelTexts::of_mapping(&text),
    };
    texts
        .of_numbers(values)
        .map_err(|problem| DataError::Damaged { path: path.to_owned(), problem })
}

/// The pictures of a set and the values of their labels.
#[derive(Default)]
struct SetRead {
    pictures: Vec<Glyph>,
    labels: Vec<u8>,
    /// Whether the values are digits, as the file says.
    are_digits: bool,
    /// The file of the labels.
    path: PathBuf,
}

impl SetRead {
    /// Its examples. An example's label is the place of its value among `values`.
    fn examples(self, values: &[u8]) -> Result<Vec<Example>, DataError> {
        let Self { pictures, labels, path, .. } = self;
        let pairs = pictures.into_iter().zip(labels).enumerate();
        let examples = pairs.map(|(i, (glyph, value))| match values.binary_search(&value) {
            Ok(label) => Ok(Example { glyph, label }),
            Err(_) => Err(DataError::Damaged {
                path: path.clone(),
                problem: format!("label {value} (example {i}) is not among the training labels"),
            }),
        });
        examples.collect()
    }
}

/// The files of a folder, and which of them were read.
struct Files<'a> {
    folder: &'a Path,
    /// Other files in the folder itself, by [`key`].
    others: BTreeMap<String, PathBuf>,
    idx: Vec<(IdxName, PathBuf)>,
    read: Vec<FileRecord>,
}

impl<'a> Files<'a> {
    /// Those in the folder, in subfolders that are named as sets are, and those that lie in a folder
    /// of their own name, as some programs unpack them.
    fn of(folder: &'a Path) -> Result<Self, DataError> {
        let (files, folders) = entries(folder)?;
        let mut idx = Vec::new();
        let mut others = BTreeMap::new();
        for path in files {
            match IdxName::of(&name_of(&path)) {
                Some(name) => idx.push((name, path)),
                None => drop(others.insert(key(&name_of(&path)), path)),
            }
        }
        for folder in folders {
            let own = IdxName::of(&name_of(&folder));
            if own.is_none() && !is_set(&folder) {
                continue;
            }
            let within = entries(&folder)?.0.into_iter();
            let within = within.filter_map(|path| Some((IdxName::of(&name_of(&path))?, path)));
            idx.extend(within.filter(|(name, _)| own.as_ref().is_none_or(|own| own == name)));
        }
        // A gzipped file comes first: SHA256SUMS is of what was downloaded.
        idx.sort_by_key(|(_, path)| path.extension().is_none_or(|end| end != "gz"));
        Ok(Self { folder, others, idx, read: Vec::new() })
    }

    /// What stands before `train` in the names of files: nothing, or EMNIST's prefix.
    fn prefixes(&self) -> impl Iterator<Item = &str> {
        let pictures = self.idx.iter().filter(|(name, _)| name.content == Content::Pictures);
        pictures.filter_map(|(name, _)| name.set.strip_suffix(TRAINING))
    }

    /// The one prefix; `None` without a training set.
    fn prefix(&self) -> Result<Option<String>, DataError> {
        let prefixes: BTreeSet<&str> = self.prefixes().collect();
        let mut prefixes = prefixes.into_iter();
        match (prefixes.next(), prefixes.next()) {
            (found, None) => Ok(found.map(str::to_owned)),
            (Some(one), Some(other)) => Err(DataError::TooLittle {
                path: self.folder.to_owned(),
                problem: format!(
                    "it has several datasets ({one}{TRAINING}-…, {other}{TRAINING}-…); put each \
                     one into a folder of its own"
                ),
            }),
            (None, _) => Ok(None),
        }
    }

    /// Whether pictures or labels of a set are there.
    fn has(&self, set: &str) -> bool {
        self.idx.iter().any(|(name, _)| name.set == set)
    }

    fn read_set(&mut self, set: &str) -> Result<SetRead, DataError> {
        let bad = |path: &Path| {
            let path = path.to_owned();
            move |error: BadIdx| DataError::Damaged { path, problem: error.to_string() }
        };
        let (path, bytes) = self.read_file(set, Content::Pictures, "images-idx3-ubyte")?;
        let pictures = pictures(set, &bytes).map_err(bad(&path))?;
        let (path, bytes) = self.read_file(set, Content::Labels, "labels-idx1-ubyte")?;
        let (labels, are_digits) = label_numbers(&bytes).map_err(bad(&path))?;
        if labels.len() != pictures.len() {
            let problem = format!("it has {} labels for {} pictures", labels.len(), pictures.len());
            return Err(DataError::Damaged { path, problem });
        }
        Ok(SetRead { pictures, labels, are_digits, path })
    }

    /// Reads and unpacks a file and verifies it against the folder's `SHA256SUMS`, where there is
    /// one. `usual` ends its usual name.
    fn read_file(
        &mut self,
        set: &str,
        content: Content,
        usual: &str,
    ) -> Result<(PathBuf, Vec<u8>), DataError> {
        let of_set = |(name, _): &&(IdxName, PathBuf)| name.set == set && name.content == content;
        let Some((name, path)) = self.idx.iter().find(of_set) else {
            let source = io::Error::new(io::ErrorKind::NotFound, "no such file, gzipped or not");
            return Err(DataError::Unreadable {
                path: self.folder.join(format!("{set}-{usual}")),
                source,
            });
        };
        let stored = fs::read(path).map_err(unreadable(path))?;
        self.verify(path, &stored)?;
        let bytes = unpacked(&stored, MAX_BYTES).map_err(|error| DataError::Damaged {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        self.read.push(FileRecord { name: name.name.clone(), sha256: sha256(&bytes) });
        Ok((path.clone(), bytes.into_owned()))
    }

    fn verify(&self, path: &Path, stored: &[u8]) -> Result<(), DataError> {
        let Some(sums) = self.others.get(&key("SHA256SUMS")) else { return Ok(()) };
        let sums = text::read(sums).map_err(unreadable(sums))?;
        let name = name_of(path);
        let expected = sums.lines().find_map(|line| {
            let (sum, listed) = line.split_once(char::is_whitespace)?;
            (listed.trim_start_matches([' ', '*']).trim_end() == name).then_some(sum)
        });
        match expected {
            Some(expected) if !expected.eq_ignore_ascii_case(&sha256(stored)) => {
                Err(DataError::Damaged {
                    path: path.to_owned(),
                    problem: "its SHA-256 is not the one in SHA256SUMS".to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The file with the meaning of the labels' numbers, if there is one.
    fn names_file(&self, prefix: &str) -> Option<PathBuf> {
        let files = [key(&format!("{prefix}mapping.txt")), key(LIST)];
        files.iter().find_map(|name| self.others.get(name)).cloned()
    }
}
