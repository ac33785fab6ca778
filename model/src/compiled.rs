//! The network as straight loops over the CPU's vectors: what burn-flex computes, several
//! times as fast.
//!
//! Every layer, linear ones too, is a set of windows over its input, and each window's
//! values times the layer's weights is one place of the output. Maps are kept channels
//! last, with the next layer's padding around them, so that a row of a window lies in one
//! piece and nothing is copied:
//!
//! ```text
//! glyph ─normalise─► padded map ─windows × weights─► padded map ─ … ─► logits
//! ```
//!
//! The weights are laid out once, as panels of as many output channels as fit into the
//! CPU's registers. burn stays the judge: [`Compiled::checked`] compares both.

use std::{
    array::from_fn,
    sync::{Mutex, PoisonError},
};

use burn::tensor::{Device, Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::{iter::ParallelIterator, slice::ParallelSlice};

use crate::{
    classifier::DeviceFailed,
    glyph::{Glyph, MEAN, SIDE, STD},
    network::{Network, normalise},
    plain::PlainLayer,
};

/// Windows that are computed together: each weight that is loaded serves them all.
const ROWS: usize = 4;
/// From so many glyphs on several threads share them: waking them takes as long as some
/// glyphs, and a busy server's cores are busy already.
const SHARED: usize = 32;
/// Most glyphs that one thread takes at a time.
const CHUNK: usize = 32;
/// How far logits may be from burn's, as a share of the largest one: sums in another
/// order differ by about a hundredth of this.
const TOLERANCE: f32 = 1e-3;

/// A network for inference on the CPU.
#[derive(Debug)]
pub struct Compiled {
    arch: Arch,
    /// The first layer's input: a square map of one channel.
    input: Map,
    layers: Vec<Layer>,
    /// Maps that nobody writes on now. A lock, for whoever asks computes; it is held for a
    /// push or a pop.
    spare: Mutex<Vec<Maps>>,
}

/// Every layer's output, the glyph's pixels first. The padding is written once: layers
/// leave it alone.
type Maps = Vec<Vec<f32>>;

/// A square map with zeros around it, channels last.
#[derive(Clone, Copy, Debug)]
struct Map {
    side: usize,
    padding: usize,
    channels: usize,
}

/// One layer: windows, weights, and where the results go.
#[derive(Clone, Debug)]
struct Layer {
    /// Where each window begins in the input.
    inputs: Vec<usize>,
    /// Where each window's results begin in the output.
    outputs: Vec<usize>,
    /// Values of a window that lie in one piece.
    row: usize,
    /// From one row of a window to the next, in values.
    stride: usize,
    /// The output's channels.
    channels: usize,
    panels: Vec<Panel>,
    /// Results below this become this: 0 is ReLU.
    floor: f32,
    /// Values of the whole output, padding included.
    size: usize,
}

/// The weights of some neighbouring output channels.
#[derive(Clone, Debug)]
struct Panel {
    /// The first of its channels.
    first: usize,
    /// Its width in the CPU's vectors, 1 to 4.
    vectors: usize,
    /// For each value of a window, a weight for each channel.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Compiled {
    /// Compiles a network whose norms are folded, on the CPU. `None` if it does not say
    /// what burn says of a few pictures: then burn has to answer.
    pub fn checked(network: &Network) -> Option<Self> {
        let compiled = Self::of(&network.plain().ok()?);
        compiled.agrees(network).ok()?.then_some(compiled)
    }

    /// The logits of each glyph.
    pub fn logits(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.through(&self.layers, glyphs)
    }

    /// What the last layer reads of each glyph, channels last.
    pub fn features(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.through(&self.layers[..self.layers.len().saturating_sub(1)], glyphs)
    }

    /// What comes out of the last of these layers.
    fn through(&self, layers: &[Layer], glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        if glyphs.len() < SHARED {
            return self.in_turn(layers, glyphs);
        }
        // Not larger than an equal share, so that no thread idles.
        let share = glyphs.len().div_ceil(rayon::current_num_threads());
        let parts = glyphs.par_chunks(share.min(CHUNK)).map(|part| self.in_turn(layers, part));
        parts.flatten_iter().collect()
    }

    fn in_turn(&self, layers: &[Layer], glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let sizes = [self.input.size()].into_iter().chain(self.layers.iter().map(|l| l.size));
        let mut maps = kept.unwrap_or_else(|| sizes.map(|size| vec![0.0; size]).collect());
        let rows = glyphs.iter().map(|glyph| self.read(layers, glyph, &mut maps)).collect();
        spare().push(maps);
        rows
    }

    fn read(&self, layers: &[Layer], glyph: &Glyph, maps: &mut [Vec<f32>]) -> Vec<f32> {
        let Some((mut input, outputs)) = maps.split_first_mut() else { return Vec::new() };
        for (y, row) in glyph.pixels().chunks_exact(SIDE).enumerate() {
            let at = self.input.at(0, y);
            for (pixel, &ink) in input[at..at + SIDE].iter_mut().zip(row) {
                *pixel = (f32::from(ink) / 255.0 - MEAN) / STD;
            }
        }
        for (layer, output) in layers.iter().zip(outputs) {
            self.arch.dispatch(Step { layer, input, output });
            input = output;
        }
        input.clone()
    }

    fn of(plain: &[PlainLayer]) -> Self {
        let arch = Arch::new();
        let registers = arch.dispatch(Registers);
        let padding = |i: usize| match plain.get(i) {
            Some(&PlainLayer::Convolution { padding, .. }) => padding,
            _ => 0,
        };
        let input = Map { side: SIDE, padding: padding(0), channels: 1 };
        let mut map = input;
        let mut layers = Vec::new();
        for (i, layer) in plain.iter().enumerate() {
            let (layer, next) = match layer {
                PlainLayer::Convolution { shape, weights, bias, stride, .. } => {
                    let [channels, _, kernel, _] = *shape;
                    let side = (map.side + 2 * map.padding - kernel) / stride + 1;
                    let next = Map { side, padding: padding(i + 1), channels };
                    let panels = panels(&by_window(*shape, weights), bias, channels, registers);
                    (Layer::convolution(kernel, *stride, map, next, panels), next)
                }
                PlainLayer::Linear { shape: [_, outputs], weights, bias } => {
                    let next = Map { side: 1, padding: 0, channels: *outputs };
                    let panels = panels(&by_place(map, next, weights), bias, *outputs, registers);
                    (Layer::linear(map, next, panels), next)
                }
            };
            // Every layer but the last is followed by ReLU.
            let floor = if i + 1 < plain.len() { 0.0 } else { f32::NEG_INFINITY };
            layers.push(Layer { floor, ..layer });
            map = next;
        }
        Self { arch, input, layers, spare: Mutex::default() }
    }

    /// Whether it says what the network says, of blank paper and of patterns that use the
    /// whole field.
    fn agrees(&self, network: &Network) -> Result<bool, DeviceFailed> {
        let pattern = |k: usize| Glyph::new(from_fn(|i| (i * (37 * k + 11 * k * (i / 28))) as u8));
        let glyphs: Vec<Glyph> = (0..4).map(pattern).collect();
        let pixels: Vec<f32> = glyphs.iter().flat_map(|g| g.pixels().map(f32::from)).collect();
        let data = TensorData::new(pixels, [glyphs.len(), 1, SIDE, SIDE]);
        let pixels = Tensor::<4>::from_data(data, &Device::flex());
        let expected = values(network.forward(normalise(pixels)))?;
        let found: Vec<f32> = self.logits(&glyphs).concat();
        let scale = expected.iter().fold(1.0, |most: f32, logit| most.max(logit.abs()));
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * scale;
        Ok(expected.len() == found.len() && expected.iter().zip(&found).all(close))
    }
}

impl Map {
    /// Where the channels of a place begin.
    fn at(self, x: usize, y: usize) -> usize {
        ((y + self.padding) * self.width() + x + self.padding) * self.channels
    }

    fn width(self) -> usize {
        self.side + 2 * self.padding
    }

    fn size(self) -> usize {
        self.width() * self.width() * self.channels
    }

    /// All places, row by row.
    fn places(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.side * self.side).map(move |i| (i % self.side, i / self.side))
    }
}

