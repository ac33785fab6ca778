//! What can go wrong with a shared registry.

use std::path::PathBuf;

use glyphic_runtime::registry::RegistryError;
use object_store::Error as StoreError;
use thiserror::Error;

/// Why a shared registry could not be read or changed.
#[derive(Debug, Error)]
pub enum BucketError {
    /// The URL is not one of an object store.
    #[error("'{url}' cannot be opened: {reason}")]
    Open {
        /// The URL.
        url: String,
        /// What is wrong with it, or with the settings in the environment.
        reason: String,
    },
    /// The store refused or failed.
    #[error("cannot {action} {url}: {source}")]
    Failed {
        /// The action that failed.
        action: &'static str,
        /// The object.
        url: String,
        /// The store's error.
        source: StoreError,
    },
    /// The store did not answer in time.
    #[error("the store did not answer about {0} within {1} s")]
    Silent(String, u64),
    /// The store stopped answering during a write.
    #[error(
        "it is not known whether {0} was written: check which checkpoint is serving, then decide"
    )]
    Unknown(String),
    /// The folder for the copy is another registry.
    #[error(
        "{} holds {}: choose another folder for the copy with --artifacts-copy",
        folder.display(),
        if of.is_empty() { "checkpoints of its own".to_owned() } else { format!("a copy of {of}") }
    )]
    OtherCopy {
        /// The folder.
        folder: PathBuf,
        /// The URL that it is a copy of; empty if it is not a copy.
        of: String,
    },
    /// Another server uses this copy.
    #[error(
        "{} is another server's copy: give each server a folder of its own with --artifacts-copy",
        .0.display()
    )]
    InUse(PathBuf),
    /// No checkpoint is promoted.
    #[error("nothing is promoted in {0}: send a checkpoint with `server push --to {0}`")]
    NothingPromoted(String),
    /// `CURRENT` or `MARKS` in the store is damaged.
    #[error("{url}: {reason}; the copy stays as it is until that is repaired")]
    BadNames {
        /// The registry.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Other servers changed the registry during every try.
    #[error("other servers are changing the shared registry; try again in a moment")]
    Contended,
    /// Something is over a limit.
    #[error("{url} has {count} {what}, over the limit of {limit}")]
    TooLarge {
        /// The object or folder.
        url: String,
        /// The count.
        count: u64,
        /// What was counted: bytes or files.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A task of this program ended too early.
    #[error("a task ended before its work was done: {0}")]
    Ended(String),
    /// Something is wrong with a checkpoint or the copy.
    #[error(transparent)]
    Checkpoint(#[from] RegistryError),
}

impl BucketError {
    /// Whether it concerns one object alone, so that others can still be read.
    pub(super) fn is_of_one(&self) -> bool {
        match self {
            Self::Failed { source, .. } => matches!(
                source,
                StoreError::NotFound { .. }
                    | StoreError::PermissionDenied { .. }
                    | StoreError::Precondition { .. }
                    | StoreError::NotSupported { .. }
            ),
            Self::Silent(..) | Self::Ended(_) => false,
            _ => true,
        }
    }
}
