//! What the panel *How it was read* shows of the network.

use glyphic_model::{
    Glyph,
    explain::{self, Progress, Search, Step},
};
use wasm_bindgen::prelude::*;

/// A network taken apart, and the search for what would change its mind.
#[wasm_bindgen]
pub struct Insides(pub(crate) explain::Insides, pub(crate) Option<Search>);

#[wasm_bindgen]
impl Insides {
    /// Seven numbers for each layer: the maps that it reads and gives, the kernel's side, the stride, the
    /// padding, and the sides of the maps that it reads and gives. A linear layer is a convolution with
    /// one place.
    pub fn shapes(&self) -> Vec<usize> {
        let shapes = self.0.shapes().iter();
        shapes
            .flat_map(|s| [s.inputs, s.outputs, s.kernel, s.stride, s.padding, s.from, s.to])
            .collect()
    }

    /// Whether the network was trained to reject what is out of distribution.
    pub fn rejects(&self) -> bool {
        self.0.whole().thresholds().rejects()
    }

    /// Reads a glyph (784 bytes) with these maps silenced, given by layer and map, both of which count
    /// from 0. Returns the number of labels, the probability of each, that it is any of them, and then
    /// all maps: the glyph as the network gets it and the output of each layer.
    ///
    /// # Errors
    /// There are not 784 bytes, or the network fails.
    pub fn look(&mut self, pixels: &[u8], silenced: &[u32]) -> Result<Vec<f32>, JsError> {
        let pairs = silenced.chunks_exact(2).map(|pair| [pair[0] as usize, pair[1] as usize]);
        self.0.silence(&pairs.collect::<Vec<_>>());
        let prediction = self.0.look(&Glyph::try_from(pixels)?)?;
        let mut all = vec![prediction.probabilities.len() as f32];
        all.extend(prediction.probabilities);
        all.push(prediction.in_distribution);
        all.extend(self.0.maps().iter().flat_map(|maps| &maps.values));
        Ok(all)
    }

    /// How a layer came to a value of a map, for the glyph that was looked at last: the bias, then the
    /// window's values, then the weights. Empty if there is no such value.
    pub fn product(&self, layer: usize, map: usize, place: usize) -> Vec<f32> {
        let product = self.0.product(layer, map, place);
        product.map_or(Vec::new(), |p| [vec![p.bias], p.inputs, p.weights].concat())
    }

    /// For each label, what each map that the last layer reads adds to its logit, and its bias.
    pub fn contributions(&self) -> Vec<f32> {
        self.0.contributions().concat()
    }

    /// The strongest path to a label: four numbers for each step, the map, the place in it, what the map
    /// adds to the next step's sum, and what the place adds.
    pub fn path(&self, label: usize) -> Vec<f32> {
        let numbers = |s: Step| [s.channel as f32, s.place as f32, s.of_map, s.own];
        self.0.path(label).into_iter().flat_map(numbers).collect()
    }

    /// Begins to search for a change of a glyph (784 bytes) that makes it read as `target`, or as
    /// anything else than now.
    ///
    /// # Errors
    /// There are not 784 bytes, or the network fails.
    pub fn seek(&mut self, pixels: &[u8], target: Option<usize>) -> Result<(), JsError> {
        let glyph = Glyph::try_from(pixels)?;
        self.1 = Some(Search::new(self.0.whole(), &glyph, target)?);
        Ok(())
    }

    /// Continues the search: 1 and the glyph that was found, or 0 and the glyph so far; empty if there
    /// is nothing more to try.
    ///
    /// # Errors
    /// The network fails.
    pub fn step(&mut self) -> Result<Vec<u8>, JsError> {
        let Some(search) = &mut self.1 else { return Ok(Vec::new()) };
        let (state, glyph) = match search.step()? {
            Progress::Searching(glyph) => (0, glyph),
            Progress::Found(glyph) => (1, glyph),
            Progress::GivenUp => return Ok(Vec::new()),
        };
        Ok([&[state][..], glyph.pixels()].concat())
    }
}
