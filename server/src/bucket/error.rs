//! What can go wrong with a shared registry.

use std::path::PathBuf;

use glyphic_runtime::registry::RegistryError;
use object_store::Error as StoreError;
use thiserror::Error;

/// Why a shared registry could not be read or changed.
#[derive(Debug, Error)]
pub enum BucketError {
    /// The URL is none of an object store.
    #[error("'{url}' cannot be opened: {reason}")]
    Open {
        /// The URL.
        url: String,
        /// What is wrong with it, or with what the environment says of it.
        reason: String,
    },
    /// The store did not do it.
    #[error("cannot {action} {url}: {source}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        url: String,
        /// What the store says.
        source: StoreError,
    },
    /// The store did not answer in time.
    #[error("no answer about {0} within {1} s")]
    Silent(String, u64),
    /// The store fell silent when it was to write.
    #[error("it is not known whether {0} was written: look what serves, then decide")]
    Unknown(String),
    /// The folder for the copy is another registry.
    #[error(
        "{} holds {}: choose another folder for this one's copy with --artifacts-copy",
        folder.display(),
        if of.is_empty() { "checkpoints of its own".to_owned() } else { format!("a copy of {of}") }
    )]
    OtherCopy {
        /// The folder.
        folder: PathBuf,
        /// Of what it is a copy; empty if of nothing.
        of: String,
    },
    /// Another server works from this copy.
    #[error(
        "{} is another server's copy: give each server one of its own with --artifacts-copy",
        .0.display()
    )]
    InUse(PathBuf),
    /// There is nothing to serve.
    #[error("nothing is promoted in {0}: send a checkpoint with `server push --to {0}`")]
    NothingPromoted(String),
    /// `CURRENT` or `MARKS` is not what a registry can work with.
    #[error("{url}: {reason}; the copy stays as it was until that is mended there")]
    BadNames {
        /// The registry.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Others were faster, each time.
    #[error("others change the shared registry at the same time; try again in a moment")]
    Contended,
    /// Something is larger than what is read.
    #[error("{url} has {count} {what}, over the limit of {limit}")]
    TooLarge {
        /// What.
        url: String,
        /// How many it has …
        count: u64,
        /// … of these: bytes or files.
        what: &'static str,
        /// The most that is read.
        limit: u64,
    },
    /// A part of the program ended before its work was done.
    #[error("the work was not done: {0}")]
    Ended(String),
    /// Something is wrong with a checkpoint or the copy.
    #[error(transparent)]
    Checkpoint(#[from] RegistryError),
}

impl BucketError {
    /// Whether it is about one object alone, and others may be had all the same.
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
