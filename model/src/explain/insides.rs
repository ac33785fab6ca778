//! A network taken apart: what each layer computed for a glyph, and from what.

use glyphic_kernels::{LayerMaps, LayerWeights};

use crate::{
    backend::DeviceFailed,
    classifier::Classifier,
    cpu::normalised_pixel,
    glyph::{Glyph, PIXELS, SIDE},
    prediction::Prediction,
};

/// A network's layers, and what they computed for the glyph that it looked at last.
///
/// The maps are counted from 0, the glyph: a layer reads the maps of its own number, and the next
/// ones are its output. A linear layer is a convolution with one place, whose kernel is as large as
/// its input.
#[derive(Debug)]
pub struct Insides {
    layers: Vec<LayerWeights>,
    shapes: Vec<LayerShape>,
    whole: Classifier,
    /// The network with some of its maps silenced.
    broken: Option<Classifier>,
    silenced: Vec<[usize; 2]>,
    maps: Vec<LayerMaps>,
}

/// The shape of a layer, in maps and pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerShape {
    /// The number of maps that it reads.
    pub inputs: usize,
    /// The number of maps that it gives.
    pub outputs: usize,
    /// The side of its kernel.
    pub kernel: usize,
    /// The step from one window to the next.
    pub stride: usize,
    /// The zeros on every edge of its input.
    pub padding: usize,
    /// The side of a map that it reads.
    pub from: usize,
    /// The side of a map that it gives.
    pub to: usize,
}

/// How a value of a map came about: it is [`sum`](Product::sum), or 0 if that is negative and the
/// layer is not the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// The window's values, `[inputs, kernel, kernel]`; 0 where it reaches over the edge.
    pub inputs: Vec<f32>,
    /// The filter's weights, the same shape.
    pub weights: Vec<f32>,
    /// The filter's bias.
    pub bias: f32,
}

/// A value on the way from the glyph to a logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Its map.
    pub channel: usize,
    /// Its place in the map, counted row by row.
    pub place: usize,
    /// What its map adds to the next step's sum, from all places in the window.
    pub of_map: f32,
    /// What it adds itself.
    pub own: f32,
}

impl Classifier {
    /// The network taken apart. Until it looks at a glyph, its maps are empty.
    ///
    /// # Errors
    /// The device fails.
    pub fn insides(&self) -> Result<Insides, DeviceFailed> {
        let layers = self.backend().weights()?;
        Ok(Insides {
            shapes: LayerShape::all(&layers),
            layers,
            whole: self.clone(),
            broken: None,
            silenced: Vec::new(),
            maps: Vec::new(),
        })
    }
}

impl Insides {
    /// The shapes of the layers, first to last.
    pub fn shapes(&self) -> &[LayerShape] {
        &self.shapes
    }

    /// The network with nothing silenced.
    pub fn whole(&self) -> &Classifier {
        &self.whole
    }

    /// Silences these maps, given by layer and map, and no others: they are 0 everywhere. Those of
    /// the last layer cannot be silenced.
    pub fn silence(&mut self, silenced: &[[usize; 2]]) {
        if self.silenced == silenced {
            return;
        }
        let mut layers = self.layers.clone();
        let last = layers.len().saturating_sub(1);
        for &[layer, map] in silenced {
            if let Some(layer) = layers[..last].get_mut(layer) {
                silence(layer, map);
            }
        }
        self.silenced = silenced.to_vec();
        self.broken = match silenced.is_empty() {
            true => None,
            false => self.whole.with_layers(&layers),
        };
    }

    /// Reads a glyph and keeps what each layer computes.
    ///
    /// # Errors
    /// The device fails.
    pub fn look(&mut self, glyph: &Glyph) -> Result<Prediction, DeviceFailed> {
        let classifier = self.broken.as_ref().unwrap_or(&self.whole);
        let pixels = (0..PIXELS).map(|i| normalised_pixel(glyph, i)).collect();
        let mut maps = vec![LayerMaps { channels: 1, side: SIDE, values: pixels }];
        maps.extend(classifier.backend().maps(glyph)?);
        let prediction = classifier.classify(std::slice::from_ref(glyph))?.pop();
        self.maps = maps;
        Ok(prediction.unwrap_or_else(|| Prediction::of(&[])))
    }

