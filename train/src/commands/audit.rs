//! `train audit`: likely wrong labels in the data that a checkpoint was trained on.

use std::fs;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::label_errors::label_errors;
use glyphic_runtime::registry::write_atomically;
use serde_json::json;

use super::{chosen, default_data, load, registry};
use crate::{
    cli::{AuditArgs, Globals},
    config::TrainConfig,
    data::Example,
    evaluate::evaluate,
    waiting::Waiting,
};

/// Writes the most doubtful labels to `audits/<checkpoint>.json` in the artifacts
/// folder, where the server reads them.
pub fn run(globals: &Globals, arguments: AuditArgs) -> Result<()> {
    let registry = registry(globals)?;
    let id = chosen(&registry, arguments.id.as_deref())?;
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let device = globals.device()?.open()?;
    let checkpoint = registry.load(&id, &device.device)?;
    let manifest = checkpoint.manifest.clone();
    let data = load(&path, manifest.pictures, TrainConfig::of(&manifest).validation)?;
    // The network's index of each label of the data. It may not have all of them: then any of
    // its own labels may be suggested for the example.
    let index = |label: &String| manifest.labels.iter().position(|own| own == label);
    let indices: Vec<Option<usize>> = data.labels.iter().map(index).collect();
    ensure!(
        indices.iter().any(Option::is_some),
        "{} has the labels {}, the checkpoint {id} has {}: give it its own data with --data",
        path.display(),
        data.labels.join(", "),
        manifest.labels.join(", ")
    );
    let examples: Vec<Example> = [data.validation, data.training].concat();
    let waiting = Waiting::on(&device);
    let evaluation = evaluate(&checkpoint.into_classifier(&device.device), &examples)?;
    drop(waiting);

    let labels: Vec<usize> =
        examples.iter().map(|example| indices[example.label].unwrap_or(usize::MAX)).collect();
    let rows: Vec<Vec<f32>> = evaluation.predictions.into_iter().map(|p| p.probabilities).collect();
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
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join(format!("{id}.json"));
    write_atomically(&file, report.to_string().as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} of {} labels are doubtful: {}", doubts.len(), examples.len(), file.display());
    Ok(())
}
