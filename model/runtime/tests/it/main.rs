//! Tests of image files, devices and the registry, one module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checkpoints;
#[allow(dead_code)]
mod common;
mod comparison;
mod device;
mod pictures;
