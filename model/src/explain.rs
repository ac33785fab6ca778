//! What happens inside: what each layer makes of a glyph, and which of its ink mattered.

use burn::tensor::{Tensor, TensorData};

use crate::{
    Classifier, Glyph,
    classifier::DeviceFailed,
    glyph::{PIXELS, SIDE},
    network::normalise,
};

/// What a convolution made of a glyph.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its maps.
    pub channels: usize,
    /// The side of each map in pixels.
    pub side: usize,
    /// How strongly each place of each map answered, 0 to 255 for the strongest of the
    /// layer; map by map, row by row.
    pub maps: Vec<u8>,
}

/// Side of the patch that is covered, in pixels, and the way from one to the next.
const PATCH: usize = 4;
const STRIDE: usize = 2;
/// Patches along each side.
const PATCHES: usize = (SIDE - PATCH) / STRIDE + 1;

impl Classifier {
    /// What each convolution makes of a glyph, from the first one to the last.
    pub fn layers(&self, glyph: &Glyph) -> Result<Vec<Layer>, DeviceFailed> {
        let pixels: Vec<f32> = glyph.pixels().iter().map(|&ink| f32::from(ink)).collect();
        let data = TensorData::new(pixels, [1, 1, SIDE, SIDE]);
        let pixels = normalise(Tensor::<4>::from_data(data, self.device()));
        let outputs = self.network().convolution_outputs(pixels);
        outputs.into_iter().map(Layer::of).collect()
    }

    /// The weights of the first convolution, norm folded in: how many values a side each
    /// has, and the values, one after the other, row by row. Where a glyph has ink under
    /// positive weights and paper under negative ones, the convolution answers. None if
    /// there is no convolution.
    pub fn filters(&self) -> Result<Option<(usize, Vec<f32>)>, DeviceFailed> {
        let Some(weights) = self.network().first_weights() else { return Ok(None) };
        let [_, _, side, _] = weights.dims();
        Ok(Some((side, values(weights)?)))
    }

    /// How much each pixel's ink spoke for a label: how far its logit falls, on average, when
    /// a patch that holds the pixel is covered with paper. Row by row, [`SIDE`] × [`SIDE`];
    /// below 0 where the ink spoke against it. Source: Zeiler and Fergus, "Visualizing and
    /// Understanding Convolutional Networks" (2014), §4.2.
    pub fn occlusion(&self, glyph: &Glyph, label: usize) -> Result<Vec<f32>, DeviceFailed> {
        let corners = (0..PATCHES * PATCHES).map(|i| (i % PATCHES * STRIDE, i / PATCHES * STRIDE));
        let corners: Vec<(usize, usize)> =
            corners.filter(|&corner| inside(corner).any(|i| glyph.pixels()[i] > 0)).collect();
        let mut glyphs = vec![glyph.clone()];
        glyphs.extend(corners.iter().map(|&corner| {
            let mut pixels = *glyph.pixels();
            inside(corner).for_each(|i| pixels[i] = 0);
            Glyph::new(pixels)
        }));
        let logits = self.logits(&glyphs)?;
        let logit = |row: &Vec<f32>| row.get(label).copied().unwrap_or(0.0);
        let whole = logits.first().map_or(0.0, logit);
        let mut falls = vec![(0.0, 0.0f32); PIXELS];
        for (&corner, row) in corners.iter().zip(&logits[1..]) {
            for i in inside(corner) {
                falls[i].0 += whole - logit(row);
                falls[i].1 += 1.0;
            }
        }
        let pixels = glyph.pixels();
        let of = |(i, (sum, count)): (usize, (f32, f32))| match pixels[i] {
            0 => 0.0,
            _ => sum / count.max(1.0),
        };
        Ok(falls.into_iter().enumerate().map(of).collect())
    }
}

impl Layer {
    fn of(output: Tensor<4>) -> Result<Self, DeviceFailed> {
        let [_, channels, side, _] = output.dims();
        let values = values(output)?;
        let strongest = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let maps = values.iter().map(|value| (value / strongest * 255.0) as u8).collect();
        Ok(Self { channels, side, maps })
    }
}

fn values(tensor: Tensor<4>) -> Result<Vec<f32>, DeviceFailed> {
    Ok(tensor.into_data().try_into_vec()?)
}

/// The pixels of the patch with this upper left corner.
fn inside((x, y): (usize, usize)) -> impl Iterator<Item = usize> {
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
    fn the_first_layer_is_what_its_filters_make_of_the_glyph() {
        let classifier = classifier(&NetworkConfig::small(10));
        let (side, filters) = classifier.filters().unwrap().unwrap();
        assert_eq!((side, filters.len()), (5, 24 * 25));
        // Stride 2, two pixels of zeros around the normalised picture, no bias yet.
        let pixels = bar().pixels().map(|ink| (f32::from(ink) / 255.0 - 0.1307) / 0.3081);
        let at = |x: usize, y: usize| {
            let inside = (2..SIDE + 2).contains(&x) && (2..SIDE + 2).contains(&y);
            if inside { pixels[(y - 2) * SIDE + x - 2] } else { 0.0 }
        };
        let answer = |place: usize| -> f32 {
            let (map, x, y) = (place / 196, place % 14, place / 14 % 14);
            let terms = (0..25).map(|i| filters[25 * map + i] * at(2 * x + i % 5, 2 * y + i / 5));
            terms.sum::<f32>().max(0.0)
        };
        let answers: Vec<f32> = (0..24 * 196).map(answer).collect();
        let strongest = answers.iter().copied().fold(0.0, f32::max);
        let layer = &classifier.layers(&bar()).unwrap()[0];
        for (&map, answer) in layer.maps.iter().zip(&answers) {
            assert!((f32::from(map) - answer / strongest * 255.0).abs() <= 1.01, "{map} {answer}");
        }
        let mlp = super::tests::classifier(&NetworkConfig::mlp(10));
        assert_eq!(mlp.filters().unwrap(), None);
        assert!(mlp.layers(&bar()).unwrap().is_empty());
    }

    #[test]
    fn only_ink_matters_and_covering_all_of_it_is_what_it_was_worth() {
        let classifier = classifier(&NetworkConfig::small(10));
        let heat = classifier.occlusion(&bar(), 1).unwrap();
        let is_ink = |i: usize| bar().pixels()[i] > 0;
        assert!((0..PIXELS).all(|i| is_ink(i) || heat[i] == 0.0));
        assert!((0..PIXELS).any(|i| heat[i] != 0.0));
        // A dot that one patch covers: without it the glyph is blank.
        let mut dot = [0; PIXELS];
        dot[14 * SIDE + 14] = 255;
        let heat = classifier.occlusion(&Glyph::new(dot), 1).unwrap();
        let logits = classifier.logits(&[Glyph::new(dot), Glyph::new([0; PIXELS])]).unwrap();
        assert!((heat[14 * SIDE + 14] - (logits[0][1] - logits[1][1])).abs() < 1e-4);
    }
}
