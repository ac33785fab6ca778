//! The network that reads pairs, with 6-bit weights, a part of the program.
//!
//! ```text
//! for each layer, first to last
//!     scales  f32 × outputs   (little-endian)
//!     bias    f32 × outputs
//!     weights i8 × outputs × inputs
//! ```
//! A weight is its byte (−31 to 31) times its output's scale.

use std::sync::OnceLock;

use glyphic_kernels::{Inference, LayerWeights};

use super::NEITHER;
use crate::{
    cpu::normalised_pixel,
    glyph::{Glyph, SIDE},
    network::{ConvolutionConfig, NetworkConfig},
};

/// What `train pairs` and a run on its data made; docs/training.md says how. Browsers load it when they
/// read their first picture, so that the page opens sooner.
#[cfg(not(target_family = "wasm"))]
static BYTES: &[u8] = include_bytes!("pairs.i8");
#[cfg(target_family = "wasm")]
static BYTES: &[u8] = &[];

static READER: OnceLock<Inference> = OnceLock::new();

/// A weight is one of this many steps on either side of 0: 6 bits, which compress to 5 of the 8.
const STEPS: f32 = 31.0;

/// The network's outputs: ten digits, a hundred pairs, and neither.
pub const CLASSES: usize = NEITHER + 1;

/// The network's architecture.
pub fn network() -> NetworkConfig {
    let conv = |channels, kernel, stride| ConvolutionConfig {
        channels,
        kernel,
        stride,
        padding: kernel / 2,
    };
    NetworkConfig {
        convolutions: vec![
            conv(20, 5, 2), // 28 × 28 → 14 × 14
            conv(40, 3, 2), // → 7 × 7
            conv(64, 3, 1),
            conv(32, 3, 2), // → 4 × 4
        ],
        // Narrow: that a pair is its first digit and its second one takes few numbers.
        hidden: vec![48],
        classes: CLASSES,
    }
}

/// Has the network in these bytes read from now on, unless one is there already. `None` if they are not
/// those of such a network.
pub fn load(bytes: &[u8]) -> Option<()> {
    let network = Inference::new(SIDE, &from_bytes(bytes)?)?;
    READER.get_or_init(|| network);
    Some(())
}

/// The logits of a glyph, in the order of the outputs. None if there is no network.
pub(super) fn logits(glyph: &Glyph) -> Vec<f32> {
    if READER.get().is_none() {
        load(BYTES);
    }
    let glyph = std::slice::from_ref(glyph);
    let read = READER.get().map(|reader| reader.logits(glyph, normalised_pixel));
    read.into_iter().flatten().next().unwrap_or_default()
}

/// The shape of each layer: outputs and inputs, and of a convolution its kernel's side.
fn shapes(config: &NetworkConfig) -> Vec<([usize; 2], Option<ConvolutionConfig>)> {
    let mut channels = 1;
    let convolution = |conv: &ConvolutionConfig| {
        let inputs = std::mem::replace(&mut channels, conv.channels) * conv.kernel * conv.kernel;
        ([conv.channels, inputs], Some(*conv))
    };
    let convolutions: Vec<_> = config.convolutions.iter().map(convolution).collect();
    let (hidden, output) = config.linear_sizes();
    let linear = hidden.into_iter().chain([output]).map(|[from, to]| ([to, from], None));
    convolutions.into_iter().chain(linear).collect()
}

/// The layers in the bytes. `None` if they are not those of such a network.
fn from_bytes(bytes: &[u8]) -> Option<Vec<LayerWeights>> {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let mut layers = Vec::new();
    for ([outputs, inputs], conv) in shapes(&network()) {
        let floats = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
        };
        let (scales, bias) = (floats(take(4 * outputs)?), floats(take(4 * outputs)?));
        let steps = take(outputs * inputs)?;
        let weight = |i: usize, output: usize| f32::from(steps[i] as i8) * scales[output];
        layers.push(match conv {
            Some(ConvolutionConfig { kernel, stride, padding, .. }) => LayerWeights::Convolution {
                shape: [outputs, inputs / (kernel * kernel), kernel, kernel],
                weights: (0..outputs * inputs).map(|i| weight(i, i / inputs)).collect(),
                bias,
                stride,
                padding,
            },
            // A linear layer's weights are in the order input, output.
            None => LayerWeights::Linear {
                shape: [inputs, outputs],
                weights: (0..outputs * inputs).map(|i| weight(i, i % outputs)).collect(),
                bias,
            },
        });
    }
    rest.is_empty().then_some(layers)
}

/// The bytes of a network's layers. `None` if they do not have the shapes of [`network`].
pub fn to_bytes(layers: &[LayerWeights]) -> Option<Vec<u8>> {
    let shapes = shapes(&network());
    if layers.len() != shapes.len() {
        return None;
    }
    let mut bytes = Vec::new();
    for (([outputs, inputs], conv), layer) in shapes.into_iter().zip(layers) {
        let (weights, bias) = layer.values();
        if weights.len() != outputs * inputs || bias.len() != outputs {
            return None;
        }
        let output = |i: usize| if conv.is_some() { i / inputs } else { i % outputs };
        let mut largest = vec![f32::MIN_POSITIVE; outputs];
        for (i, weight) in weights.iter().enumerate() {
            largest[output(i)] = largest[output(i)].max(weight.abs());
        }
        let scales = largest.iter().map(|most| most / STEPS);
        for value in scales.clone().chain(bias.iter().copied()) {
            bytes.extend(value.to_le_bytes());
        }
        let scales: Vec<f32> = scales.collect();
        let step = |(i, weight): (usize, &f32)| (weight / scales[output(i)]).round() as i8 as u8;
        bytes.extend(weights.iter().enumerate().map(step));
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_network_has_its_architecture_and_survives_being_written() {
        network().check().unwrap();
        let layers = from_bytes(BYTES).unwrap();
        let again = from_bytes(&to_bytes(&layers).unwrap()).unwrap();
        for (layer, again) in layers.iter().zip(&again) {
            let (weights, bias) = layer.values();
            let largest = weights.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
            for (one, other) in weights.iter().zip(again.values().0) {
                assert!((one - other).abs() <= 1e-5 * largest, "{one} {other}");
            }
            assert_eq!(bias, again.values().1);
        }
        assert!(layers.iter().flat_map(|layer| layer.values().0).all(|weight| weight.is_finite()));
    }

    #[test]
    fn bytes_of_another_network_are_refused() {
        assert!(from_bytes(&BYTES[1..]).is_none());
        assert!(from_bytes(&[BYTES, &[0]].concat()).is_none());
        assert!(to_bytes(&from_bytes(BYTES).unwrap()[1..]).is_none());
    }
}
