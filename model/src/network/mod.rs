//! The network: convolutions that downsample by stride, then linear layers. Its architecture is here, the
//! network as burn's module below.
//!
//! There is no pooling, because on a CPU it costs more than convolution. For inference the batch
//! norms are folded into the convolutions.

#[cfg(feature = "burn")]
mod module;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::glyph::SIDE;
#[cfg(feature = "burn")]
pub use module::{Convolution, Network, normalise};

/// The architecture of a network, as the checkpoint's manifest stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// The convolutions, first to last; each is followed by batch norm and ReLU.
    pub convolutions: Vec<ConvolutionConfig>,
    /// Number of outputs of each hidden linear layer, each followed by ReLU; may be empty.
    pub hidden: Vec<usize>,
    /// Number of labels.
    #[serde(default)]
    pub classes: usize,
}

/// One convolution with a square kernel and the same stride on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvolutionConfig {
    /// Output channels.
    pub channels: usize,
    /// Side of the kernel in pixels.
    pub kernel: usize,
    /// Step between windows in pixels.
    pub stride: usize,
    /// Zeros added on every edge, in pixels.
    pub padding: usize,
}

/// A network that cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the network's architecture is impossible: {0}")]
pub struct ImpossibleNetwork(String);

/// Added to the variance by batch norm, so that nothing is divided by 0. Checkpoints do not store
/// it.
pub const EPSILON: f64 = 1e-5;
/// The most parameters of a network, so that a damaged manifest cannot make the loader allocate
/// without bound.
const MAX_PARAMETERS: usize = 100_000_000;
/// The most values that a layer may output for one glyph, for the same reason.
const MAX_MAPS: usize = 1 << 24;
/// The most layers.
const MAX_LAYERS: usize = 64;

impl NetworkConfig {
    /// The default network: 2.88 million multiply-adds, 105 thousand parameters
    /// for ten labels.
    pub fn small(classes: usize) -> Self {
        let conv = |channels, kernel, stride, padding| ConvolutionConfig {
            channels,
            kernel,
            stride,
            padding,
        };
        Self {
            convolutions: vec![
                conv(24, 5, 2, 2), // 28 × 28 → 14 × 14
                conv(56, 3, 2, 1), // → 7 × 7
                conv(56, 3, 1, 1),
                conv(96, 3, 2, 1), // → 4 × 4
            ],
            hidden: vec![],
            classes,
        }
    }

    /// More accurate and slower, best trained on a GPU: 29.2 million multiply-adds, 350 thousand
    /// parameters for ten labels.
    pub fn large(classes: usize) -> Self {
        let conv = |channels, stride| ConvolutionConfig { channels, kernel: 3, stride, padding: 1 };
        Self {
            convolutions: vec![
                conv(32, 1), // 28 × 28
                conv(32, 1),
                conv(64, 2), // → 14 × 14
                conv(64, 1),
                conv(128, 2), // → 7 × 7
                conv(128, 1),
            ],
            hidden: vec![],
            classes,
        }
    }

    /// Two hidden layers of 16 and no convolution: the first network of many textbooks, and a
    /// baseline that shows how much convolutions improve.
    pub fn mlp(classes: usize) -> Self {
        Self { convolutions: vec![], hidden: vec![16, 16], classes }
    }

    /// The preset of this name: `small`, `large` or `mlp`. `None` for any other name.
    pub fn named(name: &str, classes: usize) -> Option<Self> {
        match name {
            "small" => Some(Self::small(classes)),
            "large" => Some(Self::large(classes)),
            "mlp" => Some(Self::mlp(classes)),
            _ => None,
        }
    }

    /// Checks that the network can be built.
    ///
    /// # Errors
    /// A size is 0, too large, or does not fit the layer before.
    pub fn check(&self) -> Result<(), ImpossibleNetwork> {
        let mut side = SIDE;
        for (i, conv) in self.convolutions.iter().enumerate() {
            let ConvolutionConfig { channels, kernel, stride, padding } = *conv;
            let sizes = [channels, kernel, stride];
            if sizes.contains(&0) || channels > 4096 || kernel > SIDE || padding >= kernel {
                return Err(ImpossibleNetwork(format!("convolution {} is {conv:?}", i + 1)));
            }
            if side + 2 * padding < kernel {
                return Err(ImpossibleNetwork(format!(
                    "convolution {} has a kernel of {kernel} for an input of {side} × {side}",
                    i + 1
                )));
            }
            side = conv.output_side(side);
            if channels * side * side > MAX_MAPS {
                return Err(ImpossibleNetwork(format!("convolution {} is {conv:?}", i + 1)));
            }
        }
        let layers = self.convolutions.len() + self.hidden.len();
        if layers > MAX_LAYERS {
            return Err(ImpossibleNetwork(format!("{layers} layers")));
        }
        let bad_width = |&width: &usize| width == 0 || width > 65_536;
        if self.classes < 2 || self.hidden.iter().chain([&self.classes]).any(bad_width) {
            return Err(ImpossibleNetwork(format!(
                "hidden layers {:?} and {} classes",
                self.hidden, self.classes
            )));
        }
        match self.parameters() {
            parameters if parameters > MAX_PARAMETERS => {
                Err(ImpossibleNetwork(format!("{parameters} parameters")))
            }
            _ => Ok(()),
        }
    }

    /// The number of trainable parameters: weights, biases, and the scale and shift of each batch
    /// norm.
    pub fn parameters(&self) -> usize {
        let mut channels_in = 1;
        let mut sum = 0;
        for conv in &self.convolutions {
            sum += conv.channels * (channels_in * conv.kernel * conv.kernel + 2);
            channels_in = conv.channels;
        }
        let (hidden, output) = self.linear_sizes();
        sum + hidden.iter().chain([&output]).map(|[from, to]| (from + 1) * to).sum::<usize>()
    }

    /// The number of multiply-adds to read one glyph with the batch norms folded.
    pub fn macs(&self) -> usize {
        let (mut channels_in, mut side, mut sum) = (1, SIDE, 0);
        for conv in &self.convolutions {
            side = conv.output_side(side);
            sum += side * side * conv.channels * channels_in * conv.kernel * conv.kernel;
            channels_in = conv.channels;
        }
        let (hidden, output) = self.linear_sizes();
        sum + hidden.iter().chain([&output]).map(|[from, to]| from * to).sum::<usize>()
    }

    /// Inputs and outputs of the hidden linear layers and of the output layer.
    pub(crate) fn linear_sizes(&self) -> (Vec<[usize; 2]>, [usize; 2]) {
        let side = self.convolutions.iter().fold(SIDE, |side, conv| conv.output_side(side));
        let channels = self.convolutions.last().map_or(1, |conv| conv.channels);
        let mut from = channels * side * side;
        let hidden = self.hidden.iter().map(|&to| [std::mem::replace(&mut from, to), to]).collect();
        (hidden, [from, self.classes])
    }
}

impl ConvolutionConfig {
    fn output_side(&self, side: usize) -> usize {
        (side + 2 * self.padding).saturating_sub(self.kernel) / self.stride + 1
    }
}
