//! Glyphic's reader for browsers: the preprocessing, the checkpoint's checks and the
//! network that the server runs, from the same crate, compiled to WebAssembly.

use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph, Thresholds, Verdict,
    checkpoint::{Checkpoint, Manifest},
    explain::Layer,
    number::{Bounds, Lattice, Symbol},
    preprocess::{Picture, Strokes},
};
use wasm_bindgen::prelude::*;

/// A checkpoint that reads.
#[wasm_bindgen]
pub struct Reader {
    classifier: Classifier,
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

    /// Reads pen strokes: the points of all, x and y in turns, and how many points each
    /// stroke has. `boxes` says where the symbols are, x, y, width and height of each;
    /// without it they are found.
    #[wasm_bindgen(js_name = readStrokes)]
    pub fn read_strokes(
        &self,
        points: &[f32],
        lengths: &[u32],
        boxes: Option<Vec<f32>>,
    ) -> Result<Reading, JsError> {
        let mut points = points.chunks_exact(2).map(|point| [point[0], point[1]]);
        let stroke = |&length: &u32| points.by_ref().take(length as usize).collect();
        let strokes = Strokes::new(lengths.iter().map(stroke).collect())?;
        self.read(Lattice::of_strokes(&strokes, given(boxes).as_deref()))
    }

    /// Reads a picture from its RGBA bytes (straight alpha), row by row; `boxes` as for
    /// strokes, in its pixels.
    #[wasm_bindgen(js_name = readPicture)]
    pub fn read_picture(
        &self,
        width: usize,
        height: usize,
        rgba: Vec<u8>,
        boxes: Option<Vec<f32>>,
    ) -> Result<Reading, JsError> {
        let picture = Picture::new(width, height, rgba)
            .ok_or_else(|| JsError::new("the picture has no pixels"))?;
        self.read(Lattice::of_picture(&picture, given(boxes).as_deref()))
    }

    /// Reads a glyph: 784 bytes, row by row, ink 255 on 0.
    #[wasm_bindgen(js_name = readPixels)]
    pub fn read_pixels(&self, pixels: &[u8]) -> Result<Reading, JsError> {
        self.read(Lattice::of_glyph(&Glyph::try_from(pixels)?))
    }

    /// What each convolution makes of a glyph (784 bytes).
    pub fn layers(&self, pixels: &[u8]) -> Result<Layers, JsError> {
        Ok(Layers(self.classifier.layers(&Glyph::try_from(pixels)?)?))
    }

    /// The weights of the first convolution, one after the other; empty without one.
    pub fn stencils(&self) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.stencils()?.map_or(Vec::new(), |(_, values)| values))
    }

    /// How much each of a glyph's 784 pixels spoke for a label.
    pub fn occlusion(&self, pixels: &[u8], label: usize) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.occlusion(&Glyph::try_from(pixels)?, label)?)
    }

    fn read(&self, lattice: Lattice) -> Result<Reading, JsError> {
        let said = self.classifier.classify(&lattice.glyphs())?;
        let thresholds = self.classifier.thresholds();
        let reading = lattice.best(said, thresholds);
        let verdict = reading.verdict(thresholds);
        let lines = reading.lines.iter().map(|line| line.symbols.len()).collect();
        let symbols = reading.lines.into_iter().flat_map(|line| line.symbols).collect();
        Ok(Reading { thresholds, verdict, lines, symbols })
    }
}

fn given(boxes: Option<Vec<f32>>) -> Option<Vec<Bounds>> {
    let each = |b: &[f32]| Bounds::checked([b[0], b[1], b[2], b[3]]);
    Some(boxes?.chunks_exact(4).filter_map(each).collect())
}

/// What the convolutions made of a glyph.
#[wasm_bindgen]
pub struct Layers(Vec<Layer>);

#[wasm_bindgen]
impl Layers {
    /// The number of maps of each, and the side of a map.
    #[wasm_bindgen(getter)]
    pub fn shapes(&self) -> Vec<usize> {
        self.0.iter().flat_map(|layer| [layer.channels, layer.side]).collect()
    }

    /// All maps, 0–255 in each layer.
    #[wasm_bindgen(getter)]
    pub fn maps(&self) -> Vec<u8> {
        self.0.iter().flat_map(|layer| layer.maps.iter().copied()).collect()
    }
}

/// What was read.
#[wasm_bindgen]
pub struct Reading {
    thresholds: Thresholds,
    verdict: Verdict,
    lines: Vec<usize>,
    symbols: Vec<Symbol>,
}

/// What holds for all symbols is in one array: a call costs more than a copy.
#[wasm_bindgen]
impl Reading {
    /// `read`, `unsure`, `not_a_digit` or `blank`.
    #[wasm_bindgen(getter)]
    pub fn verdict(&self) -> String {
        self.verdict.name().to_owned()
    }

    /// The number of symbols on each line.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> Vec<usize> {
        self.lines.clone()
    }

    /// Of each symbol x, y, width and height of its box, how probably it is one of the
    /// labels (0–1), whether it is part of the text (0 or 1), and its verdict: 0 for
    /// `read`, 1 for `unsure`, 2 for `not_a_digit`.
    #[wasm_bindgen(getter)]
    pub fn places(&self) -> Vec<f32> {
        let place = |symbol: &Symbol| {
            let [x, y, width, height] = symbol.bounds.into();
            let counts = f32::from(u8::from(symbol.counts));
            let verdict = match self.thresholds.verdict(&symbol.prediction) {
                Verdict::Read => 0.0,
                Verdict::Unsure => 1.0,
                Verdict::NotADigit | Verdict::Blank => 2.0,
            };
            [x, y, width, height, symbol.prediction.in_distribution, counts, verdict]
        };
        self.symbols.iter().flat_map(place).collect()
    }

    /// The probability of each label for each symbol.
    #[wasm_bindgen(getter)]
    pub fn probabilities(&self) -> Vec<f32> {
        self.symbols.iter().flat_map(|symbol| symbol.prediction.probabilities.clone()).collect()
    }

    /// The 28 × 28 bytes that the network saw of each symbol, ink 255 on 0.
    #[wasm_bindgen(getter)]
    pub fn seen(&self) -> Vec<u8> {
        self.symbols.iter().flat_map(|symbol| *symbol.glyph.pixels()).collect()
    }

    /// The strokes that a symbol is made of, by index, if it is made of whole ones.
    pub fn strokes(&self, symbol: usize) -> Option<Vec<usize>> {
        self.symbols.get(symbol)?.strokes.clone()
    }
}
