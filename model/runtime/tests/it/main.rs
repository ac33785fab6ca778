//! Tests of image files, samples, devices and the registry, one module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checkpoints;
mod comparison;
mod device;
mod held_back;
#[path = "../../../tests/it/inputs.rs"]
mod inputs;
mod pictures;
mod promotion;
mod samples;
