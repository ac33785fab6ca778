//! How training jobs run, and when they begin by themselves.

use std::{path::PathBuf, time::Duration};

/// How training jobs run, and when they begin by themselves.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The training program, with its first arguments.
    pub program: Vec<String>,
    /// The dataset that is replayed beside the samples; `None` for the program's default.
    pub data: Option<PathBuf>,
    /// The device to train on, as `train` takes it.
    pub device: String,
    /// Further arguments of `train finetune`.
    pub arguments: Vec<String>,
    /// A job begins by itself after this number of new labelled samples.
    pub every_samples: Option<u64>,
    /// A job begins by itself after this time, if there are new labelled samples.
    pub every: Option<Duration>,
    /// Deleted samples are purged after this time.
    pub keep_deleted: Duration,
    /// All samples are purged after this time.
    pub keep: Option<Duration>,
}
