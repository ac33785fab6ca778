//! The history: which checkpoint is promoted, and which were before it.

use super::{
    error::{RegistryError, at},
    folder::{Registry, content},
    id::is_id,
    promotion::{Basis, PromotionPolicy},
    write::write_atomically,
};
use crate::text::text;

/// The file with the promoted checkpoint and those promoted before it.
pub(super) const CURRENT: &str = "CURRENT";
/// The number of promoted checkpoints that [`CURRENT`] records.
const HISTORY: usize = 50;
/// The most that are read of them: an older program, or a person, may have written more.
const MOST_READ: usize = 1000;

impl Registry {
    /// The promoted checkpoint's id.
    ///
    /// # Errors
    /// No checkpoint is promoted, or `CURRENT` cannot be read.
    pub fn current(&self) -> Result<String, RegistryError> {
        let path = self.root().join(CURRENT);
        self.history()?.into_iter().next().ok_or(RegistryError::NothingPromoted(path))
    }

    /// The ids of the promoted checkpoint and those promoted before it, newest first.
    ///
    /// # Errors
    /// `CURRENT` cannot be read.
    pub fn history(&self) -> Result<Vec<String>, RegistryError> {
        let damaged = |reason: &str| self.bad_current(reason);
        let bytes = content(&self.root().join(CURRENT), damaged)?.unwrap_or_default();
        let text = text(&bytes).map_err(|error| damaged(&error.to_string()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let ids: Vec<String> = lines.take(MOST_READ).map(str::to_owned).collect();
        match ids.iter().find(|id| !is_id(id)) {
            None => Ok(ids),
            Some(odd) => {
                let odd: String = odd.chars().take(40).collect();
                Err(damaged(&format!("{odd:?} in it is not the id of a checkpoint")))
            }
        }
    }

    pub(super) fn bad_current(&self, reason: &str) -> RegistryError {
        RegistryError::BadCurrent { path: self.root().join(CURRENT), reason: reason.to_owned() }
    }

    /// Promotes a checkpoint, whatever speaks against it. Its manifest is checked; its weights are
    /// checked when they are loaded.
    ///
    /// # Errors
    /// The manifest cannot be read, or `CURRENT` cannot be written.
    pub fn promote(&self, id: &str) -> Result<(), RegistryError> {
        self.promote_if_allowed(id, None, &PromotionPolicy::default(), &Basis::Forced)
    }

    /// Promotes a checkpoint, unless the policy objects to it instead of the promoted one, and
    /// only if `from` (if given) is still the promoted one: a decision that compared it with
    /// another checkpoint may be out of date.
    ///
    /// # Errors
    /// As for [`promote`](Self::promote), and [`RegistryError::Objected`] and
    /// [`RegistryError::PromotedMeanwhile`].
    pub fn promote_if_allowed(
        &self,
        id: &str,
        from: Option<&str>,
        policy: &PromotionPolicy,
        basis: &Basis,
    ) -> Result<(), RegistryError> {
        let _lock = self.lock()?;
        // Checked under the lock, because the checkpoint may just have been removed.
        let next = self.manifest(id)?;
        let mut history = self.history()?;
        // If the promoted one cannot be read, servers go on with the one before it.
        let present = history.iter().find_map(|id| self.manifest(id).ok());
        let objections = policy.objections(basis, present.as_ref(), &next);
        if !objections.is_empty() {
            return Err(RegistryError::Objected { id: id.to_owned(), objections });
        }
        expect_promoted(&history, from)?;
        if history.first().is_some_and(|current| current == id) {
            return Ok(());
        }
        history.insert(0, id.to_owned());
        history.truncate(HISTORY);
        self.write_history(&history)
    }

    /// The id of the checkpoint that [`roll_back`](Self::roll_back) would go back to.
    ///
    /// # Errors
    /// There is none, or `CURRENT` cannot be read.
    pub fn previous(&self) -> Result<String, RegistryError> {
        self.history()?.into_iter().nth(1).ok_or(RegistryError::NothingToRollBackTo)
    }

    /// Goes back to the previously promoted checkpoint and returns its id, but only if `from` (if
    /// given) is still the promoted one. This is no promotion: no policy is asked, because the
    /// checkpoint was promoted before.
    ///
    /// # Errors
    /// There is no previous one, its manifest cannot be read, `CURRENT` cannot be written, or
    /// [`RegistryError::PromotedMeanwhile`].
    pub fn roll_back(&self, from: Option<&str>) -> Result<String, RegistryError> {
        let _lock = self.lock()?;
        let history = self.history()?;
        expect_promoted(&history, from)?;
        let [_, previous, ..] = history.as_slice() else {
            return Err(RegistryError::NothingToRollBackTo);
        };
        self.manifest(previous)?;
        self.write_history(&history[1..])?;
        Ok(previous.clone())
    }

    /// Replaces the history, under the lock.
    pub(super) fn write_history(&self, history: &[String]) -> Result<(), RegistryError> {
        let path = self.root().join(CURRENT);
        write_atomically(&path, format!("{}\n", history.join("\n")).as_bytes())
            .map_err(at("write", &path))
    }
}

/// Checks that `expected`, if given, is the promoted checkpoint of a history.
fn expect_promoted(history: &[String], expected: Option<&str>) -> Result<(), RegistryError> {
    let found = history.first().cloned().unwrap_or_default();
    match expected.filter(|expected| *expected != found) {
        Some(expected) => {
            Err(RegistryError::PromotedMeanwhile { expected: expected.to_owned(), found })
        }
        None => Ok(()),
    }
}
