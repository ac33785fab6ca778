//! `train promote`: choosing the checkpoint that servers load.

use std::io::Write;

use anyhow::Result;
use glyphic_runtime::registry::{Basis, PromotionPolicy};

use super::registry;
use crate::cli::{Globals, PromoteArgs};

/// Promotes a checkpoint, unless it is worse than the promoted one.
pub fn run(globals: &Globals, PromoteArgs { id, force }: PromoteArgs) -> Result<()> {
    let registry = registry(globals)?;
    let id = registry.resolve(&id)?;
    let basis = if force { Basis::Forced } else { Basis::Scores };
    registry.promote_if_allowed(&id, None, &PromotionPolicy::default(), &basis)?;
    writeln!(
        std::io::stdout(),
        "{id} is promoted: servers of this folder load it within seconds."
    )?;
    Ok(())
}
