//! Whether a checkpoint may be promoted. Every promotion of this server is decided here: one that
//! a person asks for, one that a fine-tuning job asks for, and one that is forced.

use std::{fmt, sync::Arc};

use glyphic_model::checkpoint::Manifest;
use glyphic_runtime::registry::{Comparison, Gate, Objection, PromotionGate};

/// What a checkpoint must keep and gain to be promoted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PromotionPolicy {
    /// For a checkpoint that is compared by its scores.
    pub scores: PromotionGate,
    /// For a fine-tuned checkpoint, which is compared with its parent.
    pub fine_tuned: Gate,
}

/// What a promotion is decided by.
#[derive(Clone, Debug)]
pub enum Basis {
    /// The scores and labels in the manifests of both checkpoints.
    Scores,
    /// The comparison of a fine-tuned checkpoint with its parent. It asks for more than the
    /// scores do, and allows new labels: they are the reason for the fine-tuning.
    Comparison(Arc<Comparison>),
    /// Nothing: somebody insists.
    Forced,
}

/// A reason against a promotion.
#[derive(Clone, Debug, PartialEq)]
pub enum PromotionObjection {
    /// Its labels or its scores are worse than those of the promoted checkpoint.
    Scores(String),
    /// It lost too much compared with its parent, or gained too little.
    Comparison(Objection),
}

impl PromotionPolicy {
    /// The reasons against `next` in the place of `present`; empty if it may be promoted.
    pub fn objections(
        &self,
        basis: &Basis,
        present: &Manifest,
        next: &Manifest,
    ) -> Vec<PromotionObjection> {
        match basis {
            Basis::Scores => {
                let objections = self.scores.objections(present, next);
                objections.into_iter().map(PromotionObjection::Scores).collect()
            }
            Basis::Comparison(comparison) => {
                let objections = comparison.objections(self.fine_tuned);
                objections.into_iter().map(PromotionObjection::Comparison).collect()
            }
            Basis::Forced => Vec::new(),
        }
    }
}

impl fmt::Display for PromotionObjection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scores(reason) => formatter.write_str(reason),
            Self::Comparison(reason) => reason.fmt(formatter),
        }
    }
}
