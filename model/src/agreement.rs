//! Whether the CPU's kernels compute what burn computes. burn is the reference.

use std::array::from_fn;

use burn::tensor::Device;

use crate::{
    backend::{Backend, DeviceFailed},
    burn_network::BurnNetwork,
    cpu::CpuNetwork,
    glyph::Glyph,
    network::Network,
};

/// The largest difference allowed between logits and burn's, as a share of the largest logit. Sums
/// in another order differ by about a hundredth of this.
const TOLERANCE: f32 = 1e-3;

impl CpuNetwork {
    /// Packs a network whose norms are folded. `None` if its logits differ from burn's on a few
    /// test pictures, in which case burn should compute instead.
    pub fn checked(network: &Network) -> Option<Self> {
        let cpu = Self::new(&network.layer_weights().ok()?)?;
        cpu.agrees(network).ok()?.then_some(cpu)
    }

    /// Whether its logits are close to the network's, for a blank glyph and for patterns that
    /// cover the whole glyph.
    fn agrees(&self, network: &Network) -> Result<bool, DeviceFailed> {
        let pattern = |k: usize| Glyph::new(from_fn(|i| (i * (37 * k + 11 * k * (i / 28))) as u8));
        let glyphs: Vec<Glyph> = (0..4).map(pattern).collect();
        let burn = BurnNetwork::new(network.clone(), &Device::flex());
        let expected = burn.logits(&glyphs)?.concat();
        let found: Vec<f32> = self.logits(&glyphs).concat();
        let scale = expected.iter().fold(1.0, |most: f32, logit| most.max(logit.abs()));
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * scale;
        Ok(expected.len() == found.len() && expected.iter().zip(&found).all(close))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::module::Param;

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

    /// A new network in both forms, folded.
    fn both(config: &NetworkConfig) -> (BurnNetwork, CpuNetwork) {
        let network = config.init(&Device::flex()).fold();
        let cpu = CpuNetwork::checked(&network).unwrap();
        (BurnNetwork::new(network, &Device::flex()), cpu)
    }

    fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().any(|value| value.abs() > 1e-3), "all values are 0");
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// Channels that do not fill whole vectors, every remainder of a block of windows, strides
    /// that skip the last pixels, and several hidden layers.
    fn odd() -> NetworkConfig {
        NetworkConfig {
            convolutions: vec![
                ConvolutionConfig { channels: 3, kernel: 4, stride: 3, padding: 0 },
                ConvolutionConfig { channels: 77, kernel: 2, stride: 2, padding: 1 },
                ConvolutionConfig { channels: 130, kernel: 3, stride: 1, padding: 2 },
            ],
            hidden: vec![33, 5],
            classes: 47,
        }
    }

    fn configs() -> [NetworkConfig; 4] {
        [NetworkConfig::small(10), NetworkConfig::large(10), NetworkConfig::mlp(10), odd()]
    }

    #[test]
    fn features_equal_burns_in_another_order() {
        let (burn, cpu) = both(&NetworkConfig::small(10));
        let glyphs = glyphs(3);
        let (channels, places) = (96, 16);
        for (burn, cpu) in burn.features(&glyphs).unwrap().iter().zip(cpu.features(&glyphs)) {
            assert_eq!((burn.len(), cpu.len()), (channels * places, channels * places));
            assert!(burn.iter().any(|&value| value > 0.01));
            for (i, value) in burn.iter().enumerate() {
                let found = cpu[i % places * channels + i / places];
                assert!((value - found).abs() < 1e-3, "{i}: {value} {found}");
            }
        }
    }

    #[test]
    fn logits_equal_burns() {
        for config in configs() {
            let ((burn, cpu), glyphs) = (both(&config), glyphs(3));
            let burn = burn.logits(&glyphs).unwrap().concat();
            let difference = largest_difference(&burn, &cpu.logits(&glyphs).concat());
            assert!(difference < 1e-4, "{difference} {config:?}");
        }
    }

    #[test]
    fn the_output_and_the_weights_of_each_layer_equal_burns() {
        for config in configs() {
            let ((burn, cpu), glyphs) = (both(&config), glyphs(1));
            // To the last bit, and not by assert_eq, which would print every weight.
            assert!(cpu.weights().unwrap() == burn.weights().unwrap(), "{config:?}");
            let [burn, cpu] = [&burn as &dyn Backend, &cpu].map(|b| b.maps(&glyphs[0]).unwrap());
            let layers = config.convolutions.len() + config.hidden.len() + 1;
            assert_eq!((burn.len(), cpu.len()), (layers, layers));
            for (burn, cpu) in burn.iter().zip(&cpu) {
                assert_eq!((burn.channels, burn.side), (cpu.channels, cpu.side));
                let difference = largest_difference(&burn.values, &cpu.values);
                assert!(difference < 1e-4, "{difference} {config:?}");
            }
        }
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
        broken.output.weight = Param::from_tensor(network.output.weight.val() * f32::NAN);
        assert!(CpuNetwork::checked(&broken).is_none());
    }
}
