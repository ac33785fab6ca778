//! The errors of checkpoints.

use thiserror::Error;

use super::format::{MANIFEST_FILE, SCHEMA, WEIGHTS_FILE};
use crate::{glyph::PREPROCESSING_VERSION, network::ImpossibleNetwork};

/// Why a checkpoint was rejected.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The manifest is not valid JSON, or a field is missing or has an impossible value.
    #[error("checkpoint '{id}': {MANIFEST_FILE} cannot be read: {reason}")]
    BadManifest {
        /// The checkpoint.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest has the format of another version of Glyphic.
    #[error("checkpoint '{id}' has manifest schema {found}, but this program reads only {SCHEMA}")]
    WrongSchema {
        /// The checkpoint.
        id: String,
        /// Its schema.
        found: u32,
    },
    /// The id in the manifest is not the folder's name.
    #[error("checkpoint '{id}': its manifest has the id '{found}'; was the folder renamed?")]
    WrongId {
        /// The folder.
        id: String,
        /// The id in the manifest.
        found: String,
    },
    /// The checkpoint was trained with another version of the preprocessing.
    #[error(
        "checkpoint '{id}' was trained with preprocessing version {found}, but this program has \
         version {PREPROCESSING_VERSION}: train a new one"
    )]
    WrongPreprocessing {
        /// The checkpoint.
        id: String,
        /// The version that it was trained with.
        found: u32,
    },
    /// The number of labels is not the number of outputs.
    #[error("checkpoint '{id}' has {labels} labels but {classes} outputs")]
    WrongLabels {
        /// The checkpoint.
        id: String,
        /// Labels in the manifest.
        labels: usize,
        /// Outputs of the network.
        classes: usize,
    },
    /// The architecture cannot be built.
    #[error("checkpoint '{id}': {reason}")]
    Impossible {
        /// The checkpoint.
        id: String,
        /// Why it cannot be built.
        reason: ImpossibleNetwork,
    },
    /// The weights are not the ones that were published.
    #[error(
        "checkpoint '{id}' is damaged: {WEIGHTS_FILE} has the SHA-256 {found}, but its \
         manifest says {expected}"
    )]
    WrongChecksum {
        /// The checkpoint.
        id: String,
        /// The checksum in the manifest.
        expected: String,
        /// The checksum of the file.
        found: String,
    },
    /// The file has the right checksum but does not contain the weights of this architecture.
    #[error("checkpoint '{id}': its weights do not fit its architecture: {reason}")]
    WrongWeights {
        /// The checkpoint.
        id: String,
        /// What does not fit.
        reason: String,
    },
    /// A weight is infinite or not a number.
    #[error("checkpoint '{0}' has weights that are not finite numbers")]
    NotFinite(String),
    /// Its weights are so large that its answers are no numbers.
    #[error(
        "checkpoint '{0}' gives answers that are not finite numbers: its weights are too large"
    )]
    Overflows(String),
}
