//! Reading pictures.

use glyphic_model::{number, preprocess::Picture};
use wasm_bindgen::prelude::*;

use crate::{JsonReading, Reader, bounds};

#[wasm_bindgen]
impl Reader {
    /// Reads a picture, as the checkpoint's pictures are, from its RGBA bytes (alpha not
    /// premultiplied), row by row. `boxes` is as for strokes, in pixels. `turns` is how often it has
    /// to be turned clockwise by a quarter to be upright; without it that is found out.
    ///
    /// # Errors
    /// A side is 0, the number of bytes is not `4 * width * height`, or the network fails.
    #[wasm_bindgen(js_name = readPicture)]
    pub fn read_picture(
        &self,
        width: usize,
        height: usize,
        rgba: Vec<u8>,
        boxes: Option<Vec<f32>>,
        turns: Option<usize>,
    ) -> Result<JsonReading, JsError> {
        let picture = Picture::new(width, height, rgba)
            .ok_or_else(|| JsError::new("the picture has no pixels, or not 4 bytes for each"))?;
        self.read(self.pictures.lattice(&picture, bounds(boxes).as_deref(), turns))
    }
}

/// Has this network read pairs of digits in pictures: the content of `pairs.i8`. Without it, pictures are
/// read without a second opinion on digits that touch.
///
/// # Errors
/// The bytes are not those of such a network.
#[wasm_bindgen(js_name = loadPairs)]
pub fn load_pairs(bytes: &[u8]) -> Result<(), JsError> {
    number::pairs::load(bytes).ok_or_else(|| JsError::new("pairs.i8 is damaged: reload the page"))
}
