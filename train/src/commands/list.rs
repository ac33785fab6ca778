//! `train list`: the checkpoints and the unfinished runs.

use std::{fs, io::Write};

use anyhow::Result;
use glyphic_model::checkpoint::{Manifest, Score};

use super::registry;
use crate::{
    cli::Globals,
    run::runs_folder,
    state::{Position, RunState},
};

/// Prints a table of the checkpoints and the unfinished runs.
pub fn run(globals: &Globals) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let registry = registry(globals)?;
    let current = registry.current().ok();
    writeln!(
        out,
        "{:<2}{:<36} {:>10} {:>8} {:>8} {:>7}  created",
        "", "checkpoint", "validation", "test", "M MACs", "epochs"
    )?;
    for id in registry.ids()? {
        let mark = if current.as_ref() == Some(&id) { "*" } else { "" };
        match registry.manifest(&id) {
            Ok(manifest) => writeln!(out, "{mark:<2}{}", row(&manifest))?,
            Err(error) => writeln!(out, "{mark:<2}{id:<36} {error}")?,
        }
    }
    writeln!(out, "* marks the promoted one.")?;
    for entry in fs::read_dir(runs_folder(&registry)).into_iter().flatten().flatten() {
        let id = entry.file_name();
        match RunState::load(&entry.path()) {
            Ok(RunState { position, .. }) => {
                let Position { step, .. } = position;
                writeln!(
                    out,
                    "unfinished: {}, step {step} of {}",
                    id.display(),
                    position.total_steps()
                )?;
            }
            Err(error) => writeln!(out, "unfinished: {}, {error:#}", id.display())?,
        }
    }
    let restorable = registry.restorable()?;
    if !restorable.is_empty() {
        writeln!(out, "removed, but can be restored: {}", restorable.join(", "))?;
    }
    Ok(())
}

fn row(manifest: &Manifest) -> String {
    let percent = |score: &Score| match score.examples {
        0 => "unknown".to_owned(),
        _ => format!("{:.2} %", 100.0 * score.accuracy),
    };
    let metrics = &manifest.metrics;
    format!(
        "{:<36} {:>10} {:>8} {:>8.2} {:>7}  {}",
        manifest.id,
        percent(&metrics.validation),
        metrics.test.map_or_else(|| "–".to_owned(), |test| percent(&test)),
        manifest.macs as f64 / 1e6,
        metrics.epochs,
        manifest.created,
    )
}
