//! `train finetune`: from a checkpoint and new samples to a better checkpoint.

use std::{fs, sync::Arc};

use anyhow::{Context, Result, ensure};
use glyphic_runtime::registry::{Basis, PromotionPolicy, Registry};

use super::{become_a_child, chosen, default_data, registry};
use crate::{
    cli::{FinetuneArgs, Globals},
    config::TrainConfig,
    finetune::FineTuning,
    run::{Run, RunEnding},
    state::{FineTuningSource, Position},
};

/// Trains on the samples and prints whether the new checkpoint is better.
pub fn run(globals: &Globals, arguments: FinetuneArgs) -> Result<RunEnding> {
    if arguments.as_child {
        become_a_child();
    }
    ensure!((1..=10_000_000).contains(&arguments.examples), "--examples must be 1 to 10000000");
    ensure!(
        arguments.sample_share > 0.0 && arguments.sample_share <= 1.0,
        "--sample-share must be above 0 and at most 1"
    );
    let registry = registry(globals)?;
    let parent = chosen(&registry, arguments.from.as_deref())?;
    let config = TrainConfig {
        epochs: arguments.epochs,
        learning_rate: arguments.learning_rate,
        seed: arguments.seed,
        // `FineTuning` adds its own synthetic examples and negatives.
        synthetic: 0.0,
        negatives: 0.0,
        // The parent is the teacher.
        teacher: None,
        ..TrainConfig::of(&registry.manifest(&parent)?)
    };
    config.check()?;
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let path = fs::canonicalize(&path).unwrap_or(path);
    let samples = fs::canonicalize(&arguments.samples)
        .with_context(|| format!("there are no samples at {}", arguments.samples.display()))?;
    let source = FineTuningSource {
        parent,
        samples,
        examples: arguments.examples,
        sample_share: arguments.sample_share,
        promote: arguments.promote,
    };
    let fine_tuning = FineTuning::read(&registry, &source, &config, &path)?;
    let devices = globals.open_devices()?;

    let data = &fine_tuning.data;
    let mut network = fine_tuning.parent.manifest.network.clone();
    network.classes = data.labels.len();
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let mut position = Position::start(config, network, path, record, labels, false);
    position.fine_tuning = Some(source);
    let mut run = Run::finetune(position, &registry, &fine_tuning, &devices)?;
    if arguments.as_child {
        run = run.as_child();
    }
    let ending = run.drive()?;
    compare_and_promote(&registry, &ending, arguments.promote)?;
    Ok(ending)
}

/// Prints how a finished checkpoint compares with its parent, and promotes it if that was
/// asked for and the policy has no objection.
pub(super) fn compare_and_promote(
    registry: &Registry,
    ending: &RunEnding,
    promote: bool,
) -> Result<()> {
    let RunEnding::Finished(manifest) = ending else { return Ok(()) };
    let id = &manifest.id;
    let Some(comparison) = registry.comparison(id)? else { return Ok(()) };
    for (set, [before, after]) in [
        ("held-back samples", comparison.held_back),
        ("validation examples", comparison.validation),
        ("synthetic examples", comparison.synthetic),
    ] {
        eprintln!("{set}: {} of {} correct, {} before", after.right, after.of, before.right);
    }
    let policy = PromotionPolicy::default();
    let objections = policy.by_comparison(&comparison);
    for objection in &objections {
        eprintln!("It should not be promoted: {objection}.");
    }
    if promote && objections.is_empty() {
        let parent = comparison.parent.clone();
        let basis = Basis::Comparison(Arc::new(comparison));
        registry.promote_if_allowed(id, Some(&parent), &policy, &basis)?;
        eprintln!("Promoted {id}.");
    }
    Ok(())
}
