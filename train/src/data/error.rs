//! Why data could not be read.

use std::path::{Path, PathBuf};

use burn_dataset::DatasetError;
use glyphic_model::labels;
use thiserror::Error;

/// Why data could not be read. Every message names the file and the remedy.
#[derive(Debug, Error)]
pub enum DataError {
    /// The path is missing.
    #[error("there is no data at {}: give an IDX folder or a folder of labelled pictures with --data", .0.display())]
    Missing(PathBuf),
    /// The folder holds nothing that can be read as data.
    #[error(
        "{} has neither IDX files (train-images-idx3-ubyte[.gz] and its labels) nor subfolders of \
         pictures, one per label", .0.display()
    )]
    NothingFound(PathBuf),
    /// The folder holds no data itself, but its subfolders do.
    #[error(
        "{} has no data itself, but its subfolders have: give one of them with --data: {below}",
        path.display()
    )]
    FoundBelow {
        /// The folder.
        path: PathBuf,
        /// The subfolders with data, and what they have.
        below: String,
    },
    /// The folder holds pictures without a label.
    #[error(
        "{} has pictures, but not in subfolders: put them into one subfolder per label, whose name \
         is the label", .0.display()
    )]
    NoLabels(PathBuf),
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file does not have the format that its name promises.
    #[error("{}: {problem}; correct the file or download it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A line of a JSON-lines file cannot be used.
    #[error("{}: line {line}: {problem}; correct or remove the line", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture could not be decoded.
    #[error("{}: {reason}; repair or remove the file", path.display())]
    BadPicture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The name of a folder cannot be the label of its pictures.
    #[error("{}: its name, which is a label, {reason}; rename the folder", path.display())]
    BadLabel {
        /// The folder.
        path: PathBuf,
        /// What is wrong with its name.
        reason: labels::BadLabel,
    },
    /// The name of a folder, which is a label, is not text.
    #[error("{}: its name, which is a label, is not UTF-8; rename the folder", .0.display())]
    NameNotText(PathBuf),
    /// There are too few examples or labels for training.
    #[error("{}: {problem}", path.display())]
    TooLittle {
        /// The data.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A checkpoint was trained on something else.
    #[error("'{id}' was trained on other data than the files in {}", path.display())]
    OtherData {
        /// The checkpoint.
        id: String,
        /// The data.
        path: PathBuf,
    },
    /// The examples could not be split.
    #[error("the examples cannot be split: {0}")]
    Split(#[from] DatasetError),
}

pub(super) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> DataError + '_ {
    move |source| DataError::Unreadable { path: path.to_owned(), source }
}