impl Layer {
    fn convolution(kernel: usize, stride: usize, from: Map, to: Map, panels: Vec<Panel>) -> Self {
        let corner = |(x, y)| (y * stride * from.width() + x * stride) * from.channels;
        Self {
            inputs: to.places().map(corner).collect(),
            outputs: to.places().map(|(x, y)| to.at(x, y)).collect(),
            row: kernel * from.channels,
            stride: from.width() * from.channels,
            channels: to.channels,
            panels,
            floor: 0.0,
            size: to.size(),
        }
    }

    /// A linear layer is one window over all there is.
    fn linear(from: Map, to: Map, panels: Vec<Panel>) -> Self {
        Self {
            inputs: vec![0],
            outputs: vec![0],
            row: from.size(),
            stride: 0,
            channels: to.channels,
            panels,
            floor: 0.0,
            size: to.size(),
        }
    }
}

/// A convolution's weights, [out, in, y, x], as windows are read: [y, x, in, out].
fn by_window([outputs, inputs, kernel, _]: [usize; 4], weights: &[f32]) -> Vec<f32> {
    permuted([kernel, kernel, inputs, outputs], |y, x, i, o| {
        weights[((o * inputs + i) * kernel + y) * kernel + x]
    })
}

/// A linear layer's weights, [channel, y, x, out], as maps are kept here:
/// [y, x, channel, out].
fn by_place(Map { side, channels, .. }: Map, to: Map, weights: &[f32]) -> Vec<f32> {
    permuted([side, side, channels, to.channels], |y, x, channel, o| {
        weights[((channel * side + y) * side + x) * to.channels + o]
    })
}

