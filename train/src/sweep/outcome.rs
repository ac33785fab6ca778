//! How a run of a sweep ended.

use std::path::PathBuf;

use glyphic_model::checkpoint::{EpochMetrics, Manifest};

/// A finished run.
pub struct Done {
    /// Its checkpoint's folder.
    pub folder: PathBuf,
    /// Its checkpoint's manifest.
    pub manifest: Manifest,
    /// Its epochs.
    pub epochs: Vec<EpochMetrics>,
}

/// How a run of the sweep ended.
pub enum RunOutcome {
    /// It is done, now or by an earlier start of the sweep.
    Done(Box<Done>),
    /// It failed, for this reason.
    Failed(String),
    /// It is not done: the sweep was stopped before.
    Open,
}
