//! `train finetune`: from a checkpoint and taught samples to a better one.

use std::fs;

use anyhow::{Context, Result, ensure};
use glyphic_runtime::registry::{Gate, Registry};

use super::{become_a_child, chosen, default_data};
use crate::{
    cli::FinetuneArgs,
    config::TrainConfig,
    lesson::Lesson,
    run::{Ending, Run},
    state::{LessonSource, Position},
};

/// Trains on the samples and says whether the new checkpoint is better.
pub fn run(arguments: FinetuneArgs) -> Result<Ending> {
    if arguments.as_child {
        become_a_child();
    }
    ensure!((1..=10_000_000).contains(&arguments.examples), "--examples must be 1 to 10000000");
    ensure!(
        arguments.taught > 0.0 && arguments.taught <= 1.0,
        "--taught must be above 0 and at most 1"
    );
    let registry = Registry::new(&arguments.common.artifacts);
    let parent = chosen(&registry, arguments.from.as_deref())?;
    let config = settings(&registry, &parent, &arguments)?;
    config.check()?;
    let config = config.settled()?;
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let path = fs::canonicalize(&path).unwrap_or(path);
    let samples = fs::canonicalize(&arguments.samples)
        .with_context(|| format!("there are no samples at {}", arguments.samples.display()))?;
    let source = LessonSource {
        parent,
        samples,
        examples: arguments.examples,
        taught: arguments.taught,
        promote: arguments.promote,
    };
    let lesson = Lesson::read(&registry, &source, &config, &path)?;
    let devices = arguments.common.devices.open()?;

    let data = &lesson.data;
    let mut network = lesson.parent.manifest.network.clone();
    network.classes = data.labels.len();
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let mut position = Position::start(config, network, path, record, labels, false);
    position.lesson = Some(source);
    let mut run = Run::teach(position, &registry, &lesson, &devices)?;
    if arguments.as_child {
        run = run.as_child();
    }
    let ending = run.drive()?;
    judge(&registry, &ending, arguments.promote)?;
    Ok(ending)
}

/// The parent's validation split and recipe, with the lesson's schedule.
fn settings(registry: &Registry, parent: &str, arguments: &FinetuneArgs) -> Result<TrainConfig> {
    let manifest = registry.manifest(parent)?;
    let of_parent: TrainConfig = serde_json::from_value(manifest.training).unwrap_or_default();
    Ok(TrainConfig {
        epochs: arguments.epochs,
        learning_rate: arguments.learning_rate,
        seed: arguments.seed,
        // The lesson brings its own.
        drawn: 0.0,
        others: 0.0,
        // The parent is the teacher.
        teacher: None,
        ..of_parent
    })
}

/// Says how a finished checkpoint compares, and promotes it if asked to and
/// nothing speaks against it.
pub(super) fn judge(registry: &Registry, ending: &Ending, promote: bool) -> Result<()> {
    let Ending::Finished(manifest) = ending else { return Ok(()) };
    let id = &manifest.id;
    let Some(comparison) = registry.comparison(id)? else { return Ok(()) };
    for (set, [before, after]) in [
        ("held-back samples", comparison.held_back),
        ("validation examples", comparison.validation),
        ("ordinary drawings", comparison.drawn),
    ] {
        eprintln!("{set}: {} of {} right, before {}", after.right, after.of, before.right);
    }
    let objections = comparison.objections(Gate::default());
    for objection in &objections {
        eprintln!("It should not take over: {objection}.");
    }
    if promote && objections.is_empty() {
        registry.promote_from(id, Some(&comparison.parent))?;
        eprintln!("Promoted {id}.");
    }
    Ok(())
}
