//! `train eval`: a checkpoint measured on labelled data.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use glyphic_model::{
    Classifier,
    checkpoint::{DatasetRecord, FileRecord, Manifest},
};
use glyphic_runtime::{
    device::ComputeDevice,
    registry::{Registry, write_atomically},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{chosen, default_data, registry};
use crate::{
    card::{Card, Measured, Negatives, Verdicts, robustness, statistics},
    cli::{EvalArgs, Globals},
    console::say,
    data::{self, Example, LabelledSet},
    environment,
    evaluate::{Evaluation, evaluate},
    report,
    synthetic::Generator,
    waiting::Waiting,
};

/// Measures a checkpoint, prints the results, and writes its card and report into the
/// checkpoint.
pub fn run(globals: &Globals, arguments: EvalArgs) -> Result<()> {
    let EvalArgs { id, other, quick, data, report } = arguments;
    let registry = registry(globals)?;
    let subject = Subject::open(globals, &registry, id.as_deref(), data)?;
    let (mut card, evaluation) = subject.measure(&registry, other.as_deref())?;

    let mut out = io::stdout().lock();
    subject.print(&mut out, &card, &evaluation)?;
    let examples = &subject.examples;
    if !examples.is_empty() && !quick {
        card = with_details(card, &subject)?;
    }
    print_details(&mut out, &card)?;
    let file = subject.write_report(&registry, &card, &evaluation, report)?;
    writeln!(out, "Report: {}", file.display())?;
    Ok(())
}

/// A checkpoint, and what it is measured on.
struct Subject {
    manifest: Manifest,
    classifier: Classifier,
    device: ComputeDevice,
    /// Where the data is, and what it is called.
    path: PathBuf,
    name: String,
    /// Whether this is the test set of the data that it was trained on: then the report takes
    /// the place of the one that its run wrote.
    is_own: bool,
    examples: Vec<Example>,
    /// Where each example comes from.
    sources: Vec<String>,
    /// By their label or kind.
    negatives: Vec<(String, Vec<Example>)>,
}

impl Subject {
    /// Reads the data and loads the checkpoint.
    fn open(
        globals: &Globals,
        registry: &Registry,
        id: Option<&str>,
        data: Option<PathBuf>,
    ) -> Result<Self> {
        let id = chosen(registry, id)?;
        let path = data.unwrap_or_else(|| default_data(registry.root()));
        let pictures = registry.manifest(&id)?.pictures;
        let set = data::load_for_evaluation(&path, pictures)?;
        set.notes.iter().for_each(|note| say(note));
        let device = globals.device()?.open()?;
        let checkpoint = registry.load(&id, &device.device)?;
        let manifest = checkpoint.manifest.clone();
        let (labels, rejects) = (&manifest.labels, manifest.thresholds.rejects());
        let files = set.files.clone();
        let Sorted { examples, sources, mut negatives } = sorted(set, labels);
        ensure!(
            !examples.is_empty() || (!negatives.is_empty() && rejects),
            "{} has no example with one of the checkpoint's labels ({})",
            path.display(),
            labels.join(", ")
        );
        let is_own = !examples.is_empty() && is_test_set(&manifest, &files, examples.len());
        if is_own && rejects {
            negatives.extend(Generator::of(labels).held_back_negatives());
        }
        let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let classifier = checkpoint.into_classifier(&device.device);
        Ok(Self { manifest, classifier, device, path, name, is_own, examples, sources, negatives })
    }

    /// Measures the checkpoint, and compares it with another one if that is named.
    fn measure(&self, registry: &Registry, other: Option<&str>) -> Result<(Card, Evaluation)> {
        let measured = Measured {
            id: &self.manifest.id,
            data: &self.name,
            created: environment::now(),
            examples: &self.examples,
            negatives: &self.negatives,
        };
        let _waiting = Waiting::on(&self.device);
        let (mut card, evaluation) = Card::measure(&self.classifier, measured)?;
        if let Some(other) = other {
            let (other, there) = self.evaluated_by(registry, other)?;
            let (here, there) = (&evaluation.predictions, &there.predictions);
            card.comparison = Some(statistics::pair(&other, here, there, &self.examples));
        }
        Ok((card, evaluation))
    }

    /// Another checkpoint's id, and its evaluation on the same examples.
    fn evaluated_by(&self, registry: &Registry, other: &str) -> Result<(String, Evaluation)> {
        let other = chosen(registry, Some(other))?;
        let checkpoint = registry.load(&other, &self.device.device)?;
        ensure!(
            checkpoint.manifest.labels == self.manifest.labels,
            "{other} has other labels, so the two cannot be compared"
        );
        ensure!(
            checkpoint.manifest.pictures == self.manifest.pictures,
            "{other} reads pictures as '{}', so the two cannot be compared",
            checkpoint.manifest.pictures.name()
        );
        let classifier = checkpoint.into_classifier(&self.device.device);
        Ok((other, evaluate(&classifier, &self.examples)?))
    }

    /// Prints how it reads the examples, and what it rejects.
    fn print(&self, out: &mut impl Write, card: &Card, evaluation: &Evaluation) -> io::Result<()> {
        let Self { manifest, device, examples, .. } = self;
        writeln!(out, "{} on {} ({device}):", manifest.id, self.path.display())?;
        if !examples.is_empty() {
            print_by_source(out, evaluation, examples, &self.sources)?;
            print_by_label(out, evaluation, examples, &manifest.labels)?;
        }
        print_verdicts(out, card, manifest)
    }

    /// Writes the report to the file that is named, or the card and the report into the
    /// checkpoint; returns the report's path.
    fn write_report(
        &self,
        registry: &Registry,
        card: &Card,
        evaluation: &Evaluation,
        file: Option<PathBuf>,
    ) -> Result<PathBuf> {
        let Self { manifest, name, is_own, .. } = self;
        let page = report::html(&report::Content {
            title: &manifest.id,
            epochs: &registry.epochs(&manifest.id)?,
            metrics: &manifest.metrics,
            network: &manifest.network,
            set: if *is_own { "the test set" } else { name },
            card,
            evaluation,
            examples: &self.examples,
        });
        let file = match file {
            Some(file) => file,
            None => {
                let stem = if *is_own { "report".to_owned() } else { format!("report-{name}") };
                let folder = registry.folder(&manifest.id);
                let json = serde_json::to_vec_pretty(card)?;
                write(&folder.join(format!("{stem}.json")), &json)?;
                folder.join(format!("{stem}.html"))
            }
        };
        write(&file, page.as_bytes())?;
        Ok(file)
    }
}

/// Whether a set of so many examples from these files is the test set of data that the checkpoint
/// was trained on.
fn is_test_set(manifest: &Manifest, files: &[FileRecord], examples: usize) -> bool {
    let is_of = |dataset: &DatasetRecord| {
        dataset.test == examples && files.iter().all(|file| dataset.files.contains(file))
    };
    !files.is_empty() && manifest.datasets.iter().any(is_of)
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(file, bytes).with_context(|| {
        format!("cannot write {}: give --report a file that can be written", file.display())
    })
}

/// The examples to measure on, and the negatives by their label.
struct Sorted {
    examples: Vec<Example>,
    /// Where each example comes from.
    sources: Vec<String>,
    negatives: Vec<(String, Vec<Example>)>,
}

/// Separates the examples with one of the checkpoint's labels from all others, which are
/// negatives.
fn sorted(set: LabelledSet, labels: &[String]) -> Sorted {
    let mut sorted = Sorted { examples: Vec::new(), sources: Vec::new(), negatives: Vec::new() };
    let mut negatives: BTreeMap<&String, Vec<Example>> = BTreeMap::new();
    for (example, source) in set.examples.into_iter().zip(set.sources) {
        let text = &set.labels[example.label];
        match labels.iter().position(|label| label == text) {
            Some(label) => {
                sorted.examples.push(Example { label, ..example });
                sorted.sources.push(source);
            }
            None => negatives.entry(text).or_default().push(example),
        }
    }
    sorted.negatives = negatives.into_iter().map(|(label, set)| (label.clone(), set)).collect();
    sorted
}

/// Adds the robustness test and the speed, with a progress bar.
fn with_details(card: Card, subject: &Subject) -> Result<Card> {
    let bar = ProgressBar::new(robustness::CHANGES.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:32.cyan/blue} trying {msg}  {eta} left") {
        bar.set_style(style);
    }
    let step = |change: &str| {
        bar.set_message(change.to_owned());
        bar.inc(1);
    };
    let Subject { classifier, manifest, examples, .. } = subject;
    let card = card.with_details(classifier, manifest.pictures, examples, step)?;
    bar.finish_and_clear();
    Ok(card)
}

