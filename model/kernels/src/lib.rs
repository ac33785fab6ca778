//! CPU kernels for small convolutional networks, for inference ([`Inference`]) and training
//! ([`Training`]). They give the same results as burn's CPU backend, burn-flex, several times as
//! fast. Slices go in and slices come out; nothing here depends on burn, glyphs or checkpoints.
//!
//! Every layer, including a linear one, is a set of windows over its input. Multiplying a
//! window's values by the layer's weights gives the channels of one place (position) of the
//! output. Feature maps are stored channels last and include the next layer's padding, so each
//! row of a window is contiguous and needs no copy (no im2col):
//!
//! ```text
//! pixels ─► padded map ─windows × weights─► padded map ─ … ─► logits
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `layers` | a layer's weights and its output, as burn and PyTorch lay them out |
//! | `layout` | the memory layout of maps, windows and weights |
//! | `packed` | weights packed into panels that fit the CPU's registers |
//! | `products` | the three products: a layer's output, its input's and its weights' gradient |
//! | `elementwise` | batch norm and ReLU between two products, forward and backward |
//! | `inference` | [`Inference`] |
//! | `parallel` | [`in_parallel`]: batches split between threads |
//! | `rows` | [`Rows`]: many vectors compared with one |
//! | `training` | [`Training`] |
//!
//! ```
//! use glyphic_kernels::{Inference, LayerWeights};
//!
//! // One linear layer from 2 × 2 pixels to two logits: the sum of all pixels, and the first
//! // pixel minus 1.
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
mod parallel;
mod products;
mod rows;
mod training;

pub use inference::Inference;
pub use layers::{LayerMaps, LayerWeights};
pub use parallel::in_parallel;
pub use rows::Rows;
pub use training::{BatchStatistics, Gradients, Parameters, Training, WrongValueCount};
