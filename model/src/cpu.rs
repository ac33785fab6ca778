//! The network on the CPU. [`glyphic_kernels`] gives the same results as burn-flex, several times
//! as fast. burn stays the reference: [`CpuNetwork::checked`] compares the two.

use std::array::from_fn;

use burn::tensor::{DataError, Device, Tensor, TensorData};
use glyphic_kernels::Inference;

use crate::{
    glyph::{Glyph, MEAN, PIXELS, SIDE, STD},
    layer_weights::values,
    network::{Network, normalise},
};

/// The largest difference allowed between logits and burn's, as a share of the largest logit. Sums
/// in another order differ by about a hundredth of this.
const TOLERANCE: f32 = 1e-3;

/// A network for inference on the CPU.
#[derive(Debug)]
pub struct CpuNetwork(Inference);

impl CpuNetwork {
    /// Packs a network whose norms are folded. `None` if its logits differ from burn's on a few
    /// test pictures, in which case burn should compute instead.
    pub fn checked(network: &Network) -> Option<Self> {
        let cpu = Self(Inference::new(SIDE, &network.layer_weights().ok()?)?);
        cpu.agrees(network).ok()?.then_some(cpu)
    }

    /// The logits of each glyph, in the order of the glyphs.
    pub fn logits(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.0.logits(glyphs, normalised_pixel)
    }

    /// The logits of each picture, one picture after the other. Values after the last whole
    /// picture are ignored.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    pub fn logits_of_pixels(&self, pixels: &[f32]) -> Vec<f32> {
        let (pictures, _) = pixels.as_chunks::<PIXELS>();
        self.0.logits(pictures, |picture, i| picture[i]).concat()
    }

    /// The input of the last layer for each glyph: `[side, side, channels]`, flattened.
    pub fn features(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        self.0.features(glyphs, normalised_pixel)
    }

    /// Whether its logits are close to the network's, for a blank glyph and for patterns that
    /// cover the whole glyph.
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

/// A glyph's pixel, normalised as the network expects it.
fn normalised_pixel(glyph: &Glyph, i: usize) -> f32 {
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

    /// burn's logits and the kernels' logits, each as one list.
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
    fn features_equal_burns_in_another_order() {
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
                let found = cpu[i % places * channels + i / places];
                assert!((value - found).abs() < 1e-3, "{i}: {value} {found}");
            }
        }
    }

    #[test]
    fn logits_equal_burns() {
        let odd = NetworkConfig {
            // Channels that do not fill whole vectors, every remainder of a block of windows,
            // strides that skip the last pixels, and several hidden layers.
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
    fn a_batch_gives_the_same_logits_as_single_glyphs_in_the_same_order() {
        let network = NetworkConfig::small(10).init(&Device::flex()).fold();
        let cpu = CpuNetwork::checked(&network).unwrap();
        let glyphs = glyphs(101);
        let one_by_one: Vec<_> =
            glyphs.iter().flat_map(|glyph| cpu.logits(std::slice::from_ref(glyph))).collect();
        assert_eq!(cpu.logits(&glyphs), one_by_one);
        let pixels: Vec<f32> = glyphs
            .iter()
            .flat_map(|glyph| (0..PIXELS).map(|i| normalised_pixel(glyph, i)))
            .collect();
        assert_eq!(cpu.logits_of_pixels(&pixels), one_by_one.concat());
        assert_eq!(cpu.logits(&[]), Vec::<Vec<f32>>::new());
    }

    #[test]
    fn the_logits_of_another_network_do_not_agree() {
        let network = |_| NetworkConfig::small(10).init(&Device::flex()).fold();
        let [one, other] = [(); 2].map(network);
        let cpu = CpuNetwork::checked(&one).unwrap();
        assert!(cpu.agrees(&one).unwrap());
        assert!(!cpu.agrees(&other).unwrap());
    }

    #[test]
    fn a_network_with_nan_weights_is_left_to_burn() {
        let network = NetworkConfig::mlp(10).init(&Device::flex()).fold();
        let mut broken = network.clone();
        let nan = network.output.weight.val() * f32::NAN;
        broken.output.weight = burn::module::Param::from_tensor(nan);
        assert!(CpuNetwork::checked(&broken).is_none());
    }
}
