//! Explaining a prediction: how a network comes from a glyph to its logits ([`Insides`]), which of the
//! ink mattered ([`Classifier::occlusion`]), and which change of it would change the answer
//! ([`Search`]).

mod insides;
mod search;

pub use insides::{Insides, LayerShape, Product, Step};
pub use search::{Progress, Search};

use crate::{
    backend::DeviceFailed,
    classifier::Classifier,
    glyph::{Glyph, PIXELS, SIDE},
};

/// Side of the patch that is covered, and the step from one patch to the next, in pixels.
const PATCH: usize = 4;
const STRIDE: usize = 2;
/// Patches along each side.
const PATCHES: usize = (SIDE - PATCH) / STRIDE + 1;

impl Classifier {
    /// How much the ink of each pixel contributed to a label: by how much the label's logit falls,
    /// on average, when a patch that contains the pixel is covered with paper. Row by row,
    /// [`SIDE`] × [`SIDE`]; negative where the ink counts against the label, 0 where there is no
    /// ink. Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks"
    /// (2014), §4.2.
    ///
    /// # Errors
    /// The device fails.
    pub fn occlusion(&self, glyph: &Glyph, label: usize) -> Result<Vec<f32>, DeviceFailed> {
        let corners = (0..PATCHES * PATCHES).map(|i| (i % PATCHES * STRIDE, i / PATCHES * STRIDE));
        let corners: Vec<(usize, usize)> = corners
            .filter(|&corner| pixels_of_patch(corner).any(|i| glyph.pixels()[i] > 0))
            .collect();
        let mut glyphs = vec![glyph.clone()];
        glyphs.extend(corners.iter().map(|&corner| {
            let mut pixels = *glyph.pixels();
            pixels_of_patch(corner).for_each(|i| pixels[i] = 0);
            Glyph::new(pixels)
        }));
        let logits = self.logits(&glyphs)?;
        let logit = |row: &Vec<f32>| row.get(label).copied().unwrap_or(0.0);
        let whole = logits.first().map_or(0.0, logit);
        let mut falls = vec![(0.0, 0.0f32); PIXELS];
        for (&corner, row) in corners.iter().zip(&logits[1..]) {
            for i in pixels_of_patch(corner) {
                falls[i].0 += whole - logit(row);
                falls[i].1 += 1.0;
            }
        }
        let pixels = glyph.pixels();
        let mean = |(i, (sum, count)): (usize, (f32, f32))| match pixels[i] {
            0 => 0.0,
            _ => sum / count.max(1.0),
        };
        Ok(falls.into_iter().enumerate().map(mean).collect())
    }
}

/// The pixels of the patch with this upper left corner.
fn pixels_of_patch((x, y): (usize, usize)) -> impl Iterator<Item = usize> {
    (0..PATCH * PATCH).map(move |i| (y + i / PATCH) * SIDE + x + i % PATCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::network::NetworkConfig;

    fn classifier(config: &NetworkConfig) -> Classifier {
        let device = Device::flex();
        let labels = (0..10).map(|label| label.to_string()).collect();
        Classifier::new(config.init(&device), labels, &device)
    }

    fn bar() -> Glyph {
        let mut pixels = [0; PIXELS];
        (5..23).for_each(|y| pixels[y * SIDE + 14] = 255);
        Glyph::new(pixels)
    }

    #[test]
    fn only_ink_contributes_and_a_dot_contributes_its_whole_effect() {
        let classifier = classifier(&NetworkConfig::small(10));
        let heat = classifier.occlusion(&bar(), 1).unwrap();
        let is_ink = |i: usize| bar().pixels()[i] > 0;
        assert!((0..PIXELS).all(|i| is_ink(i) || heat[i] == 0.0));
        assert!((0..PIXELS).any(|i| heat[i] != 0.0));
        // Every patch that contains the dot leaves a blank glyph.
        let mut dot = [0; PIXELS];
        dot[14 * SIDE + 14] = 255;
        let heat = classifier.occlusion(&Glyph::new(dot), 1).unwrap();
        let logits = classifier.logits(&[Glyph::new(dot), Glyph::new([0; PIXELS])]).unwrap();
        assert!((heat[14 * SIDE + 14] - (logits[0][1] - logits[1][1])).abs() < 1e-4);
    }
}
