//! `train audit`: likely wrong labels in the data that a checkpoint learned from.

use std::fs;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::label_errors::label_errors;
use glyphic_runtime::registry::{Registry, write_atomically};
use serde_json::json;

use super::{chosen, default_data};
use crate::{
    cli::AuditArgs,
    config::TrainConfig,
    data::{self, Example},
    evaluate::evaluate,
    waiting::Waiting,
};

/// Writes the most doubtful labels to `audits/<checkpoint>.json` in the artifacts
/// folder, where the server shows them.
pub fn run(arguments: AuditArgs) -> Result<()> {
    let registry = Registry::new(&arguments.common.artifacts);
    let id = chosen(&registry, arguments.id.as_deref())?;
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let device = arguments.common.device.open()?;
    let checkpoint = registry.load(&id, &device.device)?;
    let manifest = checkpoint.manifest.clone();
    let config: TrainConfig = serde_json::from_value(manifest.training).unwrap_or_default();
    let data = data::load(&path, config.validation)?;
    let examples: Vec<Example> = [data.validation, data.training].concat();
    let waiting = Waiting::on(&device);
    let outcome = evaluate(&checkpoint.into_classifier(&device.device), &examples)?;
    drop(waiting);

    let index = |label: usize| manifest.labels.iter().position(|l| *l == data.labels[label]);
    let labels: Vec<usize> =
        examples.iter().map(|example| index(example.label).unwrap_or(usize::MAX)).collect();
    let rows: Vec<Vec<f32>> = outcome.predictions.into_iter().map(|p| p.probabilities).collect();
    let doubts = label_errors(&rows, &labels);
    let listed = doubts.iter().take(arguments.most).map(|doubt| {
        let example = &examples[doubt.example];
        json!({
            "label": data.labels[example.label],
            "suggested": manifest.labels[doubt.suggested],
            "margin": doubt.margin,
            "glyph": STANDARD.encode(example.glyph.pixels()),
        })
    });
    let report = json!({
        "checkpoint": id,
        "data": data.record.name,
        "examples": examples.len(),
        "doubted": doubts.len(),
        "doubts": listed.collect::<Vec<_>>(),
    });
    let folder = registry.root().join("audits");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join(format!("{id}.json"));
    write_atomically(&file, report.to_string().as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} of {} labels are doubtful: {}", doubts.len(), examples.len(), file.display());
    Ok(())
}
