//! Tests of the model, one module per subject. Tests that need image files, devices or a folder of
//! checkpoints are in `runtime`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod common;
mod framing;
mod network;
mod strokes;