fn print_verdicts(out: &mut impl Write, card: &Card, manifest: &Manifest) -> io::Result<()> {
    let Verdicts { unsure, not_a_digit, .. } = card.verdicts;
    let all = card.verdicts.total();
    if all > 0 {
        writeln!(
            out,
            "Calibration error {:.2} %; unsure {:.2} %, rejected {:.2} %",
            100.0 * card.calibration_error,
            percent(unsure, all),
            percent(not_a_digit, all)
        )?;
    }
    if card.negatives.is_empty() {
        return Ok(());
    }
    let all: usize = card.negatives.iter().map(|negatives| negatives.verdicts.total()).sum();
    if !manifest.thresholds.rejects() {
        return writeln!(out, "{all} examples left out: the checkpoint does not have their labels");
    }
    let rejected = |negatives: &Negatives| negatives.verdicts.not_a_digit;
    let sum: usize = card.negatives.iter().map(rejected).sum();
    writeln!(out, "Negatives: {:.2} % of {all} rejected; by kind:", percent(sum, all))?;
    for negatives in &card.negatives {
        let all = negatives.verdicts.total();
        writeln!(
            out,
            "  {:<28} {:>7.2} % of {all}",
            negatives.name,
            percent(rejected(negatives), all)
        )?;
    }
    Ok(())
}

