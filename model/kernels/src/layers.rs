//! A layer's shape and weights, as burn and PyTorch lay them out.

/// A layer's weights. Every layer but the last is followed by ReLU.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerWeights {
    /// A convolution.
    Convolution {
        /// Output channels, input channels, height and width of the kernel (a square).
        shape: [usize; 4],
        /// In row-major order of `shape`.
        weights: Vec<f32>,
        /// One value per output channel.
        bias: Vec<f32>,
        /// Step between windows in pixels, the same on both axes.
        stride: usize,
        /// Zeros added on every edge, in pixels.
        padding: usize,
    },
    /// A linear layer. If it follows a convolution, its inputs are the maps in the order channel,
    /// row, column.
    Linear {
        /// Inputs and outputs.
        shape: [usize; 2],
        /// In row-major order of `shape`.
        weights: Vec<f32>,
        /// One value per output.
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
