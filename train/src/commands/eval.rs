//! `train eval`: a checkpoint measured on labelled data.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
};

use anyhow::{Context, Result, ensure};
use glyphic_model::checkpoint::{Metrics, Registry};

use super::default_data;
use crate::{
    cli::EvalArgs,
    data::{self, Example, LabelledSet},
    evaluate::{Outcome, evaluate},
    report,
};

/// Measures a checkpoint and prints, and optionally writes, a report.
pub fn run(arguments: EvalArgs) -> Result<()> {
    let registry = Registry::new(&arguments.common.artifacts);
    let id = match arguments.id {
        Some(id) => id,
        None => registry.current()?,
    };
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let set = data::load_for_evaluation(&path)?;
    let device = arguments.common.device.open()?;
    let checkpoint = registry.load(&id, &device.device)?;
    let manifest = checkpoint.manifest.clone();
    let labels = &manifest.labels;
    let all = set.examples.len();
    let (examples, sources) = with_labels_of(set, labels);
    ensure!(
        !examples.is_empty(),
        "{} has no example with a label that the checkpoint knows ({})",
        path.display(),
        labels.join(", ")
    );
    let outcome = evaluate(&checkpoint.into_classifier(&device.device), &examples)?;

    let mut out = io::stdout().lock();
    writeln!(out, "{id} on {} ({device}):", path.display())?;
    if examples.len() < all {
        let left_out = all - examples.len();
        writeln!(out, "  {left_out} of {all} left out: their label is none of the checkpoint's")?;
    }
    print_by_source(&mut out, &outcome, &examples, &sources)?;
    print_by_label(&mut out, &outcome, &examples, labels)?;
    if let Some(file) = arguments.report {
        let page = report::html(&report::Content {
            title: &format!("{id} on {}", path.display()),
            labels,
            epochs: &[],
            metrics: &Metrics { test: Some(outcome.score), ..manifest.metrics.clone() },
            network: &manifest.network,
            on_test: true,
            outcome: &outcome,
            examples: &examples,
        });
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
        writeln!(out, "Report: {}", file.display())?;
    }
    Ok(())
}

/// The examples whose label the checkpoint knows, with the checkpoint's index.
fn with_labels_of(set: LabelledSet, labels: &[String]) -> (Vec<Example>, Vec<String>) {
    let pairs = set.examples.into_iter().zip(set.sources);
    pairs
        .filter_map(|(example, source)| {
            let text = &set.labels[example.label];
            let label = labels.iter().position(|label| label == text)?;
            Some((Example { label, ..example }, source))
        })
        .unzip()
}

fn print_by_source(
    out: &mut impl Write,
    outcome: &Outcome,
    examples: &[Example],
    sources: &[String],
) -> io::Result<()> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ((prediction, example), source) in outcome.predictions.iter().zip(examples).zip(sources) {
        let (right, all) = counts.entry(source).or_default();
        *right += usize::from(prediction.index == example.label);
        *all += 1;
    }
    for (source, (right, all)) in &counts {
        writeln!(out, "  {source:<16} {:>7.3} %  ({right} of {all})", percent(*right, *all))?;
    }
    let score = outcome.score;
    writeln!(
        out,
        "  {:<16} {:>7.3} %  (loss {:.4})",
        "together",
        100.0 * score.accuracy,
        score.loss
    )
}

fn print_by_label(
    out: &mut impl Write,
    outcome: &Outcome,
    examples: &[Example],
    labels: &[String],
) -> io::Result<()> {
    writeln!(out, "By label, with what it was most often taken for:")?;
    for (label, text) in labels.iter().enumerate() {
        let mut said = vec![0; labels.len()];
        let pairs = outcome.predictions.iter().zip(examples);
        for (prediction, _) in pairs.filter(|(_, example)| example.label == label) {
            said[prediction.index] += 1;
        }
        let all: usize = said.iter().sum();
        if all == 0 {
            continue;
        }
        let mut wrong: Vec<usize> =
            (0..labels.len()).filter(|&i| i != label && said[i] > 0).collect();
        wrong.sort_by_key(|&i| std::cmp::Reverse(said[i]));
        let wrong: Vec<String> =
            wrong.iter().take(3).map(|&i| format!("{} ×{}", labels[i], said[i])).collect();
        writeln!(
            out,
            "  {text:<4} {:>7.3} % of {all:<6} {}",
            percent(said[label], all),
            wrong.join(", ")
        )?;
    }
    Ok(())
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
