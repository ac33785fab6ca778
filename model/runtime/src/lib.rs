//! What servers and trainers need and browsers do not have, beside [`glyphic_model`]: image files,
//! compute devices, the folder of checkpoints with its history, the JSON of samples, the rule for
//! held-back ones, and how the files of others are read: their texts, IDX files and folders.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cells`] | texts in CSV files, none of which a spreadsheet takes for a formula |
//! | [`clutter`] | what systems and programs leave among people's files |
//! | [`mod@decode`] | image files to pictures, within limits; glyphs to PNG files |
//! | [`encode`] | pictures to image files of a bounded length, without what else was in their files |
//! | [`device`] | the choice of a GPU, the CPU or another machine's device |
//! | [`held_back`] | which samples are held back from training |
//! | [`idx`] | the files of MNIST and of sets made like it |
//! | [`listen`] | addresses to listen on, as people write them |
//! | [`reader`] | a checkpoint that reads, without a server |
//! | [`registry`] | the folder of checkpoints: history, aliases, retention, promotion |
//! | [`samples`] | the JSON of a sample |
//! | [`mod@text`] | texts and labels as others write them |

pub mod cells;
pub mod clutter;
pub mod decode;
#[cfg(feature = "burn")]
pub mod device;
pub mod encode;
pub mod held_back;
pub mod idx;
pub mod listen;
pub mod reader;
pub mod registry;
pub mod samples;
pub mod text;
