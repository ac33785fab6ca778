//! The network as straight loops over the CPU's vectors: what burn-flex computes, several
//! times as fast, to read ([`Compiled`]) and to learn ([`Training`]).
//!
//! Every layer, linear ones too, is a set of windows over its input, and each window's
//! values times the layer's weights is one place of the output. Maps are kept channels
//! last, with the next layer's padding around them, so that a row of a window lies in one
//! piece and nothing is copied:
//!
//! ```text
//! glyph ─normalise─► padded map ─windows × weights─► padded map ─ … ─► logits
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `layout` | where maps, windows and weights lie |
//! | `panels` | weights, cut to the CPU's registers |
//! | `products` | the three products: of a layer, and the two of its gradient |
//! | `elementwise` | what happens between two products: norm and ReLU, and the way back |
//! | `inference` | [`Compiled`] |
//! | `training` | [`Training`] |
//!
//! burn stays the judge: [`Compiled::checked`] compares both, and so do the tests.

mod elementwise;
mod inference;
mod layout;
mod panels;
mod products;
mod training;

pub use inference::Compiled;
pub use training::Training;
