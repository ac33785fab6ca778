//! Everything that can be wrong with a checkpoint, one variant each.

use thiserror::Error;

use super::{MANIFEST_FILE, SCHEMA, WEIGHTS_FILE};
use crate::{glyph::PREPROCESSING_VERSION, network::ImpossibleNetwork};

/// Everything that can be wrong with a checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The manifest is not the JSON it should be.
    #[error("checkpoint '{id}': {MANIFEST_FILE} cannot be read: {reason}")]
    BadManifest {
        /// The checkpoint.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest is of another version of Glyphic.
    #[error("checkpoint '{id}' has manifest schema {found}, this program reads {SCHEMA}")]
    WrongSchema {
        /// The checkpoint.
        id: String,
        /// Its schema.
        found: u32,
    },
    /// The manifest names another checkpoint than its folder.
    #[error("checkpoint '{id}': its manifest says it is '{found}'; was the folder renamed?")]
    WrongId {
        /// The folder.
        id: String,
        /// The id in the manifest.
        found: String,
    },
    /// The checkpoint was trained on differently prepared pictures.
    #[error(
        "checkpoint '{id}' was trained with preprocessing {found}, this program has \
         {PREPROCESSING_VERSION}: train it anew"
    )]
    WrongPreprocessing {
        /// The checkpoint.
        id: String,
        /// Its version.
        found: u32,
    },
    /// The number of labels is not the number of outputs.
    #[error("checkpoint '{id}' has {labels} labels for {classes} outputs")]
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
        /// What is impossible.
        reason: ImpossibleNetwork,
    },
    /// The weights are not those that were published.
    #[error(
        "checkpoint '{id}' is damaged: {WEIGHTS_FILE} has sha256 {found}, its manifest says {expected}"
    )]
    WrongChecksum {
        /// The checkpoint.
        id: String,
        /// In the manifest.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// The weights' file is intact but holds no weights, or others than the
    /// architecture has.
    #[error("checkpoint '{id}': its weights do not fit its architecture: {reason}")]
    WrongWeights {
        /// The checkpoint.
        id: String,
        /// What does not fit.
        reason: String,
    },
    /// A weight is infinite or not a number.
    #[error("checkpoint '{0}' holds weights that are not finite numbers")]
    NotFinite(String),
}
