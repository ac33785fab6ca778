//! A sample that arrives in a file, before the network has read it.

use glyphic_model::Glyph;
use thiserror::Error;

use super::{raw::RawError, sample::Form};

/// A sample from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// What it shows, if the file says so.
    pub label: Option<String>,
    /// Who sent it, if the file says so.
    pub source: Option<String>,
    /// Whether it is held back from training, if the file says so.
    pub held_back: Option<bool>,
    /// The form of `raw`.
    pub form: Form,
    /// The input as it was drawn or photographed.
    pub raw: Vec<u8>,
    /// The picture.
    pub glyph: Glyph,
}

/// Why a file of samples could not be read or written.
#[derive(Debug, Error)]
pub enum FormatError {
    /// The file is damaged, too large, or not in its format.
    #[error("{0}")]
    Damaged(String),
    /// The file could not be written.
    #[error("the file could not be written: {0}")]
    Write(String),
    /// Nobody waits for the samples any more.
    #[error("the client disconnected before its samples were read")]
    Abandoned,
    /// An input in the file cannot be read.
    #[error(transparent)]
    Raw(#[from] RawError),
}

impl FormatError {
    /// The file is not as it should be.
    pub fn damaged(problem: impl Into<String>) -> Self {
        Self::Damaged(problem.into())
    }

    /// The file could not be written.
    pub fn write(problem: &dyn std::fmt::Display) -> Self {
        Self::Write(problem.to_string())
    }
}
