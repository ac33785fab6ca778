//! Everything that can be wrong with a checkpoint, one way each.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{MANIFEST_FILE, SCHEMA, WEIGHTS_FILE};
use crate::{glyph::PREPROCESSING_VERSION, network::ImpossibleNetwork};

/// Everything that can be wrong with a checkpoint or the folder of them.
#[derive(Debug, Error)]
pub enum CheckpointError {
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
    #[cfg(feature = "native")]
    #[error("'{id}' is not promoted: {}; to promote it all the same, force it", objections.join("; "))]
    Objected {
        /// The checkpoint.
        id: String,
        /// What speaks against it.
        objections: Vec<String>,
    },
    /// A name that cannot be a label.
    #[cfg(feature = "native")]
    #[error(
        "'{0}' cannot be a label: use 1 to 32 lower-case letters, digits and '-', not 'stable', which is whatever is promoted, and no checkpoint's id"
    )]
    BadLabel(String),
    /// The file of labels and pins cannot be read.
    #[cfg(feature = "native")]
    #[error("{} cannot be read: {reason}; mend it, or remove it and with it all labels and pins", path.display())]
    BadMarks {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of this name exists; checkpoints are never changed.
    #[error("a checkpoint '{0}' exists already, and checkpoints are never overwritten")]
    Exists(String),
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