/// The values at all places of a shape, the last axis fastest.
fn permuted(
    [a, b, c, d]: [usize; 4],
    value: impl Fn(usize, usize, usize, usize) -> f32,
) -> Vec<f32> {
    let places = (0..a * b * c * d).map(|i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d));
    places.map(|(a, b, c, d)| value(a, b, c, d)).collect()
}

/// Weights `[values of a window, channels]` and biases as panels, filled up with zeros.
fn panels(weights: &[f32], bias: &[f32], channels: usize, registers: Registered) -> Vec<Panel> {
    let Registered { lanes, most } = registers;
    let vectors = channels.div_ceil(lanes);
    let count = vectors.div_ceil(most);
    let mut first = 0;
    let mut panel = |i: usize| {
        // As even as can be: 5 vectors are 3 and 2.
        let vectors = (vectors * (i + 1)).div_ceil(count) - (vectors * i).div_ceil(count);
        let width = vectors * lanes;
        let own = first..(first + width).min(channels);
        let filled = |all: &[f32]| {
            let mut row = all.get(own.clone()).unwrap_or_default().to_vec();
            row.resize(width, 0.0);
            row
        };
        let weights = weights.chunks_exact(channels).flat_map(filled).collect();
        let panel = Panel { first, vectors, weights, bias: filled(bias) };
        first += width;
        panel
    };
    (0..count).map(&mut panel).collect()
}

/// Asks how the CPU's registers are cut.
struct Registers;

/// Lanes of a vector, and how many vectors wide a panel may be so that [`ROWS`] rows of
/// sums stay in registers.
#[derive(Clone, Copy)]
struct Registered {
    lanes: usize,
    most: usize,
}

