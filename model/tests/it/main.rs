//! Tests of the model, one module per subject. Tests that need image files, devices or a folder of
//! checkpoints are in `runtime`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod framing;
mod inputs;
mod network;
mod paper;
mod strokes;
mod whole;
