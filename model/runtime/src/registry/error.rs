//! Everything that can go wrong with the folder of checkpoints, one variant each.

use std::{io, path::PathBuf};

use glyphic_model::checkpoint::CheckpointError;
use thiserror::Error;

/// Everything that can go wrong with the folder of checkpoints.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A checkpoint is damaged, or of another version.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file beside the manifest cannot be read.
    #[error("checkpoint '{id}': {file} cannot be read: {reason}")]
    BadFile {
        /// The checkpoint.
        id: String,
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint from elsewhere has files that no checkpoint has.
    #[error("checkpoint '{id}' cannot have a file '{file}'")]
    BadFileName {
        /// The checkpoint.
        id: String,
        /// The name.
        file: String,
    },
    /// The name could not be a checkpoint's.
    #[error("'{0}' is no checkpoint id: use letters, digits, '-', '_' and '.', 64 at most")]
    BadId(String),
    /// There is no such checkpoint.
    #[error("there is no checkpoint '{id}' in {}: see `train list`", folder.display())]
    NotFound {
        /// The name asked for.
        id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// `CURRENT` is missing or empty.
    #[error("no checkpoint is promoted: {} is missing or empty; train one with `train --promote`", .0.display())]
    NothingPromoted(PathBuf),
    /// There is nothing before the promoted checkpoint to go back to.
    #[error("there is no earlier promoted checkpoint to roll back to")]
    NothingToRollBackTo,
    /// Another checkpoint was promoted since the promotion was decided.
    #[error("'{found}' was promoted meanwhile, not '{expected}' any more: look again, then decide")]
    PromotedMeanwhile {
        /// The checkpoint that was thought to be promoted.
        expected: String,
        /// The one that is.
        found: String,
    },
    /// It is worse than the promoted one, or reads something else.
    #[error("'{id}' is not promoted: {}; to promote it all the same, force it", objections.join("; "))]
    Objected {
        /// The checkpoint.
        id: String,
        /// What speaks against it.
        objections: Vec<String>,
    },
    /// A name that cannot be an alias.
    #[error(
        "'{0}' cannot be an alias: use 1 to 32 lower-case letters, digits and '-', not 'stable', which is whatever is promoted, and no checkpoint's id"
    )]
    BadAlias(String),
    /// The file of aliases and pins cannot be read.
    #[error("{} cannot be read: {reason}; mend it, or remove it and with it all aliases and pins", path.display())]
    BadAliases {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of this name exists; checkpoints are never changed.
    #[error("a checkpoint '{0}' exists already, and checkpoints are never overwritten")]
    Exists(String),
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
