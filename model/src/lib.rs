//! What `train`, `server` and `web` share: how ink becomes a glyph, the network
//! that reads it, and the checkpoint that holds the network.
//!
//! ```text
//! image file ─decode─► Picture ┐                        checkpoint ─► Network
//!                              ├─preprocess─► Glyph ─────────────────► Classifier ─► Prediction
//! pen strokes ───────► Strokes ┘             28 × 28                 batch first
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`glyph`] | the 28 × 28 picture and every constant of it |
//! | [`preprocess`] | pictures and strokes to glyphs; knows nothing of burn |
//! | [`mod@decode`] | image files to pictures, limits first |
//! | [`network`] | the architecture and its config |
//! | [`classifier`] | glyphs to predictions |
//! | [`compiled`] | the network as straight loops for the CPU |
//! | [`plain`] | the network's numbers, for other programs |
//! | [`number`] | whole numbers: which ink is which digit, on which line |
//! | [`explain`] | what the layers make of a glyph, and which ink mattered |
//! | [`verdict`] | what a reading is worth |
//! | [`mod@label_errors`] | which labels are likely wrong |
//! | [`checkpoint`] | networks on disk, and which one is promoted |
//! | [`device`] | GPU or CPU, chosen once |

pub mod checkpoint;
pub mod classifier;
#[cfg(feature = "native")]
pub mod compiled;
#[cfg(feature = "decode")]
pub mod decode;
#[cfg(feature = "native")]
pub mod device;
pub mod explain;
pub mod glyph;
pub mod label_errors;
pub mod network;
pub mod number;
#[cfg(feature = "native")]
pub mod plain;
pub mod preprocess;
pub mod verdict;

pub use classifier::{Classifier, Prediction};
pub use glyph::Glyph;
pub use verdict::{Thresholds, Verdict};
