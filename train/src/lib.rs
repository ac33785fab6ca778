//! Training: from labelled pictures to a published checkpoint.
//!
//! ```text
//! data ────┬─► batches (on the device) ─► augment ─► trainer ─► run ─► checkpoint
//! synthetic┤                                            │         ├─ progress, metrics, TensorBoard
//! finetune─┘                                            └─ state ─┘  (resumable at any step)
//! (new samples, varied, with examples of the checkpoint's own data replayed)
//! ```
//!
//! `train` and `server` meet only in the artifacts folder. Modules import one another in one
//! direction only.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`], [`cli`] | the settings of a run, the command line |
//! | [`data`], [`synthetic`] | examples from disk, synthetic handwriting and negatives |
//! | [`batches`], [`augment`], [`source`] | batches of examples, randomly changed |
//! | [`trainer`], [`replica`], [`state`] | the optimiser's steps, on one device or several |
//! | [`run`], [`finetune`], [`sweep`] | a run from its first step to a checkpoint; many runs |
//! | [`evaluate`], [`calibrate`], [`card`], [`report`] | measuring a checkpoint |
//! | [`exchange`] | checkpoints as zip, ONNX and safetensors |
//! | [`program`], [`commands`] | the program, a file a command |

pub mod augment;
pub mod batches;
pub mod calibrate;
pub mod card;
pub mod cli;
pub mod commands;
pub mod config;
mod console;
mod cpu_step;
pub mod data;
mod environment;
pub mod evaluate;
mod example;
pub mod exchange;
pub mod finetune;
mod mixture;
mod network_file;
pub mod program;
mod progress;
mod publish;
pub mod random;
pub mod replica;
pub mod report;
pub mod run;
pub mod self_test;
pub mod source;
pub mod state;
pub mod sweep;
pub mod synthetic;
pub mod tensorboard;
pub mod trainer;
pub mod waiting;
