//! One file a command.

pub mod audit;
pub mod devices;
pub mod eval;
pub mod finetune;
pub mod list;
pub mod resume;
pub mod start;

use std::path::{Path, PathBuf};

/// The dataset that is in the repository.
fn default_data(artifacts: &Path) -> PathBuf {
    artifacts.join("datasets").join("mnist")
}
