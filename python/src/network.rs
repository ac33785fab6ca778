//! A network in Python.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use glyphic_model::{
    Glyph, Prediction, Verdict,
    checkpoint::Manifest,
    glyph::PIXELS,
    preprocess::{Picture, Point, Strokes},
};
use glyphic_runtime::{
    decode::decode,
    reader::{Reader, known_columns, quarter_turns},
    registry::Registry,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;
use serde::Serialize;

use crate::{raised, threads::Threads};

/// The checkpoint that the package contains: the one that was promoted where it was built.
const RELEASED: &str = env!("GLYPHIC_RELEASED");
macro_rules! released {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../artifacts/checkpoints/",
            env!("GLYPHIC_RELEASED"),
            "/",
            $name
        ))
    };
}
/// Glyphs that are read at once. What is read of them is in memory twice.
const BATCH: usize = 4096;

/// For each glyph the index of its label or -1 if it is blank, the index of its verdict among
/// [`Network::VERDICTS`], and its in-distribution score; and for each label its probability.
type Predictions<'py> = (
    Bound<'py, PyArray1<i32>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
);

/// A checkpoint that reads on the CPU. It does not change, so several threads may use it at once.
#[pyclass(frozen, module = "glyphic._glyphic")]
pub struct Network {
    reader: Reader,
    threads: Arc<Threads>,
}

#[pymethods]
impl Network {
    /// The names of verdicts, by their indices in `predict`.
    #[classattr]
    #[pyo3(name = "VERDICTS")]
    fn verdicts() -> [&'static str; 4] {
        VERDICTS.map(Verdict::name)
    }

    /// The checkpoint in the package.
    #[staticmethod]
    fn released(threads: Option<NonZeroUsize>) -> PyResult<Self> {
        Self::of_files(RELEASED, released!("manifest.json"), released!("weights.bpk"), threads)
    }

    /// A checkpoint of a folder of checkpoints: with an id or an alias, or the promoted one.
    #[staticmethod]
    fn of_registry(
        folder: PathBuf,
        model: Option<&str>,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Self> {
        Self::new(Reader::of(&Registry::new(folder), model).map_err(raised)?, threads)
    }

    /// A checkpoint from the contents of its files.
    #[staticmethod]
    fn of_files(
        id: &str,
        manifest: &[u8],
        weights: &[u8],
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Self> {
        let manifest = Manifest::parse(id, manifest).map_err(raised)?;
        Self::new(Reader::new(manifest, weights).map_err(raised)?, threads)
    }

    /// The manifest, as JSON.
    fn manifest(&self) -> PyResult<String> {
        json(self.reader.manifest())
    }

    /// Reads glyphs: `[n, 784]`, 0 for paper and 255 for full ink, C-contiguous.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        pixels: PyReadonlyArray2<'py, u8>,
    ) -> PyResult<Predictions<'py>> {
        let pixels = pixels.as_slice().map_err(raised)?;
        let read = py.detach(|| match pixels.len() {
            // A single glyph is not split: handing it to another thread takes as long as reading it.
            ..=PIXELS => self.read_glyphs(pixels),
            _ => self.threads.run(|| self.read_glyphs(pixels)),
        })?;
        Ok((
            read.labels.into_pyarray(py),
            read.verdicts.into_pyarray(py),
            read.in_distribution.into_pyarray(py),
            read.probabilities.into_pyarray(py),
        ))
    }

