//! Loops over the CPU's vectors that compute a small convolutional network: what burn-flex
//! computes, several times as fast, for inference ([`Inference`]) and for training
//! ([`Training`]). Slices go in and slices come out; nothing here knows burn, a glyph or a
//! checkpoint.
//!
//! Every layer, linear ones too, is a set of windows over its input, and each window's
//! values times the layer's weights is one place of the output. Feature maps are kept
//! channels last, with the next layer's padding around them, so that a row of a window is
//! contiguous and nothing is copied (no im2col):
//!
//! ```text
//! pixels ─► padded map ─windows × weights─► padded map ─ … ─► logits
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `layers` | a layer's shape and weights, as burn and PyTorch lay them out |
//! | `layout` | where maps, windows and weights lie here |
//! | `packed` | weights, packed into panels that fit the CPU's registers |
//! | `products` | the three products: a layer's output, and the two of its gradient |
//! | `elementwise` | what happens between two products: norm and ReLU, forward and backward |
//! | `inference` | [`Inference`] |
//! | `training` | [`Training`] |
//!
//! ```
//! use glyphic_kernels::{Inference, LayerWeights};
//!
//! // One linear layer from 2 × 2 pixels to two logits: the sum, and the first pixel less 1.
//! let linear = LayerWeights::Linear {
//!     shape: [4, 2],
//!     weights: vec![1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
//!     bias: vec![0.0, -1.0],
//! };
//! let network = Inference::new(2, &[linear]).unwrap();
//! let logits = network.logits(&[[1.0, 2.0, 3.0, 4.0]], |picture, i| picture[i]);
//! assert_eq!(logits, [[10.0, 0.0]]);
//! ```

mod elementwise;
mod inference;
mod layers;
mod layout;
mod packed;
mod products;
mod training;

pub use inference::Inference;
pub use layers::LayerWeights;
pub use training::{BatchStatistics, Gradients, Parameters, Training, WrongLength};
