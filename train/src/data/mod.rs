//! Labelled glyphs from disk: an IDX directory in MNIST's naming, a folder of
//! pictures with one sub-folder per label, or a file of labelled strokes.

mod error;
mod folder;
mod idx;
mod layout;
pub mod samples;
mod sets;
pub mod strokes;

use std::path::Path;

use burn_dataset::{Dataset, InMemDataset, transform::SelectionDataset};
use glyphic_model::{
    checkpoint::{DatasetRecord, FileRecord, Manifest, sha256},
    glyph::{BLANK_BELOW, SIDE},
    preprocess::Pictures,
};
use glyphic_runtime::text;

pub use self::{error::DataError, sets::LabelledSet};
use self::{error::unreadable, sets::RawData};
pub use crate::example::Example;
use crate::{config::TrainConfig, synthetic::Generator};

/// Seed of the choice of held-back examples. It is the same for every run, so that runs can be
/// compared on the same examples.
const SPLIT_SEED: u64 = 0x5911;
/// Share of the pictures whose subject reaches the edge from which on they are probably no framed ink.
/// In MNIST it is 1 %, in Fashion-MNIST 99 %.
const REACHING: f64 = 0.2;

/// Examples for training, in no particular order, and those held back.
pub struct Data {
    /// What was read, for the checkpoint's manifest.
    pub record: DatasetRecord,
    /// The text of each label; an example's label is an index into this.
    pub labels: Vec<String>,
    /// Whether the texts of the labels say what they look like, drawn with a pen. It is false for
    /// bare numbers that stand for something else, as in Fashion-MNIST, and for whole pictures.
    pub(crate) are_named: bool,
    /// Examples to train on.
    pub training: Vec<Example>,
    /// Examples held back from training, by which settings and checkpoints are chosen.
    pub validation: Vec<Example>,
    /// The test set; empty if the data has none.
    pub test: Vec<Example>,
    /// Makes synthetic examples of the labels, from the library and from the user's drawings.
    pub generator: Generator,
    /// The content of the user's file of drawings. It goes into the checkpoint, so that
    /// fine-tuning can generate the same symbols again.
    pub drawings: Option<String>,
    /// What was left out, a sentence each.
    pub notes: Vec<String>,
}

impl Data {
    /// Whether its pictures are probably no ink that is framed, though they are to be read as such.
    pub fn seems_whole(&self) -> bool {
        let reaches_edge = |example: &&Example| {
            let on_edge = |i: usize| [i % SIDE, i / SIDE].iter().any(|&at| at % (SIDE - 1) == 0);
            let mut pixels = example.glyph.pixels().iter().enumerate();
            pixels.any(|(i, &ink)| ink >= BLANK_BELOW && on_edge(i))
        };
        let reaching = self.training.iter().filter(reaches_edge).count();
        reaching as f64 >= REACHING * self.training.len() as f64
    }

    /// Adds a file of drawings, which the generator varies. Their labels may be new ones.
    pub fn with_drawings(mut self, path: &Path) -> Result<Self, DataError> {
        let text = text::read(path).map_err(unreadable(path))?;
        let drawings = strokes::parse(&text, path)?;
        if drawings.is_empty() {
            let problem = "it has no drawings".to_owned();
            return Err(DataError::TooLittle { path: path.to_owned(), problem });
        }
        for drawing in &drawings {
            if !self.labels.contains(&drawing.label) {
                self.labels.push(drawing.label.clone());
            }
        }
        self.generator = generator(&self.labels, self.are_named);
        self.generator.add_all(&self.labels, strokes::by_label(drawings));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.record.files.push(FileRecord { name, sha256: sha256(text.as_bytes()) });
        self.drawings = Some(text);
        Ok(self)
    }
}

/// A generator for these labels. If they are numbers that stand for something else, nothing is
/// drawn for them: a 7 that means a sneaker is not the digit 7.
pub(crate) fn generator(labels: &[String], are_named: bool) -> Generator {
    match are_named {
        true => Generator::of(labels),
        false => Generator::without_library(labels.len()),
    }
}

/// Reads the data that a checkpoint was trained on, split as it was then. The samples of
/// fine-tuning are not among it.
pub fn learned_from(manifest: &Manifest, path: &Path) -> Result<Data, DataError> {
    let data = load(path, manifest.pictures, TrainConfig::of(manifest).validation)?;
    let recorded: Vec<&FileRecord> = manifest.datasets.iter().flat_map(|set| &set.files).collect();
    match data.record.files.iter().all(|file| recorded.contains(&file)) {
        true => Ok(data),
        false => Err(DataError::OtherData { id: manifest.id.clone(), path: path.to_owned() }),
    }
}

/// Reads data for training on these pictures and holds `validation_share` (0–1) of its training
/// examples back, at least one.
pub fn load(path: &Path, pictures: Pictures, validation_share: f64) -> Result<Data, DataError> {
    let raw = read(path, pictures)?;
    if raw.labels.len() < 2 {
        let problem = format!(
            "it has examples of {} label(s), but training needs at least two. {}",
            raw.labels.len(),
            raw.notes.join(" ")
        );
        let problem = problem.trim_end_matches([' ', '.']).to_owned();
        return Err(DataError::TooLittle { path: path.to_owned(), problem });
    }
    if raw.training.len() < 2 {
        let problem = format!(
            "it has {} training example(s), but at least two are needed",
            raw.training.len()
        );
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
    let are_named = raw.are_named && pictures.is_ink();
    Ok(Data {
        record,
        generator: generator(&raw.labels, are_named),
        labels: raw.labels,
        are_named,
        training,
        validation,
        test: raw.test,
        drawings: None,
        notes: raw.notes,
    })
}

/// Reads examples to measure on: the test set, or, without one, all of a folder of pictures or of a
/// strokes file (`.jsonl`). `pictures` says how picture files are read.
pub fn load_for_evaluation(path: &Path, pictures: Pictures) -> Result<LabelledSet, DataError> {
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
            let mut raw = folder::read(path, pictures)?;
            let test = std::mem::take(&mut raw.test);
            let all = std::mem::take(&mut raw.training);
            (raw, if test.is_empty() { all } else { test })
        }
    };
    if examples.is_empty() {
        let problem = "it has no test set (t10k-images-idx3-ubyte[.gz] and its labels)".to_owned();
        return Err(DataError::TooLittle { path: path.to_owned(), problem });
    }
    let sources = vec![raw.name; examples.len()];
    Ok(LabelledSet { labels: raw.labels, examples, sources, files: raw.files, notes: raw.notes })
}

fn read(path: &Path, pictures: Pictures) -> Result<RawData, DataError> {
    if !path.is_dir() {
        return Err(DataError::Missing(path.to_owned()));
    }
    match idx::read(path)? {
        Some(raw) => Ok(raw),
        None => folder::read(path, pictures),
    }
}