    /// The inputs of the last layer for glyphs, one row after the other.
    fn features<'py>(
        &self,
        py: Python<'py>,
        pixels: PyReadonlyArray2<'py, u8>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let pixels = pixels.as_slice().map_err(raised)?;
        let features = || {
            let (glyphs, _) = pixels.as_chunks::<PIXELS>();
            let batches = glyphs.chunks(BATCH).map(|batch| {
                let glyphs: Vec<Glyph> = batch.iter().map(|&pixels| Glyph::new(pixels)).collect();
                Ok(self.reader.classifier().features(&glyphs).map_err(raised)?.concat())
            });
            Ok::<_, PyErr>(batches.collect::<PyResult<Vec<_>>>()?.concat())
        };
        Ok(py.detach(|| self.threads.run(features))?.into_pyarray(py))
    }

    /// The lines in an image file, as JSON.
    fn read_file(
        &self,
        py: Python<'_>,
        file: &[u8],
        orientation: Option<usize>,
    ) -> PyResult<String> {
        let turns = quarter_turns(orientation).map_err(raised)?;
        py.detach(|| self.threads.run(|| self.text(&decode(file).map_err(raised)?, turns)))
    }

    /// The lines in a picture: `[height, width, 4]`, red, green, blue and opacity; as JSON.
    fn read_pixels(
        &self,
        py: Python<'_>,
        rgba: PyReadonlyArray3<'_, u8>,
        orientation: Option<usize>,
    ) -> PyResult<String> {
        let (turns, picture) = (quarter_turns(orientation).map_err(raised)?, picture(&rgba)?);
        py.detach(|| self.threads.run(|| self.text(&picture, turns)))
    }

    /// The tables in an image file, as JSON. `columns` is JSON, too.
    fn sheet_file(
        &self,
        py: Python<'_>,
        file: &[u8],
        orientation: Option<usize>,
        columns: Option<&str>,
    ) -> PyResult<String> {
        py.detach(|| {
            self.threads.run(|| self.sheet(&decode(file).map_err(raised)?, orientation, columns))
        })
    }

    /// The tables in a picture, as `read_pixels` takes it, as JSON.
    fn sheet_pixels(
        &self,
        py: Python<'_>,
        rgba: PyReadonlyArray3<'_, u8>,
        orientation: Option<usize>,
        columns: Option<&str>,
    ) -> PyResult<String> {
        let picture = picture(&rgba)?;
        py.detach(|| self.threads.run(|| self.sheet(&picture, orientation, columns)))
    }

    /// The lines in a drawing, as JSON.
    fn strokes(&self, py: Python<'_>, strokes: Vec<Vec<Point>>) -> PyResult<String> {
        let strokes = Strokes::new(strokes).map_err(raised)?;
        py.detach(|| self.threads.run(|| json(&self.reader.strokes(&strokes).map_err(raised)?)))
    }
}

/// The verdicts, by their indices.
const VERDICTS: [Verdict; 4] = [Verdict::Read, Verdict::Unsure, Verdict::NotADigit, Verdict::Blank];

/// What was read of glyphs.
#[derive(Default)]
struct ReadGlyphs {
    labels: Vec<i32>,
    verdicts: Vec<u8>,
    in_distribution: Vec<f32>,
    probabilities: Vec<f32>,
}

impl Network {
    fn new(reader: Reader, threads: Option<NonZeroUsize>) -> PyResult<Self> {
        Ok(Self { reader, threads: Threads::of(threads) })
    }

    fn read_glyphs(&self, pixels: &[u8]) -> PyResult<ReadGlyphs> {
        let (glyphs, _) = pixels.as_chunks::<PIXELS>();
        let mut read = ReadGlyphs::default();
        for batch in glyphs.chunks(BATCH) {
            let batch: Vec<Glyph> = batch.iter().map(|&pixels| Glyph::new(pixels)).collect();
            let predictions = self.reader.classifier().classify(&batch).map_err(raised)?;
            for (glyph, prediction) in batch.iter().zip(predictions) {
                read.add(glyph, prediction, self.reader.classifier().thresholds());
            }
        }
        Ok(read)
    }

    fn text(&self, picture: &Picture, turns: Option<usize>) -> PyResult<String> {
        json(&self.reader.text(picture, turns).map_err(raised)?)
    }

    fn sheet(
        &self,
        picture: &Picture,
        orientation: Option<usize>,
        columns: Option<&str>,
    ) -> PyResult<String> {
        let turns = quarter_turns(orientation).map_err(raised)?;
        let columns = known_columns(columns).map_err(raised)?;
        json(&self.reader.sheet(picture, turns, columns).map_err(raised)?)
    }
}

impl ReadGlyphs {
    fn add(
        &mut self,
        glyph: &Glyph,
        prediction: Prediction,
        thresholds: glyphic_model::Thresholds,
    ) {
        let verdict = match glyph.is_blank() {
            true => Verdict::Blank,
            false => thresholds.verdict(&prediction),
        };
        let label = i32::try_from(prediction.index).unwrap_or(-1);
        self.labels.push(if verdict == Verdict::Blank { -1 } else { label });
        let verdict = VERDICTS.iter().position(|&known| known == verdict);
        self.verdicts.push(verdict.unwrap_or_default() as u8);
        self.in_distribution.push(prediction.in_distribution);
        self.probabilities.extend(prediction.probabilities);
    }
}

fn picture(rgba: &PyReadonlyArray3<'_, u8>) -> PyResult<Picture> {
    let array = rgba.as_array();
    let (height, width) = (array.shape()[0], array.shape()[1]);
    let pixels = rgba.as_slice().map_err(raised)?.to_vec();
    Picture::new(width, height, pixels).ok_or_else(|| raised("the picture has no pixels"))
}

fn json(answer: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(answer).map_err(raised)
}
