//! Tests of the model: a file a subject. What needs image files, devices or a folder of
//! checkpoints is tested in `runtime`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod common;
mod framing;
mod network;
mod strokes;
