//! The errors of the registry.

use std::{
    io,
    path::{Path, PathBuf},
};

use glyphic_model::checkpoint::CheckpointError;
use thiserror::Error;

use super::promotion::Objection;

/// Why an operation on the registry failed.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A checkpoint is damaged or of another version.
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
    /// A checkpoint that was made elsewhere contains a file with a forbidden or repeated name.
    #[error("checkpoint '{id}' cannot contain a file named '{file}'")]
    BadFileName {
        /// The checkpoint.
        id: String,
        /// The file's name.
        file: String,
    },
    /// A file of a checkpoint that was made elsewhere is too long.
    #[error("checkpoint '{id}': {file} has more than {mib} MiB, the limit for it")]
    LongFile {
        /// The checkpoint.
        id: String,
        /// The file's name.
        file: String,
        /// The limit.
        mib: u64,
    },
    /// The text cannot be a checkpoint's id.
    #[error("'{0}' is not a checkpoint id: use at most 64 letters, digits, '-', '_' and '.'")]
    BadId(String),
    /// There is no such checkpoint.
    #[error("there is no checkpoint '{id}' in {}: see `train list`", folder.display())]
    NotFound {
        /// The id asked for.
        id: String,
        /// The folder of checkpoints.
        folder: PathBuf,
    },
    /// `CURRENT` is missing or empty.
    #[error(
        "no checkpoint is promoted: {} is missing or empty; name the folder of checkpoints with \
         --artifacts, or train one with `train --promote`",
        .0.display()
    )]
    NothingPromoted(PathBuf),
    /// `CURRENT` is not a list of checkpoints.
    #[error(
        "{} cannot be read: {reason}; replace it by a file whose first line is the id of a \
         checkpoint",
        path.display()
    )]
    BadCurrent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No checkpoint was promoted before the present one.
    #[error("there is no earlier promoted checkpoint to roll back to")]
    NothingToRollBackTo,
    /// Another checkpoint was promoted after this promotion was decided.
    #[error(
        "'{found}' was promoted in the meantime and replaced '{expected}': \
         look at it, then decide again"
    )]
    PromotedMeanwhile {
        /// The checkpoint that was expected to be promoted.
        expected: String,
        /// The one that is.
        found: String,
    },
    /// The policy objects to the promotion.
    #[error(
        "'{id}' was not promoted: {}; to promote it anyway, use `train promote {id} --force` or a \
         server's page Checkpoints",
        Objection::joined(objections)
    )]
    Objected {
        /// The checkpoint.
        id: String,
        /// The reasons against it.
        objections: Vec<Objection>,
    },
    /// The text cannot be an alias.
    #[error(
        "'{0}' cannot be an alias: use 1 to 32 lower-case letters, digits and '-', but not \
         a checkpoint's id, and not 'stable', which is always the promoted checkpoint"
    )]
    BadAlias(String),
    /// The file of aliases and pins is damaged.
    #[error(
        "{} cannot be read: {reason}; repair it, or delete it, which deletes all aliases and pins",
        path.display()
    )]
    BadAliases {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint with this id exists, and checkpoints are never overwritten.
    #[error("a checkpoint '{0}' already exists, and checkpoints are never overwritten")]
    Exists(String),
    /// No checkpoint with this id was removed, or too long ago.
    #[error(
        "no checkpoint '{0}' was removed in the last 24 hours, so there is nothing to restore: see \
         `train list`"
    )]
    NotRemoved(String),
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Turns an I/O error into one that names the operation and the path.
pub(super) fn at<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io { action, path: path.to_owned(), source }
}
