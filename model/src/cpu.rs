//! The network on the CPU: [`glyphic_kernels`] computes what burn-flex computes, several times
//! as fast. burn stays the reference: [`CpuNetwork::checked`] compares both.

use std::array::from_fn;

use burn::tensor::{DataError, Device, Tensor, TensorData};
use glyphic_kernels::Inference;

use crate::{
    glyph::{Glyph, MEAN, PIXELS, SIDE, STD},
    layer_weights::values,
    network::{Network, normalise},
};

/// How far logits may be from burn's, as a share of the largest one: sums in another
/// order differ by about a hundredth of this.
const TOLERANCE: f32 = 1e-3;

/// A network for inference on the CPU.
#[derive(Debug)]
pub struct CpuNetwork(Inference);

impl CpuNetwork {
    /// Packs a network whose norms are folded. `None` if its logits differ from burn's on a
    /// few pictures: then burn has to answer.
    pub fn checked(network: &Network) -> Option<Self> {
        let cpu = Self(Inference::new(SIDE, &network.layer_weights().ok()?)?);
        cpu.agrees(network).ok()?.then_some(cpu)
    }

    /// The logits of each glyph.
    pub fn logits(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.0.logits(glyphs, ink)
    }

    /// The logits of each picture, one after the other.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    pub fn logits_of_pixels(&self, pixels: &[f32]) -> Vec<f32> {
        let (pictures, _) = pixels.as_chunks::<PIXELS>();
        self.0.logits(pictures, |picture, i| picture[i]).concat()
    }

    /// What the last layer reads of each glyph, channels last.
    pub fn features(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.0.features(glyphs, ink)
    }

    /// Whether its logits are the network's, for blank paper and for patterns that use the
    /// whole field.
    fn agrees(&self, network: &Network) -> Result<bool, DataError> {
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

    /// burn's logits and the kernels', as one list each.
    fn both(config: &NetworkConfig, count: usize) -> (Vec<f32>, Vec<f32>) {
        let network = config.init(&Device::flex()).fold();
        let glyphs = glyphs(count);
        let pixels: Vec<f32> = glyphs.iter().flat_map(|g| g.pixels().map(f32::from)).collect();
        let data = TensorData::new(pixels, [count, 1, SIDE, SIDE]);
        let pixels = Tensor::<4>::from_data(data, &Device::flex());
        let burn = values(network.forward(normalise(pixels))).unwrap();
        (burn, CpuNetwork::checked(&network).unwrap().logits(&glyphs).concat())
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
        let cpu = CpuNetwork::checked(&network).unwrap().features(&glyphs);
        let (channels, places) = (96, 16);
        for (burn, cpu) in burn.chunks(channels * places).zip(&cpu) {
            assert_eq!(cpu.len(), burn.len());
            assert!(burn.iter().any(|&value| value > 0.01));
            for (i, value) in burn.iter().enumerate() {
                let there = cpu[i % places * channels + i / places];
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
        let cpu = CpuNetwork::checked(&network).unwrap();
        let glyphs = glyphs(101);
        let one_by_one: Vec<_> =
            glyphs.iter().flat_map(|glyph| cpu.logits(std::slice::from_ref(glyph))).collect();
        assert_eq!(cpu.logits(&glyphs), one_by_one);
        let pixels: Vec<f32> =
            glyphs.iter().flat_map(|glyph| (0..PIXELS).map(|i| ink(glyph, i))).collect();
        assert_eq!(cpu.logits_of_pixels(&pixels), one_by_one.concat());
        assert_eq!(cpu.logits(&[]), Vec::<Vec<f32>>::new());
    }

    #[test]
    fn another_network_is_not_taken_for_this_one() {
        let network = |_| NetworkConfig::small(10).init(&Device::flex()).fold();
        let [one, other] = [(); 2].map(network);
        let cpu = CpuNetwork::checked(&one).unwrap();
        assert!(cpu.agrees(&one).unwrap());
        assert!(!cpu.agrees(&other).unwrap());
    }

    #[test]
    fn a_weight_that_is_no_number_is_left_to_burn() {
        let network = NetworkConfig::mlp(10).init(&Device::flex()).fold();
        let mut broken = network.clone();
        let nan = network.output.weight.val() * f32::NAN;
        broken.output.weight = burn::module::Param::from_tensor(nan);
        assert!(CpuNetwork::checked(&broken).is_none());
    }
}