impl WithSimd for Registers {
    type Output = Registered;

    fn with_simd<S: Simd>(self, _: S) -> Registered {
        Registered { lanes: S::F32_LANES, most: if S::REGISTER_COUNT >= 32 { 4 } else { 2 } }
    }
}

/// One layer of one glyph.
struct Step<'a> {
    layer: &'a Layer,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, input, output } = self;
        for panel in &layer.panels {
            match panel.vectors {
                1 => all::<S, 1>(simd, layer, panel, input, output),
                2 => all::<S, 2>(simd, layer, panel, input, output),
                3 => all::<S, 3>(simd, layer, panel, input, output),
                _ => all::<S, 4>(simd, layer, panel, input, output),
            }
        }
    }
}

/// All windows of a layer with one panel.
#[inline(always)]
fn all<S: Simd, const V: usize>(
    simd: S,
    layer: &Layer,
    panel: &Panel,
    input: &[f32],
    output: &mut [f32],
) {
    let (inputs, last_inputs) = layer.inputs.as_chunks::<ROWS>();
    let (outputs, last_outputs) = layer.outputs.as_chunks::<ROWS>();
    for (&inputs, &outputs) in inputs.iter().zip(outputs) {
        some::<S, V, ROWS>(simd, layer, panel, inputs, outputs, input, output);
    }
    match (last_inputs, last_outputs) {
        (&[a], &[b]) => some::<S, V, 1>(simd, layer, panel, [a], [b], input, output),
        (&[a, b], &[c, d]) => some::<S, V, 2>(simd, layer, panel, [a, b], [c, d], input, output),
        (&[a, b, c], &[d, e, f]) => {
            some::<S, V, 3>(simd, layer, panel, [a, b, c], [d, e, f], input, output);
        }
        _ => {}
    }
}

