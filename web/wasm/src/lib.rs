//! Glyphic's reader for browsers: the preprocessing, the checkpoint's checks and the
//! network that the server runs, from the same crate, compiled to WebAssembly.

use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph, Verdict,
    checkpoint::{Checkpoint, Manifest},
    preprocess::{Picture, Point, Strokes},
};
use wasm_bindgen::prelude::*;

/// A checkpoint that reads.
#[wasm_bindgen]
pub struct Reader {
    classifier: Classifier,
}

/// What was read.
#[wasm_bindgen]
pub struct Reading {
    index: Option<usize>,
    verdict: Verdict,
    known: f32,
    probabilities: Vec<f32>,
    seen: Vec<u8>,
}

#[wasm_bindgen]
impl Reader {
    /// Verifies the checkpoint `id` from its two files, as the server does.
    ///
    /// # Errors
    /// The manifest or the weights are damaged, or of another version.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &str, manifest: &[u8], weights: Vec<u8>) -> Result<Reader, JsError> {
        let device = Device::flex();
        let manifest = Manifest::parse(id, manifest)?;
        let classifier = Checkpoint::verify(manifest, weights, &device)?.into_classifier(&device);
        Ok(Self { classifier })
    }

    /// The labels, in the order of the probabilities.
    #[wasm_bindgen(getter)]
    pub fn labels(&self) -> Vec<String> {
        self.classifier.labels().to_vec()
    }

    /// Reads pen strokes: JSON, `[[[x, y], …], …]`.
    #[wasm_bindgen(js_name = readStrokes)]
    pub fn read_strokes(&self, json: &str) -> Result<Reading, JsError> {
        let strokes: Vec<Vec<Point>> = serde_json::from_str(json)?;
        self.read(Strokes::new(strokes)?.glyph())
    }

    /// Reads a picture from its RGBA bytes (straight alpha), row by row.
    #[wasm_bindgen(js_name = readPicture)]
    pub fn read_picture(
        &self,
        width: usize,
        height: usize,
        rgba: Vec<u8>,
    ) -> Result<Reading, JsError> {
        let picture = Picture::new(width, height, rgba)
            .ok_or_else(|| JsError::new("the picture has no pixels"))?;
        self.read(picture.glyph())
    }

    /// Reads a glyph: 784 bytes, row by row, ink 255 on 0.
    #[wasm_bindgen(js_name = readPixels)]
    pub fn read_pixels(&self, pixels: &[u8]) -> Result<Reading, JsError> {
        let glyph = Glyph::try_from(pixels)?;
        self.read((!glyph.is_blank()).then_some(glyph))
    }

    fn read(&self, glyph: Option<Glyph>) -> Result<Reading, JsError> {
        let blank = Reading {
            index: None,
            verdict: Verdict::Blank,
            known: 0.0,
            probabilities: Vec::new(),
            seen: Vec::new(),
        };
        let Some(glyph) = glyph else { return Ok(blank) };
        let seen = glyph.pixels().to_vec();
        let predictions = self.classifier.classify(&[glyph])?;
        let Some(prediction) = predictions.into_iter().next() else { return Ok(blank) };
        Ok(Reading {
            index: Some(prediction.index),
            verdict: self.classifier.thresholds().verdict(&prediction),
            known: prediction.known,
            probabilities: prediction.probabilities,
            seen,
        })
    }
}

#[wasm_bindgen]
impl Reading {
    /// Index of the most probable label; none for a blank.
    #[wasm_bindgen(getter)]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// `read`, `unsure`, `not_a_digit` or `blank`.
    #[wasm_bindgen(getter)]
    pub fn verdict(&self) -> String {
        self.verdict.name().to_owned()
    }

    /// How probably (0–1) it is one of the labels at all.
    #[wasm_bindgen(getter)]
    pub fn known(&self) -> f32 {
        self.known
    }

    /// The probability of each label; empty for a blank.
    #[wasm_bindgen(getter)]
    pub fn probabilities(&self) -> Vec<f32> {
        self.probabilities.clone()
    }

    /// The 28 × 28 bytes that the network saw, ink 255 on 0; empty for a blank.
    #[wasm_bindgen(getter)]
    pub fn seen(&self) -> Vec<u8> {
        self.seen.clone()
    }
}
