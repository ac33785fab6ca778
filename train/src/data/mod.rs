//! Labelled glyphs from disk: an IDX directory in MNIST's naming, a folder of
//! pictures with one sub-folder a label, or a file of labelled strokes.

mod folder;
mod idx;
pub mod samples;
pub mod strokes;

use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError, InMemDataset, transform::SelectionDataset};
use glyphic_model::{
    Glyph,
    checkpoint::{DatasetRecord, FileRecord, Manifest, sha256},
};
use thiserror::Error;

use crate::{config::TrainConfig, drawn::Shapes};

/// Held-back examples are drawn with this seed, whatever the run's seed is, so
/// that runs can be compared on the same ones.
const SPLIT_SEED: u64 = 0x5911;

/// A glyph and what it shows.
#[derive(Clone, Debug)]
pub struct Example {
    /// The picture.
    pub glyph: Glyph,
    /// Index of its label.
    pub label: usize,
}

/// Examples for training, in no particular order, and those held back.
pub struct Data {
    /// What was read, for the checkpoint's manifest.
    pub record: DatasetRecord,
    /// The text of each label; an example's label is an index into this.
    pub labels: Vec<String>,
    /// Whether the labels say what they are, and are not numbers that stand for something.
    pub(crate) are_named: bool,
    /// Examples to train on.
    pub training: Vec<Example>,
    /// Examples held back from training, to choose by.
    pub validation: Vec<Example>,
    /// The test set, if the data has one.
    pub test: Vec<Example>,
    /// What can be drawn: for labels that say what they are, and from the user's drawings.
    pub shapes: Shapes,
    /// The file of drawings that was added: it goes into the checkpoint, so that what it
    /// shows can be drawn again when the checkpoint is taught.
    pub drawings: Option<String>,
}

impl Data {
    /// Adds a file of drawings, to be varied: of labels that the data has, or of new ones.
    pub fn with_drawings(mut self, path: &Path) -> Result<Self, DataError> {
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        let drawings = strokes::parse(&text, path)?;
        if drawings.is_empty() {
            let problem = "it has no drawing".to_owned();
            return Err(DataError::TooLittle { path: path.to_owned(), problem });
        }
        for drawing in &drawings {
            if !self.labels.contains(&drawing.label) {
                self.labels.push(drawing.label.clone());
            }
        }
        self.shapes = self.library();
        self.shapes.add_all(&self.labels, drawings);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.record.files.push(FileRecord { name, sha256: sha256(text.as_bytes()) });
        self.drawings = Some(text);
        Ok(self)
    }

    /// What the library can draw. What a bare number stands for is not known: nothing is
    /// drawn for it.
    fn library(&self) -> Shapes {
        match self.are_named {
            true => Shapes::of(&self.labels),
            false => Shapes::nameless(self.labels.len()),
        }
    }
}

/// Examples to measure on, and the collection each came from.
pub struct LabelledSet {
    /// The text of each label.
    pub labels: Vec<String>,
    /// The examples.
    pub examples: Vec<Example>,
    /// Where each example comes from (a collection, or the file itself).
    pub sources: Vec<String>,
    /// The files that were read, of an IDX directory or a folder of pictures.
    pub files: Vec<FileRecord>,
}

/// Why data could not be read. Every message names the file and the remedy.
#[derive(Debug, Error)]
pub enum DataError {
    /// The path is missing.
    #[error("no data at {}: give --data an IDX directory or a folder of labelled pictures", .0.display())]
    Missing(PathBuf),
    /// The folder holds nothing that can be read as data.
    #[error(
        "{} holds neither IDX files (train-images-idx3-ubyte[.gz] and its labels) nor \
         sub-folders of pictures, one for each label", .0.display()
    )]
    NothingFound(PathBuf),
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what its name promises.
    #[error("{}: {problem}; get the file again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture could not be decoded.
    #[error("{}: {reason}; mend or remove the file", path.display())]
    BadPicture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Too few examples or labels to train on.
    #[error("{}: {problem}", path.display())]
    TooLittle {
        /// The data.
        path: PathBuf,
        /// What is too little.
        problem: String,
    },
    /// A checkpoint learned from something else.
    #[error("'{id}' learned from other data than what is in {}", path.display())]
    Other {
        /// The checkpoint.
        id: String,
        /// The data.
        path: PathBuf,
    },
    /// The examples could not be split.
    #[error("the examples cannot be split: {0}")]
    Split(#[from] DatasetError),
}

