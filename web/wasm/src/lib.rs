//! Glyphic's reader for browsers: preprocessing, verification of checkpoints and the network,
//! compiled to WebAssembly. All of it is in `glyphic-model`, which the server uses too.
//!
//! It is built twice, see `web/build`: for drawings alone, and with `pictures`.
//!
//! Objects with nested values cost a call for each value, so results cross the border to
//! JavaScript as JSON or flat arrays.

mod insides;
#[cfg(feature = "pictures")]
mod pictures;

use std::sync::Arc;

use glyphic_model::{
    Classifier, Glyph,
    answer::ReadText,
    checkpoint::Manifest,
    glyph::PIXELS,
    memory::{Key, Memory},
    number::{self, Bounds, Lattice, Question},
    preprocess::Strokes,
};
use wasm_bindgen::prelude::*;

use crate::insides::Insides;

/// A loaded checkpoint.
#[wasm_bindgen]
pub struct Reader {
    id: String,
    #[cfg(feature = "pictures")]
    pictures: glyphic_model::preprocess::Pictures,
    classifier: Classifier,
    /// The ids of the samples that were taught, and the label and key of each.
    taught: (Vec<u32>, Vec<(String, Key)>),
}

#[wasm_bindgen]
impl Reader {
    /// Verifies and loads the checkpoint `id` from its two files, as the server does.
    ///
    /// # Errors
    /// The manifest or the weights are damaged, or of another version.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &str, manifest: &[u8], weights: &[u8]) -> Result<Reader, JsError> {
        let manifest = Manifest::parse(id, manifest)?;
        Ok(Self {
            id: id.to_owned(),
            #[cfg(feature = "pictures")]
            pictures: manifest.pictures,
            classifier: manifest.into_classifier(weights)?,
            taught: Default::default(),
        })
    }

    /// The labels, in the order of the probabilities.
    #[wasm_bindgen(getter)]
    pub fn labels(&self) -> Vec<String> {
        self.classifier.labels().to_vec()
    }

    /// Teaches samples: their ids, what each shows, and 784 bytes of each one's glyph, one after the
    /// other. They are read accordingly from now on.
    ///
    /// # Errors
    /// There are not 784 bytes for each sample, or the network fails.
    pub fn teach(&mut self, ids: &[u32], shown: Vec<String>, pixels: &[u8]) -> Result<(), JsError> {
        let glyphs: Result<Vec<_>, _> = pixels.chunks(PIXELS).map(Glyph::try_from).collect();
        let keys = self.classifier.keys(&glyphs?)?;
        self.taught.0.extend(ids);
        self.taught.1.extend(shown.into_iter().zip(keys));
        self.remember();
        Ok(())
    }

    /// Forgets samples.
    pub fn forget(&mut self, ids: &[u32]) {
        while let Some(place) = self.taught.0.iter().position(|id| ids.contains(id)) {
            self.taught.0.remove(place);
            self.taught.1.remove(place);
        }
        self.remember();
    }

    fn remember(&mut self) {
        let memory = Memory::new(self.classifier.network_labels(), &self.taught.1);
        self.classifier = self.classifier.clone().with_memory(memory.map(Arc::new));
    }

    /// Reads pen strokes: the coordinates of all points, x and y alternating, and the number
    /// of points of each stroke. `boxes` gives x, y, width and height of each symbol; without
    /// it the symbols are found by segmentation.
    ///
    /// # Errors
    /// There are too many points, a coordinate is not a number within ±10⁶, or the network fails.
    #[wasm_bindgen(js_name = readStrokes)]
    pub fn read_strokes(
        &self,
        points: &[f32],
        lengths: &[u32],
        boxes: Option<Vec<f32>>,
    ) -> Result<JsonReading, JsError> {
        let mut points = points.chunks_exact(2).map(|point| [point[0], point[1]]);
        let stroke = |&length: &u32| points.by_ref().take(length as usize).collect();
        let strokes = Strokes::new(lengths.iter().map(stroke).collect())?;
        self.read(Lattice::of_strokes(&strokes, bounds(boxes).as_deref()))
    }

    /// Reads a glyph: 784 bytes, row by row, 255 for full ink and 0 for paper.
    ///
    /// # Errors
    /// There are not 784 bytes, or the network fails.
    #[wasm_bindgen(js_name = readPixels)]
    pub fn read_pixels(&self, pixels: &[u8]) -> Result<JsonReading, JsError> {
        self.read(Lattice::of_glyph(&Glyph::try_from(pixels)?))
    }

    /// The network taken apart, to look inside.
    ///
    /// # Errors
    /// The weights cannot be read.
    pub fn insides(&self) -> Result<Insides, JsError> {
        Ok(Insides(self.classifier.insides()?, None))
    }

    /// How much each of a glyph's 784 pixels speaks for a label: by how much the label's logit
    /// falls, on average, when a patch that contains the pixel is covered. Row by row.
    ///
    /// # Errors
    /// There are not 784 bytes, or the network fails.
    pub fn occlusion(&self, pixels: &[u8], label: usize) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.occlusion(&Glyph::try_from(pixels)?, label)?)
    }

    /// Classifies all candidate symbols and picks the likeliest reading of them.
    fn read(&self, lattice: Lattice) -> Result<JsonReading, JsError> {
        let (labels, thresholds) = (self.classifier.labels(), self.classifier.thresholds());
        let asked = number::Reader { labels, thresholds };
        let reading = lattice.read(asked, |glyphs| self.classifier.classify(glyphs))?;
        let symbols = reading.lines.iter().flat_map(|line| &line.symbols);
        let seen = symbols.flat_map(|symbol| *symbol.glyph.pixels()).collect();
        let answer = ReadText::new(reading, labels, &self.id, thresholds, |_| None);
        Ok(JsonReading { json: serde_json::to_string(&answer)?, seen })
    }
}

/// The given boxes that are valid.
fn bounds(boxes: Option<Vec<f32>>) -> Option<Vec<Bounds>> {
    let each = |b: &[f32]| Bounds::checked([b[0], b[1], b[2], b[3]]);
    Some(boxes?.chunks_exact(4).filter_map(each).collect())
}

/// The reading of one input.
#[wasm_bindgen(js_name = Reading)]
pub struct JsonReading {
    json: String,
    seen: Vec<u8>,
}

#[wasm_bindgen(js_class = Reading)]
impl JsonReading {
    /// The answer ([`ReadText`]) as JSON.
    #[wasm_bindgen(getter)]
    pub fn json(&self) -> String {
        self.json.clone()
    }

    /// The network's input for each symbol of the answer: 28 × 28 bytes, row by row, 255 for full
    /// ink and 0 for paper.
    #[wasm_bindgen(getter)]
    pub fn seen(&self) -> Vec<u8> {
        self.seen.clone()
    }
}
