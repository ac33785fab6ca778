//! A layer's shape and weights, as burn and PyTorch lay them out.

/// A layer's weights. Every layer but the last is followed by ReLU.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerWeights {
    /// A convolution.
    Convolution {
        /// Output channels, input channels, side and side of the kernel.
        shape: [usize; 4],
        /// In the order of the shape, the last axis fastest.
        weights: Vec<f32>,
        /// One value for each output channel.
        bias: Vec<f32>,
        /// Step in pixels, on both axes.
        stride: usize,
        /// Zeros on every edge, in pixels.
        padding: usize,
    },
    /// A linear layer. The first one reads the maps channel by channel, row by row.
    Linear {
        /// Inputs and outputs.
        shape: [usize; 2],
        /// In the order of the shape, the last axis fastest.
        weights: Vec<f32>,
        /// One value for each output.
        bias: Vec<f32>,
    },
}

impl LayerWeights {
    /// The weights and the biases.
    pub fn values(&self) -> (&[f32], &[f32]) {
        let (Self::Convolution { weights, bias, .. } | Self::Linear { weights, bias, .. }) = self;
        (weights, bias)
    }
}
