//! Tests of training: a file a subject. Most run the program `trainer` on made data; a new
//! test goes to the file of what it tests, or becomes a file and a line below.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod data;
mod exchange;
mod finetune;
#[cfg(feature = "gpu")]
mod gpu;
mod handwriting;
mod layouts;
mod numbers;
mod paper;
mod parallel;
#[cfg(feature = "remote")]
mod remote;
mod resume;
mod sweep;
mod trainer;
mod training;
