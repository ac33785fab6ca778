//! `train prune` and `train restore`: removing checkpoints, and having them back.

use std::{
    fs,
    io::{IsTerminal, Write, stdin, stdout},
    path::Path,
};

use anyhow::Result;
use glyphic_runtime::registry::RESTORABLE;

use super::registry;
use crate::{
    cli::{Globals, PruneArgs, RestoreArgs},
    console::counted,
};

/// Shows which checkpoints would be removed, and removes them if that is confirmed.
pub fn prune(globals: &Globals, PruneArgs { keep, yes }: PruneArgs) -> Result<()> {
    let registry = registry(globals)?;
    let doomed = registry.prunable(keep, &[])?;
    let mut out = stdout();
    if doomed.is_empty() {
        writeln!(
            out,
            "Nothing to remove: what there is beside the newest {keep} is promoted, was promoted \
             before, is pinned, or has an alias."
        )?;
        return Ok(());
    }
    writeln!(out, "{} to remove:", counted(doomed.len(), "checkpoint"))?;
    for id in &doomed {
        writeln!(out, "  {id:<40} {:>7.1} MB", megabytes(&registry.folder(id)))?;
    }
    if !yes && !stdin().is_terminal() {
        writeln!(out, "Nothing was removed: give --yes to remove them.")?;
        return Ok(());
    }
    if !yes && !is_confirmed()? {
        writeln!(out, "Nothing was removed.")?;
        return Ok(());
    }
    // Others may have been published, promoted or pinned since.
    let removed = registry.prune(keep, &[])?;
    let hours = RESTORABLE.as_secs() / 3600;
    writeln!(
        out,
        "{} removed. For {hours} hours, one can be restored:",
        counted(removed.len(), "checkpoint")
    )?;
    for id in removed.iter().take(1) {
        writeln!(out, "  train restore {id}")?;
    }
    Ok(())
}

/// Restores a checkpoint.
pub fn restore(globals: &Globals, RestoreArgs { id }: RestoreArgs) -> Result<()> {
    registry(globals)?.restore(&id)?;
    writeln!(stdout(), "{id} is restored.")?;
    Ok(())
}

fn is_confirmed() -> Result<bool> {
    write!(stdout(), "Remove them? [y/N] ")?;
    stdout().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The size of a folder's files.
fn megabytes(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes: u64 = entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    bytes as f64 / 1e6
}
