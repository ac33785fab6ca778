//! A network for inference on the CPU.

use std::{
    array::from_fn,
    sync::{Mutex, PoisonError},
};

use burn::tensor::{Device, Tensor, TensorData};
use pulp::Arch;
use rayon::{iter::ParallelIterator, slice::ParallelSlice};

use super::{
    layout::{Map, Placed, Windows},
    panels::{Panel, Registered},
    products::Output,
};
use crate::{
    classifier::DeviceFailed,
    glyph::{Glyph, MEAN, PIXELS, SIDE, STD},
    network::{Network, normalise},
    plain::{PlainLayer, values},
};

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

/// One layer: windows, weights, and where the results go.
#[derive(Clone, Debug)]
struct Layer {
    windows: Windows,
    panels: Vec<Panel>,
    /// Where each window's results begin in the output.
    outputs: Vec<usize>,
    /// The output.
    to: Map,
    /// Results below this become this: 0 is ReLU.
    floor: f32,
}

impl Compiled {
    /// Compiles a network whose norms are folded, on the CPU. `None` if it does not say
    /// what burn says of a few pictures: then burn has to answer.
    pub fn checked(network: &Network) -> Option<Self> {
        let compiled = Self::of(&network.plain().ok()?)?;
        compiled.agrees(network).ok()?.then_some(compiled)
    }

    /// The logits of each glyph.
    pub fn logits(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.through(&self.layers, glyphs, ink)
    }

    /// The logits of each picture, one after the other.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    pub fn logits_of_pixels(&self, pixels: &[f32]) -> Vec<f32> {
        let (pictures, _) = pixels.as_chunks::<PIXELS>();
        self.through(&self.layers, pictures, |picture, i| picture[i]).concat()
    }

    /// What the last layer reads of each glyph, channels last.
    pub fn features(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.through(&self.layers[..self.layers.len().saturating_sub(1)], glyphs, ink)
    }

    /// What comes out of the last of these layers. `pixel` is what the network reads of a
    /// picture's pixel.
    fn through<P: Sync>(
        &self,
        layers: &[Layer],
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy + Sync,
    ) -> Vec<Vec<f32>> {
        if pictures.len() < SHARED {
            return self.in_turn(layers, pictures, pixel);
        }
        // Not larger than an equal share, so that no thread idles.
        let share = pictures.len().div_ceil(rayon::current_num_threads());
        let parts = pictures.par_chunks(share.min(CHUNK));
        parts.map(|part| self.in_turn(layers, part, pixel)).flatten_iter().collect()
    }

    fn in_turn<P>(
        &self,
        layers: &[Layer],
        pictures: &[P],
        pixel: impl Fn(&P, usize) -> f32 + Copy,
    ) -> Vec<Vec<f32>> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let sizes = [self.input.size()].into_iter().chain(self.layers.iter().map(|l| l.to.size()));
        let mut maps = kept.unwrap_or_else(|| sizes.map(|size| vec![0.0; size]).collect());
        let rows = pictures.iter().map(|p| self.read(layers, |i| pixel(p, i), &mut maps)).collect();
        spare().push(maps);
        rows
    }

    fn read(
        &self,
        layers: &[Layer],
        pixel: impl Fn(usize) -> f32,
        maps: &mut [Vec<f32>],
    ) -> Vec<f32> {
        let Some((mut input, outputs)) = maps.split_first_mut() else { return Vec::new() };
        for y in 0..SIDE {
            let at = self.input.at(0, y);
            for (x, value) in input[at..at + SIDE].iter_mut().enumerate() {
                *value = pixel(y * SIDE + x);
            }
        }
        for (layer, output) in layers.iter().zip(outputs) {
            self.arch.dispatch(Output {
                windows: &layer.windows,
                panels: &layer.panels,
                outputs: &layer.outputs,
                channels: layer.to.channels,
                floor: layer.floor,
                input,
                output,
            });
            input = output;
        }
        input.clone()
    }

    fn of(plain: &[PlainLayer]) -> Option<Self> {
        let arch = Arch::new();
        let registered = Registered::of(arch);
        let last = plain.len().checked_sub(1)?;
        let layer = |(i, (placed, plain)): (usize, (Placed, &PlainLayer))| {
            let (PlainLayer::Convolution { weights, bias, .. }
            | PlainLayer::Linear { weights, bias, .. }) = plain;
            let weights = placed.by_window(weights);
            Layer {
                panels: registered.panels(&weights, bias, placed.to.channels),
                outputs: placed.outputs(),
                to: placed.to,
                // Every layer but the last is followed by ReLU.
                floor: if i < last { 0.0 } else { f32::NEG_INFINITY },
                windows: placed.windows,
            }
        };
        let placed = Placed::all(plain);
        let input = placed.first()?.from;
        let layers = placed.into_iter().zip(plain).enumerate().map(layer).collect();
        Some(Self { arch, input, layers, spare: Mutex::default() })
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

/// A glyph's pixel as the network reads it.
fn ink(glyph: &Glyph, i: usize) -> f32 {
    (f32::from(glyph.pixels()[i]) / 255.0 - MEAN) / STD
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
        let pixels: Vec<f32> =
            glyphs.iter().flat_map(|glyph| (0..PIXELS).map(|i| ink(glyph, i))).collect();
        assert_eq!(compiled.logits_of_pixels(&pixels), one_by_one.concat());
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