fn print_details(out: &mut impl Write, card: &Card) -> io::Result<()> {
    if let Some(pair) = &card.comparison {
        writeln!(
            out,
            "Compared with {} ({:.3} %): only this one reads {} correctly, only the other one {}; \
             p = {:.2e} (McNemar's test)",
            pair.other,
            100.0 * pair.other_accuracy,
            pair.only_this,
            pair.only_other,
            pair.p
        )?;
    }
    if !card.robustness.is_empty() {
        writeln!(out, "Robustness, % correct at each strength of a change:")?;
    }
    for kind in &card.robustness {
        let accuracy: Vec<String> =
            kind.accuracy.iter().map(|share| format!("{:.1}", 100.0 * share)).collect();
        writeln!(out, "  {:<18} {}", kind.change, accuracy.join("  "))?;
    }
    if let Some(speed) = card.speed {
        writeln!(
            out,
            "Speed: {:.3} ms per picture, {:.0} pictures per second in batches of 64",
            speed.single_ms, speed.batched_per_second
        )?;
    }
    Ok(())
}

fn print_by_source(
    out: &mut impl Write,
    evaluation: &Evaluation,
    examples: &[Example],
    sources: &[String],
) -> io::Result<()> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ((prediction, example), source) in evaluation.predictions.iter().zip(examples).zip(sources)
    {
        let (right, all) = counts.entry(source).or_default();
        *right += usize::from(prediction.index == example.label);
        *all += 1;
    }
    for (source, (right, all)) in &counts {
        writeln!(out, "  {source:<16} {:>7.3} %  ({right} of {all})", percent(*right, *all))?;
    }
    let score = evaluation.score;
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
    evaluation: &Evaluation,
    examples: &[Example],
    labels: &[String],
) -> io::Result<()> {
    writeln!(out, "By label, with the labels that it is most often mistaken for:")?;
    for (label, text) in labels.iter().enumerate() {
        let mut said = vec![0; labels.len()];
        let pairs = evaluation.predictions.iter().zip(examples);
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
