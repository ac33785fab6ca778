//! What the readers of the formats return.

use glyphic_model::checkpoint::FileRecord;

use crate::example::Example;

/// A dataset as it was read, before anything is held back.
pub(super) struct RawData {
    /// See [`Data`](super::Data).
    pub(super) are_named: bool,
    /// Its folder's name.
    pub(super) name: String,
    /// The text of each label.
    pub(super) labels: Vec<String>,
    /// The training set.
    pub(super) training: Vec<Example>,
    /// The test set; empty if there is none.
    pub(super) test: Vec<Example>,
    /// The files that were read.
    pub(super) files: Vec<FileRecord>,
    /// What was left out, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Examples to measure on, and the collection that each came from.
pub struct LabelledSet {
    /// The text of each label.
    pub labels: Vec<String>,
    /// The examples.
    pub examples: Vec<Example>,
    /// Where each example comes from (a collection, or the data itself).
    pub sources: Vec<String>,
    /// The files that were read, of an IDX directory or a folder of pictures.
    pub files: Vec<FileRecord>,
    /// What was left out, a sentence each.
    pub notes: Vec<String>,
}
