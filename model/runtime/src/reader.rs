//! A checkpoint that reads, without a server: for the command line, and for Python.

use glyphic_model::{
    Classifier, Glyph, Prediction, Thresholds,
    answer::{ReadSheet, ReadText, SURE_CELL},
    backend::DeviceFailed,
    checkpoint::{CheckpointError, Manifest},
    number::{
        self, Lattice, Question,
        table::{Column, Tables, TooManyCells},
    },
    preprocess::{Picture, Pictures, Strokes},
};
use thiserror::Error;

use crate::registry::{Registry, RegistryError};

/// Glyphs that are classified at once: what is between the layers fits the CPU's caches.
const BATCH: usize = 64;
/// Most columns of which something is known.
const MOST_COLUMNS: usize = 256;

/// A checkpoint, computed by the CPU's kernels.
#[derive(Clone, Debug)]
pub struct Reader {
    manifest: Manifest,
    classifier: Classifier,
}

/// Why something was not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceFailed),
    /// There are too many cells.
    #[error(transparent)]
    Cells(#[from] TooManyCells),
}

impl Reader {
    /// The checkpoint with this id or alias in a registry; without a name, the promoted one.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn of(registry: &Registry, name: Option<&str>) -> Result<Self, RegistryError> {
        let id = match name {
            Some(name) => registry.resolve(name)?,
            None => registry.current()?,
        };
        let manifest = registry.manifest(&id)?;
        let weights = registry.weights(&manifest)?;
        Ok(Self::new(manifest, &weights)?)
    }

    /// A checkpoint from its manifest and the content of its weights' file.
    ///
    /// # Errors
    /// The weights' checksum or shapes do not fit the manifest, or a weight is not finite.
    pub fn new(manifest: Manifest, weights: &[u8]) -> Result<Self, CheckpointError> {
        let classifier = manifest.clone().into_parallel_classifier(weights)?;
        Ok(Self { manifest, classifier })
    }

    /// What the checkpoint says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The network.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The lines of text in a picture, which is turned clockwise by `turns` quarters first; `None` if
    /// that is to be found out.
    ///
    /// # Errors
    /// The device fails.
    pub fn text(&self, picture: &Picture, turns: Option<usize>) -> Result<ReadText, ReadError> {
        self.answer(self.manifest.pictures.lattice(picture, None, turns))
    }

    /// The lines of text in a drawing.
    ///
    /// # Errors
    /// The device fails.
    pub fn strokes(&self, strokes: &Strokes) -> Result<ReadText, ReadError> {
        self.answer(Lattice::of_strokes(strokes, None))
    }

    /// The tables in a picture; none if it is not of ink. `columns` is what is known of the first ones.
    ///
    /// # Errors
    /// The device fails, or there are too many cells.
    pub fn sheet(
        &self,
        picture: &Picture,
        turns: Option<usize>,
        columns: Vec<Column>,
    ) -> Result<ReadSheet, ReadError> {
        let tables = match self.manifest.pictures {
            Pictures::Ink => Tables::of_picture(picture, turns).with_columns(columns),
            Pictures::Whole => Tables::none(),
        };
        let tables = tables.read(self.asked(), |glyphs| self.classify(glyphs))??;
        let thresholds = Thresholds { confidence: SURE_CELL, ..self.classifier.thresholds() };
        let labels = self.classifier.labels();
        Ok(ReadSheet::new(tables, labels, &self.manifest.id, thresholds, |_| None))
    }

    fn answer(&self, lattice: Lattice) -> Result<ReadText, ReadError> {
        let reading = lattice.read(self.asked(), |glyphs| self.classify(glyphs))?;
        let (labels, thresholds) = (self.classifier.labels(), self.classifier.thresholds());
        Ok(ReadText::new(reading, labels, &self.manifest.id, thresholds, |_| None))
    }

    fn asked(&self) -> number::Reader<'_> {
        let (labels, thresholds) = (self.classifier.labels(), self.classifier.thresholds());
        number::Reader { labels, thresholds }
    }

    fn classify(&self, glyphs: &[Glyph]) -> Result<Vec<Prediction>, DeviceFailed> {
        let batches = glyphs.chunks(BATCH).map(|batch| self.classifier.classify(batch));
        Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// The quarter turns for an orientation in degrees.
///
/// # Errors
/// It is none of the four.
pub fn quarter_turns(orientation: Option<usize>) -> Result<Option<usize>, String> {
    match orientation {
        Some(degrees) if ![0, 90, 180, 270].contains(&degrees) => {
            Err(format!("orientation must be 0, 90, 180 or 270 degrees, not {degrees}"))
        }
        degrees => Ok(degrees.map(|degrees| degrees / 90)),
    }
}

/// What is known of columns, from JSON; nothing without it.
///
/// # Errors
/// It is not a list of what can be known, or too long.
pub fn known_columns(text: Option<&str>) -> Result<Vec<Column>, String> {
    let bad = |problem: String| {
        format!(
            "columns must be a list such as [{{\"digits\":8}},null,{{\"min\":0,\"max\":20}}]: {problem}"
        )
    };
    let Some(text) = text else { return Ok(Vec::new()) };
    let columns: Vec<Option<Column>> =
        serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    match columns.len() > MOST_COLUMNS {
        true => Err(bad(format!("there may be at most {MOST_COLUMNS} of them"))),
        false => Ok(columns.into_iter().map(Option::unwrap_or_default).collect()),
    }
}
