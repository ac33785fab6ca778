//! How ink becomes a glyph, the network that reads it, and the checkpoint that holds the
//! network. Everything here runs on a server and in a browser alike: no files, no threads of
//! its own, no features to choose.
//!
//! ```text
//! Picture ─┐                        checkpoint ─► Network
//!          ├─preprocess─► Glyph ─────────────────► Classifier ─► Prediction
//! Strokes ─┘             28 × 28                 batch first
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`glyph`] | the 28 × 28 picture and every constant of it |
//! | [`preprocess`] | pictures and strokes to glyphs; knows nothing of burn |
//! | [`number`] | whole numbers: which ink is which digit, on which line |
//! | [`network`] | the architecture and its config |
//! | [`layer_weights`] | the network's weights, for programs without burn |
//! | [`cpu`] | the network through the CPU's kernels ([`glyphic_kernels`]) |
//! | [`classifier`] | glyphs to predictions |
//! | [`explain`] | what the layers make of a glyph, and which ink mattered |
//! | [`verdict`] | whether an answer is sure, unsure, or none of the labels |
//! | [`mod@label_errors`] | which labels are likely wrong |
//! | [`checkpoint`] | a network as files, verified when it is read |
//!
//! Beside it, for machines only: `runtime` (image files, devices, the folder of checkpoints).

pub mod checkpoint;
pub mod classifier;
pub mod cpu;
pub mod explain;
pub mod glyph;
pub mod label_errors;
pub mod layer_weights;
pub mod network;
pub mod number;
pub mod preprocess;
pub mod verdict;

pub use classifier::{Classifier, Prediction};
pub use glyph::Glyph;
pub use glyphic_kernels::LayerWeights;
pub use verdict::{Thresholds, Verdict};