/// Reads the data that a checkpoint learned from, as it was split then. What it was taught
/// beside it is not there.
pub fn learned_from(manifest: &Manifest, path: &Path) -> Result<Data, DataError> {
    let config: TrainConfig = serde_json::from_value(manifest.training.clone()).unwrap_or_default();
    let data = load(path, config.validation)?;
    let known: Vec<&FileRecord> = manifest.datasets.iter().flat_map(|set| &set.files).collect();
    match data.record.files.iter().all(|file| known.contains(&file)) {
        true => Ok(data),
        false => Err(DataError::Other { id: manifest.id.clone(), path: path.to_owned() }),
    }
}

/// Reads data for training and holds `validation_share` (0–1) of its training
/// examples back, at least one.
pub fn load(path: &Path, validation_share: f64) -> Result<Data, DataError> {
    let raw = read(path)?;
    if raw.labels.len() < 2 {
        let problem = format!("it has {} label(s), training needs two", raw.labels.len());
        return Err(DataError::TooLittle { path: path.to_owned(), problem });
    }
    if raw.training.len() < 2 {
        let problem =
            format!("it has {} training example(s), at least two are needed", raw.training.len());
        return Err(DataError::TooLittle { path: path.to_owned(), problem });
    }
    let count = raw.training.len();
    let held_back = ((count as f64 * validation_share).round() as usize).clamp(1, count - 1);
    let shuffled = SelectionDataset::new_shuffled(InMemDataset::new(raw.training), SPLIT_SEED);
    let validation = shuffled.slice(0, held_back).iter().collect::<Result<Vec<_>, _>>()?;
    let training = shuffled.slice(held_back, count).iter().collect::<Result<Vec<_>, _>>()?;
    let record = DatasetRecord {
        name: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        training: training.len(),
        validation: validation.len(),
        test: raw.test.len(),
        files: raw.files,
    };
    let data = Data {
        record,
        labels: raw.labels,
        are_named: raw.are_named,
        training,
        validation,
        test: raw.test,
        shapes: Shapes::default(),
        drawings: None,
    };
    Ok(Data { shapes: data.library(), ..data })
}

/// Reads examples to measure on: the test set of an IDX directory, or all of a
/// folder or strokes file (`.jsonl`).
pub fn load_for_evaluation(path: &Path) -> Result<LabelledSet, DataError> {
    if path.extension().is_some_and(|extension| extension == "jsonl") {
        return strokes::labelled_set(path);
    }
    if !path.is_dir() {
        return Err(DataError::Missing(path.to_owned()));
    }
    let (raw, examples) = match idx::read(path)? {
        Some(mut raw) => {
            let test = std::mem::take(&mut raw.test);
            (raw, test)
        }
        None => {
            let mut raw = folder::read(path)?;
            let all = std::mem::take(&mut raw.training);
            (raw, all)
        }
    };
    if examples.is_empty() {
        let problem = "it has no test set (t10k-images-idx3-ubyte[.gz] and its labels)".to_owned();
        return Err(DataError::TooLittle { path: path.to_owned(), problem });
    }
    let sources = vec![raw.name; examples.len()];
    Ok(LabelledSet { labels: raw.labels, examples, sources, files: raw.files })
}

/// What a reader found, before anything is held back.
struct Raw {
    /// As of [`Data`].
    are_named: bool,
    name: String,
    labels: Vec<String>,
    training: Vec<Example>,
    test: Vec<Example>,
    files: Vec<FileRecord>,
}

fn read(path: &Path) -> Result<Raw, DataError> {
    if !path.is_dir() {
        return Err(DataError::Missing(path.to_owned()));
    }
    match idx::read(path)? {
        Some(raw) => Ok(raw),
        None => folder::read(path),
    }
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> DataError + '_ {
    move |source| DataError::Unreadable { path: path.to_owned(), source }
}
