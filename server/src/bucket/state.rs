//! What a server remembers of the store between two looks at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use glyphic_runtime::registry::Names;
use object_store::{ObjectMeta, UpdateVersion};

/// The names of both files, in the store as in a folder.
pub(super) const NAMES: [&str; 2] = ["CURRENT", "MARKS"];

/// The content of both files, with their versions.
#[derive(Clone, Default)]
pub(super) struct Taken {
    pub names: Names,
    pub versions: [Option<UpdateVersion>; 2],
}

/// A checkpoint's files in the store, by their names.
pub(super) type Files = BTreeMap<String, ObjectMeta>;

/// The complete checkpoints in the store.
#[derive(Default)]
pub(super) struct Stored {
    pub checkpoints: BTreeMap<String, Files>,
    /// Whether there may be more of them than could be listed.
    pub is_cut: bool,
}

/// The last list of checkpoints.
#[derive(Default)]
pub(super) struct Listed {
    /// Its time.
    pub at: Option<Instant>,
    /// Those that could not be fetched.
    pub refused: BTreeMap<String, RefusedCheckpoint>,
    /// Those of the copy that were in the store before and are missing there.
    pub missing: BTreeSet<String>,
    /// Objects that were reported because they belong to no checkpoint.
    pub odd: BTreeSet<String>,
    /// Whether it was reported that the list is not complete.
    pub is_cut: bool,
}

/// A checkpoint that could not be fetched, with its files at that time.
pub(super) struct RefusedCheckpoint {
    pub files: Files,
    pub at: Instant,
    pub message: String,
}