    /// The glyph as the network gets it, then the output of each layer.
    pub fn maps(&self) -> &[LayerMaps] {
        &self.maps
    }

    /// How a layer came to the value at a place of one of its maps. `None` if there is none.
    pub fn product(&self, layer: usize, map: usize, place: usize) -> Option<Product> {
        let (shape, weights) = (*self.shapes.get(layer)?, self.layers.get(layer)?);
        let from = self.maps.get(layer)?;
        if map >= shape.outputs || place >= shape.to * shape.to {
            return None;
        }
        let size = shape.inputs * shape.kernel * shape.kernel;
        let value = |i| shape.source(place, i).map_or(0.0, |(c, at)| from.values[shape.at(c, at)]);
        let (all, bias) = weights.values();
        let weights = match weights {
            LayerWeights::Convolution { .. } => all[map * size..][..size].to_vec(),
            LayerWeights::Linear { .. } => {
                all.iter().skip(map).step_by(shape.outputs).copied().collect()
            }
        };
        Some(Product { inputs: (0..size).map(value).collect(), weights, bias: bias[map] })
    }

    /// What each map that the last layer reads adds to each label's logit, and the label's bias:
    /// `[labels, maps + 1]`. A label's row adds up to its logit.
    pub fn contributions(&self) -> Vec<Vec<f32>> {
        let Some(last) = self.shapes.len().checked_sub(1) else { return Vec::new() };
        let row = |label| {
            let product = self.product(last, label, 0)?;
            Some(product.of_maps(self.shapes[last]).chain([product.bias]).collect())
        };
        (0..self.shapes[last].outputs).map_while(row).collect()
    }

    /// The way from the glyph to a label's logit along which most is added: back from the logit, the
    /// map that adds most to the step's sum, and in it the place that does. First the glyph's
    /// pixel, last a value that the last layer reads.
    pub fn path(&self, label: usize) -> Vec<Step> {
        let (mut steps, mut at) = (Vec::new(), (label, 0));
        for (layer, shape) in self.shapes.iter().enumerate().rev() {
            let Some(step) = self.strongest(layer, *shape, at) else { break };
            at = (step.channel, step.place);
            steps.push(step);
        }
        steps.reverse();
        steps
    }

    /// What adds most to a value of a layer.
    fn strongest(
        &self,
        layer: usize,
        shape: LayerShape,
        (map, place): (usize, usize),
    ) -> Option<Step> {
        let product = self.product(layer, map, place)?;
        let of_maps: Vec<f32> = product.of_maps(shape).collect();
        let channel = largest(&of_maps)?;
        let window = shape.kernel * shape.kernel;
        let inside = (channel * window..(channel + 1) * window)
            .filter_map(|i| Some((i, shape.source(place, i)?.1)));
        let term = |i: usize| product.inputs[i] * product.weights[i];
        let (i, place) = inside.max_by(|&(a, _), &(b, _)| term(a).total_cmp(&term(b)))?;
        Some(Step { channel, place, of_map: of_maps[channel], own: term(i) })
    }
}

impl Product {
    /// The window times the weights, plus the bias.
    pub fn sum(&self) -> f32 {
        self.terms().sum::<f32>() + self.bias
    }

    fn terms(&self) -> impl Iterator<Item = f32> {
        self.inputs.iter().zip(&self.weights).map(|(input, weight)| input * weight)
    }

    /// What each map adds.
    fn of_maps(&self, shape: LayerShape) -> impl Iterator<Item = f32> {
        let window = shape.kernel * shape.kernel;
        let terms: Vec<f32> = self.terms().collect();
        (0..shape.inputs).map(move |map| terms[map * window..][..window].iter().sum())
    }
}

impl LayerShape {
    fn all(layers: &[LayerWeights]) -> Vec<Self> {
        let mut from = SIDE;
        let shape = |layer: &LayerWeights| {
            let shape = match *layer {
                LayerWeights::Convolution {
                    shape: [outputs, inputs, kernel, _],
                    stride,
                    padding,
                    ..
                } => {
                    let to = (from + 2 * padding - kernel) / stride + 1;
                    Self { inputs, outputs, kernel, stride, padding, from, to }
                }
                LayerWeights::Linear { shape: [values, outputs], .. } => {
                    let inputs = values / (from * from);
                    Self { inputs, outputs, kernel: from, stride: 1, padding: 0, from, to: 1 }
                }
            };
            from = shape.to;
            shape
        };
        layers.iter().map(shape).collect()
    }

