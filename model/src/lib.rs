//! How ink becomes a glyph, the network that reads it, and the checkpoint that stores the
//! network. Everything here runs on servers and in browsers: it uses no files and starts no
//! threads. The feature `burn`, which is on by default, adds training and other devices than the CPU.
//!
//! ```text
//! Picture ─┐                        checkpoint ─► Network
//!          ├─preprocess─► Glyph ─────────────────► Classifier ─► Prediction
//! Strokes ─┘             28 × 28                 batch first
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`glyph`] | the 28 × 28 picture and its constants |
//! | [`preprocess`] | pictures and strokes to glyphs, without burn |
//! | [`number`] | whole numbers: which ink is which digit, on which line |
//! | [`network`] | the architecture and its configuration |
//! | [`layer_weights`] | the network's weights, for programs without burn |
//! | [`cpu`] | the network on the CPU, computed by [`glyphic_kernels`] |
//! | `burn_network` | the network on any device, computed by burn |
//! | `agreement` | whether the two give the same results |
//! | [`backend`] | what the two have in common |
//! | [`classifier`] | glyphs to predictions |
//! | [`memory`] | what was taught, read at once beside the network |
//! | [`prediction`] | the network's answer for a glyph |
//! | [`answer`] | the answer for a drawing or a picture as JSON, in servers and browsers |
//! | [`explain`] | how the network came to its answer, and what would change it |
//! | [`verdict`] | whether a prediction is accepted, unsure, or rejected |
//! | [`labels`] | which texts can be labels and sources |
//! | [`mod@label_errors`] | which labels of a dataset are likely wrong |
//! | [`checkpoint`] | a network as files, verified when it is read |
//!
//! The crate `glyphic-runtime` adds what browsers do not have: image files, devices and the folder
//! of checkpoints.

#[cfg(feature = "burn")]
mod agreement;
pub mod answer;
pub mod backend;
#[cfg(feature = "burn")]
mod burn_network;
pub mod checkpoint;
pub mod classifier;
pub mod cpu;
pub mod explain;
pub mod glyph;
pub mod label_errors;
pub mod labels;
#[cfg(feature = "burn")]
pub mod layer_weights;
pub mod memory;
pub mod network;
pub mod number;
mod order;
pub mod prediction;
pub mod preprocess;
pub mod verdict;

pub use classifier::Classifier;
pub use glyph::Glyph;
pub use glyphic_kernels::LayerWeights;
pub use prediction::Prediction;
pub use verdict::{Thresholds, Verdict};
