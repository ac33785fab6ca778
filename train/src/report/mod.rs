//! The report of a checkpoint: its card and, from the run that made it, its curves, as
//! one HTML file that works offline.

pub(crate) mod chart;
mod content;
mod sections;

use glyphic_model::checkpoint::EpochMetrics;

use chart::{Curve, line_chart};
pub use content::Content;
pub(crate) use content::escape;
use content::png_data_url;

/// Number of mistakes that are shown.
const MISTAKES: usize = 60;

/// The report as one HTML page.
pub fn html(content: &Content<'_>) -> String {
    let title = escape(content.title);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width,initial-scale=1'>\
         <title>{title} · Glyphic</title><style>{PAGE_STYLE}</style>\
         <main><h1>{title}</h1><p>On {}, {}.</p>{}{}{}{}{}</main></html>\n",
        escape(&content.card.data),
        escape(&content.card.created),
        summary(content),
        curves(content.epochs),
        sections::of_card(content.card),
        sections::confusion(content),
        mistakes(content),
    )
}

/// The style sheet of every report.
pub(crate) const PAGE_STYLE: &str = include_str!("report.css");

fn summary(content: &Content<'_>) -> String {
    let score = content.evaluation.score;
    let wrong = ((1.0 - score.accuracy) * score.examples as f64).round();
    if score.examples == 0 {
        return String::new();
    }
    let mut cells = vec![
        (format!("{:.2} %", 100.0 * score.accuracy), format!("correct on {}", escape(content.set))),
        (format!("{wrong}"), format!("mistakes in {}", score.examples)),
        (format!("{:.4}", score.loss), "cross entropy".to_owned()),
        (
            format!("{:.2} %", 100.0 * content.metrics.validation.accuracy),
            "correct on held-back examples".to_owned(),
        ),
        (
            format!("{:.2} M", content.network.macs() as f64 / 1e6),
            "multiply-adds per picture".to_owned(),
        ),
        (format!("{} k", content.network.parameters() / 1000), "parameters".to_owned()),
        (
            format!("{:.2} %", 100.0 * content.card.calibration_error),
            "calibration error".to_owned(),
        ),
    ];
    if let Some(speed) = content.card.speed {
        cells.push((
            format!("{:.2} ms", speed.single_ms),
            "per picture, on this machine".to_owned(),
        ));
        let batched = format!("{:.0}", speed.batched_per_second);
        cells.push((batched, "pictures per second in batches of 64, on this machine".to_owned()));
    }
    if !content.epochs.is_empty() {
        cells.push((format!("{}", content.metrics.epochs), "epochs".to_owned()));
        cells
            .push((format!("{:.1} min", content.metrics.seconds / 60.0), "of training".to_owned()));
    }
    let cells: String =
        cells.iter().map(|(value, name)| format!("<li><b>{value}</b>{name}</li>")).collect();
    format!("<ul class=summary>{cells}</ul>")
}

fn curves(epochs: &[EpochMetrics]) -> String {
    if epochs.is_empty() {
        return String::new();
    }
    let curve = |name, class, value: fn(&EpochMetrics) -> f64| Curve {
        name,
        class,
        values: epochs.iter().map(value).collect(),
    };
    let error = [
        curve("training, augmented", "a", |e| 100.0 * (1.0 - e.train_accuracy)),
        curve("validation", "b", |e| 100.0 * (1.0 - e.validation.accuracy)),
    ];
    let loss = [
        curve("training, augmented, labels smoothed", "a", |e| e.train_loss),
        curve("validation", "b", |e| e.validation.loss),
    ];
    format!(
        "<h2>Curves</h2><div class=charts>{}{}</div>",
        line_chart("Mistakes, % (log scale)", &error),
        line_chart("Loss, nats (log scale)", &loss),
    )
}

/// The mistakes with the highest confidence.
fn mistakes(content: &Content<'_>) -> String {
    let mut wrong: Vec<_> = content
        .evaluation
        .predictions
        .iter()
        .zip(content.examples)
        .filter(|(prediction, example)| prediction.index != example.label)
        .collect();
    wrong.sort_by(|a, b| b.0.confidence().total_cmp(&a.0.confidence()));
    let shown: String = wrong
        .iter()
        .take(MISTAKES)
        .map(|(prediction, example)| {
            let labels = &content.card.labels;
            let (is, read) = (&labels[example.label], &labels[prediction.index]);
            format!(
                "<figure><img src='{}' width=84 height=84 alt='a {is}'><figcaption>is <b>{is}</b>, \
                 read as <b>{read}</b> {:.1} %</figcaption></figure>",
                png_data_url(&example.glyph),
                100.0 * prediction.confidence(),
                is = escape(is),
                read = escape(read),
            )
        })
        .collect();
    if content.examples.is_empty() {
        return String::new();
    }
    if wrong.is_empty() {
        return "<h2>Mistakes</h2><p>None.</p>".to_owned();
    }
    format!(
        "<h2>Worst mistakes</h2><p>{} of {}, the most confident first.</p>\
         <div class=mistakes>{shown}</div>",
        wrong.len().min(MISTAKES),
        wrong.len()
    )
}
