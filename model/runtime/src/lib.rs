//! What servers and trainers need and browsers do not have, beside [`glyphic_model`]: image files,
//! compute devices, and the folder of checkpoints with its history.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@decode`] | image files to pictures, within limits; glyphs to PNG files |
//! | [`device`] | the choice of a GPU, the CPU or another machine's device |
//! | [`registry`] | the folder of checkpoints: history, aliases, retention, promotion |

pub mod decode;
pub mod device;
pub mod registry;
