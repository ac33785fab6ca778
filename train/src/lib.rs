//! Training: from labelled pictures to a published checkpoint.
//!
//! ```text
//! data ─┬─► batches (on the device) ─► augment ─► trainer ─► run ─► checkpoint
//!       │                                            │         ├─ progress, metrics, TensorBoard
//! lesson┘                                            └─ state ─┘  (resumable at any step)
//! (taught samples, varied, with known examples replayed)
//! ```
//!
//! `train` and `server` meet only in the artifacts folder.

pub mod augment;
pub mod batches;
pub mod calibrate;
pub mod card;
pub mod cli;
pub mod commands;
pub mod config;
mod cpu_step;
pub mod data;
pub mod drawn;
mod environment;
pub mod evaluate;
pub mod exchange;
pub mod lesson;
pub mod program;
mod progress;
pub mod replica;
pub mod report;
pub mod run;
pub mod self_test;
pub mod source;
pub mod state;
pub mod sweep;
pub mod tensorboard;
pub mod trainer;
pub mod waiting;