    /// The map and the place that value `i` of the window of a place is from. `None` beyond the edge.
    fn source(&self, place: usize, i: usize) -> Option<(usize, usize)> {
        let (kernel, at) = (self.kernel, i % (self.kernel * self.kernel));
        let along = |window: usize, i: usize| {
            let pixel = (window * self.stride + i).checked_sub(self.padding)?;
            (pixel < self.from).then_some(pixel)
        };
        let x = along(place % self.to, at % kernel)?;
        let y = along(place / self.to, at / kernel)?;
        Some((i / (kernel * kernel), y * self.from + x))
    }

    /// The index of a place of a map that the layer reads.
    fn at(&self, map: usize, place: usize) -> usize {
        map * self.from * self.from + place
    }
}

/// Takes the weights and the bias of an output away: it is 0 then.
fn silence(layer: &mut LayerWeights, map: usize) {
    match layer {
        LayerWeights::Convolution { weights, bias, .. } if map < bias.len() => {
            let size = weights.len() / bias.len();
            weights[map * size..][..size].fill(0.0);
            bias[map] = 0.0;
        }
        LayerWeights::Linear { weights, bias, .. } if map < bias.len() => {
            let outputs = bias.len();
            weights.iter_mut().skip(map).step_by(outputs).for_each(|weight| *weight = 0.0);
            bias[map] = 0.0;
        }
        _ => {}
    }
}

