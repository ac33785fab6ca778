//! Explaining a prediction: the layers' feature maps for a glyph, and which of its ink mattered.

use glyphic_kernels::LayerMaps;

use crate::{
    backend::DeviceFailed,
    classifier::Classifier,
    glyph::{Glyph, PIXELS, SIDE},
};

/// The output of a convolution for a glyph.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
    /// The number of feature maps.
    pub channels: usize,
    /// The side of each map in pixels.
    pub side: usize,
    /// The activations, scaled so that the layer's strongest is 255; map by map, row by row.
    pub maps: Vec<u8>,
}

/// Side of the patch that is covered, and the step from one patch to the next, in pixels.
const PATCH: usize = 4;
const STRIDE: usize = 2;
/// Patches along each side.
const PATCHES: usize = (SIDE - PATCH) / STRIDE + 1;

impl Classifier {
    /// The output of each convolution for a glyph, first to last; empty without a convolution.
    ///
    /// # Errors
    /// The device fails.
    pub fn layers(&self, glyph: &Glyph) -> Result<Vec<FeatureMaps>, DeviceFailed> {
        Ok(self.backend().maps(glyph)?.into_iter().map(FeatureMaps::of).collect())
    }

    /// The filters of the first convolution, with the norm folded in: the side of each in pixels,
    /// and the weights, filter by filter, row by row. A filter responds strongly where a glyph has
    /// ink under positive weights and paper under negative ones. `None` without a convolution.
    ///
    /// # Errors
    /// The device fails.
    pub fn filters(&self) -> Result<Option<(usize, Vec<f32>)>, DeviceFailed> {
        self.backend().filters()
    }

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

impl FeatureMaps {
    fn of(LayerMaps { channels, side, values }: LayerMaps) -> Self {
        let strongest = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let maps = values.iter().map(|value| (value / strongest * 255.0) as u8).collect();
        Self { channels, side, maps }
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
    fn layers_have_the_shapes_of_the_network() {
        let layers = classifier(&NetworkConfig::small(10)).layers(&bar()).unwrap();
        let shapes: Vec<_> = layers.iter().map(|layer| (layer.channels, layer.side)).collect();
        assert_eq!(shapes, [(24, 14), (56, 7), (56, 7), (96, 4)]);
        for layer in &layers {
            assert_eq!(layer.maps.len(), layer.channels * layer.side * layer.side);
            assert_eq!(layer.maps.iter().max(), Some(&255));
        }
    }

    #[test]
    fn the_first_layer_is_the_glyph_convolved_with_its_filters() {
        let classifier = classifier(&NetworkConfig::small(10));
        let (side, filters) = classifier.filters().unwrap().unwrap();
        assert_eq!((side, filters.len()), (5, 24 * 25));
        // Stride 2, two pixels of zeros around the normalised picture; an untrained network has no
        // bias yet.
        let pixels = bar().pixels().map(|ink| (f32::from(ink) / 255.0 - 0.1307) / 0.3081);
        let at = |x: usize, y: usize| {
            let inside = (2..SIDE + 2).contains(&x) && (2..SIDE + 2).contains(&y);
            if inside { pixels[(y - 2) * SIDE + x - 2] } else { 0.0 }
        };
        let response = |place: usize| -> f32 {
            let (map, x, y) = (place / 196, place % 14, place / 14 % 14);
            let terms = (0..25).map(|i| filters[25 * map + i] * at(2 * x + i % 5, 2 * y + i / 5));
            terms.sum::<f32>().max(0.0)
        };
        let responses: Vec<f32> = (0..24 * 196).map(response).collect();
        let strongest = responses.iter().copied().fold(0.0, f32::max);
        let layer = &classifier.layers(&bar()).unwrap()[0];
        for (&map, response) in layer.maps.iter().zip(&responses) {
            let expected = response / strongest * 255.0;
            assert!((f32::from(map) - expected).abs() <= 1.01, "{map} {expected}");
        }
        let mlp = super::tests::classifier(&NetworkConfig::mlp(10));
        assert_eq!(mlp.filters().unwrap(), None);
        assert!(mlp.layers(&bar()).unwrap().is_empty());
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
