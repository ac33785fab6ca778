//! What only a machine has, beside [`glyphic_model`]: image files, devices, and the folder of
//! checkpoints with its history.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@decode`] | image files to pictures, limits first; glyphs to PNG files |
//! | [`device`] | GPU or CPU, chosen once |
//! | [`held_back`] | which samples are not trained on |
//! | [`registry`] | the folder of checkpoints: history, aliases, retention, promotion |

pub mod decode;
pub mod device;
pub mod held_back;
pub mod registry;
