//! A layer's weights and its output, as burn and PyTorch lay them out.

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

    /// A layer of the same shape with other values.
    pub(crate) fn with(&self, weights: Vec<f32>, bias: Vec<f32>) -> Self {
        match *self {
            Self::Convolution { shape, stride, padding, .. } => {
                Self::Convolution { shape, weights, bias, stride, padding }
            }
            Self::Linear { shape, .. } => Self::Linear { shape, weights, bias },
        }
    }
}

/// A layer's output for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMaps {
    /// The number of maps; of a linear layer its outputs.
    pub channels: usize,
    /// The side of each map in pixels; 1 for a linear layer.
    pub side: usize,
    /// `[channels, side, side]`, after ReLU except in the last layer.
    pub values: Vec<f32>,
}
