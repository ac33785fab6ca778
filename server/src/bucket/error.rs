//! What can go wrong with a shared registry.

use std::path::PathBuf;

use glyphic_model::checkpoint::CheckpointError;
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
        source: object_store::Error,
    },
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
    /// There is nothing to serve.
    #[error("nothing is promoted in {0}: send a checkpoint with `server push --to {0}`")]
    NothingPromoted(String),
    /// Others promoted a checkpoint that is still on its way.
    #[error("'{0}', which was promoted, has not arrived here yet; try again in a moment")]
    NotHere(String),
    /// Others were faster, each time.
    #[error("others changed the shared registry {0} times meanwhile; try again in a moment")]
    Contended(usize),
    /// A checkpoint is larger than any that is read.
    #[error("checkpoint '{id}' has {bytes} bytes, over the limit of {limit}")]
    TooLarge {
        /// The checkpoint.
        id: String,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A part of the program ended before its work was done.
    #[error("the work was not done: {0}")]
    Ended(String),
    /// Something is wrong with a checkpoint or the copy.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