/// `R` windows with one panel of `V` vectors: all sums stay in registers.
#[inline(always)]
fn some<S: Simd, const V: usize, const R: usize>(
    simd: S,
    layer: &Layer,
    panel: &Panel,
    inputs: [usize; R],
    outputs: [usize; R],
    input: &[f32],
    output: &mut [f32],
) {
    let (bias, _) = S::as_simd_f32s(&panel.bias);
    let bias: [S::f32s; V] = from_fn(|v| bias[v]);
    let mut sums = [bias; R];
    let (weights, _) = S::as_simd_f32s(&panel.weights);
    let (weights, _) = weights.as_chunks::<V>();
    for (y, weights) in weights.chunks_exact(layer.row).enumerate() {
        let rows: [&[f32]; R] = from_fn(|r| {
            let at = inputs[r] + y * layer.stride;
            &input[at..at + weights.len()]
        });
        for (i, weights) in weights.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = simd.splat_f32s(row[i]);
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, weight, *sum);
                }
            }
        }
    }
    let floor = simd.splat_f32s(layer.floor);
    let width = (layer.channels - panel.first).min(V * S::F32_LANES);
    for (at, sums) in outputs.into_iter().zip(sums) {
        let at = at + panel.first;
        let places = output[at..at + width].chunks_mut(S::F32_LANES);
        for (place, sum) in places.zip(sums) {
            simd.partial_store_f32s(place, simd.max_f32s(sum, floor));
        }
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DeviceFailed> {
    Ok(tensor.into_data().try_into_vec()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::network::{ConvolutionConfig, NetworkConfig};

    fn glyphs(count: usize) -> Vec<Glyph> {
        let mut state = 1u32;
        let mut byte = move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..count).map(|_| Glyph::new(from_fn(&mut byte))).collect()
    }

    /// burn's logits and the compiled network's, as one list each.
    fn both(config: &NetworkConfig, count: usize) -> (Vec<f32>, Vec<f32>) {
        let network = config.init(&Device::flex()).fold();
        let glyphs = glyphs(count);
        let pixels: Vec<f32> = glyphs.iter().flat_map(|g| g.pixels().map(f32::from)).collect();
        let data = TensorData::new(pixels, [count, 1, SIDE, SIDE]);
        let pixels = Tensor::<4>::from_data(data, &Device::flex());
        let burn = values(network.forward(normalise(pixels))).unwrap();
        (burn, Compiled::checked(&network).unwrap().logits(&glyphs).concat())
    }

    fn largest_difference((a, b): (Vec<f32>, Vec<f32>)) -> f32 {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().any(|logit| logit.abs() > 1e-3), "all logits are 0");
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn features_are_what_burns_last_layer_reads_in_another_order() {
        let network = NetworkConfig::small(10).init(&Device::flex()).fold();
        let glyphs = glyphs(3);
        let pixels: Vec<f32> = glyphs.iter().flat_map(|g| g.pixels().map(f32::from)).collect();
        let pixels =
            Tensor::<4>::from_data(TensorData::new(pixels, [3, 1, SIDE, SIDE]), &Device::flex());
        let burn: Vec<f32> =
            network.features(normalise(pixels)).into_data().try_into_vec().unwrap();
        let compiled = Compiled::checked(&network).unwrap().features(&glyphs);
        let (channels, places) = (96, 16);
        for (burn, compiled) in burn.chunks(channels * places).zip(&compiled) {
            assert_eq!(compiled.len(), burn.len());
            assert!(burn.iter().any(|&value| value > 0.01));
            for (i, value) in burn.iter().enumerate() {
                let there = compiled[i % places * channels + i / places];
                assert!((value - there).abs() < 1e-3, "{i}: {value} {there}");
            }
        }
    }

    #[test]
    fn it_says_what_burn_says() {
        let odd = NetworkConfig {
            // Channels that fill no vector, every remainder of windows, strides that skip
            // the last pixels, several hidden layers.
            convolutions: vec![
                ConvolutionConfig { channels: 3, kernel: 4, stride: 3, padding: 0 },
                ConvolutionConfig { channels: 77, kernel: 2, stride: 2, padding: 1 },
                ConvolutionConfig { channels: 130, kernel: 3, stride: 1, padding: 2 },
            ],
            hidden: vec![33, 5],
            classes: 47,
        };
        let small = NetworkConfig::small(10);
        for config in [small, NetworkConfig::large(10), NetworkConfig::mlp(10), odd] {
            let difference = largest_difference(both(&config, 3));
            assert!(difference < 1e-4, "{difference} {config:?}");
        }
    }

    #[test]
    fn a_batch_is_its_glyphs_one_by_one_in_their_order() {
        let network = NetworkConfig::small(10).init(&Device::flex()).fold();
        let compiled = Compiled::checked(&network).unwrap();
        let glyphs = glyphs(3 * SHARED + 5);
        let one_by_one: Vec<_> =
            glyphs.iter().flat_map(|glyph| compiled.logits(std::slice::from_ref(glyph))).collect();
        assert_eq!(compiled.logits(&glyphs), one_by_one);
        assert_eq!(compiled.logits(&[]), Vec::<Vec<f32>>::new());
    }

    #[test]
    fn another_network_is_not_taken_for_this_one() {
        let network = |_| NetworkConfig::small(10).init(&Device::flex()).fold();
        let [one, other] = [(); 2].map(network);
        let compiled = Compiled::checked(&one).unwrap();
        assert!(compiled.agrees(&one).unwrap());
        assert!(!compiled.agrees(&other).unwrap());
    }

    #[test]
    fn a_weight_that_is_no_number_is_left_to_burn() {
        let network = NetworkConfig::mlp(10).init(&Device::flex()).fold();
        let mut broken = network.clone();
        let nan = network.output.weight.val() * f32::NAN;
        broken.output.weight = burn::module::Param::from_tensor(nan);
        assert!(Compiled::checked(&broken).is_none());
    }
}
