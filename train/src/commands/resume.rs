//! `train resume`: continue where the state left off.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use glyphic_runtime::registry::Registry;

use super::{finetune::compare_and_promote, registry};
use crate::{
    cli::{Globals, ResumeArgs},
    console::say,
    data,
    finetune::FineTuning,
    run::{Run, RunEnding, runs_folder},
    state::{RunState, STATE_FILE, TRAINER},
    synthetic::generator_version,
};

/// Continues an unfinished run until it ends or is stopped.
pub fn run(globals: &Globals, arguments: ResumeArgs) -> Result<RunEnding> {
    let registry = registry(globals)?;
    let id = match arguments.run {
        Some(id) => id,
        None => latest(&registry)?,
    };
    let folder = runs_folder(&registry).join(&id);
    ensure!(
        folder.is_dir(),
        "there is no unfinished run '{id}' in {}: see `train list`",
        runs_folder(&registry).display()
    );
    let mut state = RunState::load(&folder)?;
    let position = &mut state.position;
    if let Some(path) = arguments.data {
        position.data = path;
    }
    let fine_tuning = match &position.fine_tuning {
        Some(source) => {
            Some(FineTuning::read(&registry, source, &position.config, &position.data)?)
        }
        None => None,
    };
    let own = || {
        let config = &position.config;
        data::load(&position.data, config.pictures, config.validation)
    };
    let data = match (&fine_tuning, &position.drawings) {
        (Some(fine_tuning), _) => &fine_tuning.data,
        (None, None) => &own()?,
        (None, Some(drawings)) => &own()?.with_drawings(drawings)?,
    };
    if data.record != position.dataset || data.labels != position.labels {
        let samples = position.fine_tuning.as_ref().map(|source| source.samples.display());
        let samples = samples.or(position.drawings.as_ref().map(|file| file.display()));
        let or_samples = samples.map_or_else(String::new, |samples| format!(" or {samples}"));
        bail!(
            "{}{or_samples} has changed since the run began: restore it, or start a new run",
            position.data.display()
        );
    }
    ensure!(
        position.generator.is_empty() || position.generator == generator_version(),
        "the generator of synthetic handwriting has changed since the run began: resume it with \
         the version of this program that began it, or start a new run"
    );
    ensure!(
        position.trainer == TRAINER,
        "the run was begun by version {} of the trainer, and this is version {TRAINER}, which would give \
         other weights: resume it with the program that began it, or start a new run",
        position.trainer
    );
    if !position.generator.is_empty() {
        say("Drawing the synthetic handwriting …");
    }
    let devices = globals.open_devices()?;
    let promote = state.position.fine_tuning.as_ref().is_some_and(|source| source.promote);
    let run = Run::resume(id, state, &registry, data, &devices)?;
    let Some(fine_tuning) = &fine_tuning else { return run.drive() };
    let ending = run.with_fine_tuning(fine_tuning)?.drive()?;
    compare_and_promote(&registry, &ending, promote)?;
    Ok(ending)
}

/// The run whose state was saved last.
fn latest(registry: &Registry) -> Result<String> {
    let folder = runs_folder(registry);
    let runs = fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let saved = fs::metadata(entry.path().join(STATE_FILE)).ok()?.modified().ok()?;
        Some((saved, entry.file_name().into_string().ok()?))
    });
    let (_, id) = runs
        .max()
        .with_context(|| format!("there is no unfinished run in {}", folder.display()))?;
    Ok(id)
}
