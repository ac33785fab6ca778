//! `train resume`: go on where the state left off.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use glyphic_runtime::registry::Registry;

use super::finetune::judge;
use crate::{
    cli::ResumeArgs,
    data,
    drawn::generator,
    lesson::Lesson,
    run::{Ending, Run, runs_folder},
    state::State,
};

/// Goes on with an unfinished run until it ends or is stopped.
pub fn run(arguments: ResumeArgs) -> Result<Ending> {
    let registry = Registry::new(&arguments.common.artifacts);
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
    let mut state = State::load(&folder)?;
    let position = &mut state.position;
    if let Some(path) = arguments.data {
        position.data = path;
    }
    let lesson = match &position.lesson {
        Some(source) => Some(Lesson::read(&registry, source, &position.config, &position.data)?),
        None => None,
    };
    let data = match (&lesson, &position.drawings) {
        (Some(lesson), _) => &lesson.data,
        (None, None) => &data::load(&position.data, position.config.validation)?,
        (None, Some(drawings)) => {
            &data::load(&position.data, position.config.validation)?.with_drawings(drawings)?
        }
    };
    if data.record != position.dataset || data.labels != position.labels {
        let samples = position.lesson.as_ref().map(|source| source.samples.display());
        let samples = samples.or(position.drawings.as_ref().map(|file| file.display()));
        let or_samples = samples.map_or_else(String::new, |samples| format!(" or {samples}"));
        bail!(
            "{}{or_samples} has changed since the run began; put the data back, or start the run \
             anew",
            position.data.display()
        );
    }
    ensure!(
        position.generator.is_empty() || position.generator == generator(),
        "the shapes that the run draws have changed since it began: take the program that began \
         it, or start the run anew"
    );
    let devices = arguments.common.devices.open()?;
    let promote = state.position.lesson.as_ref().is_some_and(|source| source.promote);
    let run = Run::resume(id, state, &registry, data, &devices)?;
    let Some(lesson) = &lesson else { return run.drive() };
    let ending = run.of_lesson(lesson)?.drive()?;
    judge(&registry, &ending, promote)?;
    Ok(ending)
}

/// The run whose state was saved last.
fn latest(registry: &Registry) -> Result<String> {
    let folder = runs_folder(registry);
    let runs = fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let saved = fs::metadata(entry.path().join("state.bpk")).ok()?.modified().ok()?;
        Some((saved, entry.file_name().into_string().ok()?))
    });
    let (_, id) = runs
        .max()
        .with_context(|| format!("there is no unfinished run in {}", folder.display()))?;
    Ok(id)
}