fn largest(values: &[f32]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::network::{ConvolutionConfig, NetworkConfig};

    /// With a bias that is not 0, as after training: a new network's norms have none.
    fn classifiers(config: &NetworkConfig) -> [Classifier; 2] {
        let device = Device::flex();
        let labels: Vec<String> = (0..config.classes).map(|label| label.to_string()).collect();
        let mut layers = config.init(&device).layer_weights().unwrap();
        for layer in &mut layers {
            let (LayerWeights::Convolution { bias, .. } | LayerWeights::Linear { bias, .. }) =
                layer;
            bias.iter_mut().enumerate().for_each(|(i, bias)| *bias = 0.05 * (i % 5) as f32 - 0.1);
        }
        let network = || crate::network::Network::from_layer_weights(config, &layers).unwrap();
        [
            Classifier::of_layers(&layers, labels.clone()).unwrap(),
            Classifier::through_burn(network(), labels, &device),
        ]
    }

    /// Strides that skip the last pixels, kernels that reach over the edge, and hidden layers.
    fn odd() -> NetworkConfig {
        let conv = |channels, kernel, stride, padding| ConvolutionConfig {
            channels,
            kernel,
            stride,
            padding,
        };
        let convolutions = vec![conv(3, 4, 3, 0), conv(7, 2, 2, 1), conv(5, 3, 1, 2)];
        NetworkConfig { convolutions, hidden: vec![11, 5], classes: 3 }
    }

    fn configs() -> [NetworkConfig; 3] {
        [NetworkConfig::small(10), NetworkConfig::mlp(4), odd()]
    }

    fn seven() -> Glyph {
        let mut pixels = [0; PIXELS];
        (7..21).for_each(|x| pixels[6 * SIDE + x] = 255);
        (7..23).for_each(|y| pixels[y * SIDE + 20 - (y - 6) / 2] = 230);
        Glyph::new(pixels)
    }

    #[test]
    fn each_value_of_each_map_is_its_patch_times_its_kernel_plus_its_bias() {
        for config in configs() {
            for classifier in classifiers(&config) {
                let mut insides = classifier.insides().unwrap();
                insides.look(&seven()).unwrap();
                let layers = insides.shapes().len();
                assert_eq!(layers, config.convolutions.len() + config.hidden.len() + 1);
                for (layer, shape) in insides.shapes().to_vec().into_iter().enumerate() {
                    let output = &insides.maps()[layer + 1];
                    assert_eq!((output.channels, output.side), (shape.outputs, shape.to));
                    let places = shape.to * shape.to;
                    for (i, &value) in output.values.iter().enumerate() {
                        let sum = insides.product(layer, i / places, i % places).unwrap().sum();
                        let sum = if layer + 1 < layers { sum.max(0.0) } else { sum };
                        assert!((sum - value).abs() < 1e-4, "layer {layer}, {i}: {sum} {value}");
                    }
                    assert_eq!(insides.product(layer, shape.outputs, 0), None);
                    assert_eq!(insides.product(layer, 0, places), None);
                }
                assert_eq!(insides.product(layers, 0, 0), None);
            }
        }
    }

    #[test]
    fn a_network_that_looked_at_nothing_says_nothing() {
        let insides = classifiers(&odd())[0].insides().unwrap();
        assert_eq!(insides.product(0, 0, 0), None);
        assert!(insides.path(0).is_empty() && insides.contributions().is_empty());
    }

    #[test]
    fn contributions_add_up_to_the_logits() {
        for config in configs() {
            for classifier in classifiers(&config) {
                let mut insides = classifier.insides().unwrap();
                insides.look(&seven()).unwrap();
                let logits = classifier.logits(&[seven()]).unwrap().remove(0);
                let contributions = insides.contributions();
                assert_eq!(contributions.len(), logits.len());
                for (row, logit) in contributions.iter().zip(&logits) {
                    assert_eq!(row.len(), insides.shapes().last().unwrap().inputs + 1);
                    assert!((row.iter().sum::<f32>() - logit).abs() < 1e-4, "{row:?} {logit}");
                }
            }
        }
    }

    #[test]
    fn a_path_follows_the_largest_contributions_back_to_the_glyph() {
        for config in configs() {
            let [classifier, _] = classifiers(&config);
            let mut insides = classifier.insides().unwrap();
            insides.look(&seven()).unwrap();
            let label = config.classes - 1;
            let path = insides.path(label);
            assert_eq!(path.len(), insides.shapes().len());
            let row = &insides.contributions()[label];
            let most = row[..row.len() - 1].iter().copied().fold(f32::MIN, f32::max);
            assert!((path.last().unwrap().of_map - most).abs() < 1e-5);
            let ends = path[1..].iter().map(|step| (step.channel, step.place)).chain([(label, 0)]);
            for (layer, (step, (map, place))) in path.iter().zip(ends).enumerate() {
                let (shape, product) =
                    (insides.shapes()[layer], insides.product(layer, map, place).unwrap());
                // The step is in the window, and no place of its map adds more.
                let window = shape.kernel * shape.kernel;
                let term = |i: usize| product.inputs[i] * product.weights[i];
                let own = (step.channel * window..(step.channel + 1) * window)
                    .find(|&i| shape.source(place, i) == Some((step.channel, step.place)));
                assert_eq!(term(own.unwrap()), step.own);
                assert!(shape.source(place, own.unwrap()).is_some());
            }
        }
    }

    #[test]
    fn a_silenced_map_is_zero_and_the_network_heals() {
        for config in configs() {
            let [classifier, burn] = classifiers(&config);
            let mut insides = classifier.insides().unwrap();
            let whole = insides.look(&seven()).unwrap();
            let largest = |maps: &LayerMaps| {
                let places = maps.side * maps.side;
                let sum = |map: usize| maps.values[map * places..][..places].iter().sum::<f32>();
                (0..maps.channels).max_by(|&a, &b| sum(a).total_cmp(&sum(b))).unwrap()
            };
            let map = largest(&insides.maps()[1]);
            // A layer or a map that does not exist, and the last layer, change nothing.
            let last = insides.shapes().len() - 1;
            let silenced = [[0, map], [0, 9999], [99, 0], [last, 0]];
            insides.silence(&silenced);
            let broken = insides.look(&seven()).unwrap();
            assert_ne!(broken.probabilities, whole.probabilities);
            let maps = insides.maps()[1].clone();
            let places = maps.side * maps.side;
            assert!(maps.values[map * places..][..places].iter().all(|&value| value == 0.0));
            // burn's network comes to the same when it is broken.
            let mut burn = burn.insides().unwrap();
            burn.silence(&silenced);
            let same = burn.look(&seven()).unwrap();
            for (a, b) in same.probabilities.iter().zip(&broken.probabilities) {
                assert!((a - b).abs() < 1e-5);
            }
            insides.silence(&[]);
            assert_eq!(insides.look(&seven()).unwrap(), whole);
        }
    }
}
