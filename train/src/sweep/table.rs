//! The results of a sweep: a line a run as CSV, and the combinations by their mean.

use std::{fmt::Write, path::Path};

use anyhow::{Context, Result};
use glyphic_runtime::{cells::to_cell, registry::write_atomically};

use super::{
    outcome::{Done, RunOutcome},
    plan::{Plan, Planned},
};
use crate::report::{
    PAGE_STYLE,
    chart::{Curve, line_chart},
    escape,
};

/// Combinations whose curves are drawn.
const CURVES: usize = 6;

/// The combinations of a sweep, best first, and its runs.
pub struct Table<'a> {
    plan: &'a Plan,
    outcomes: &'a [RunOutcome],
    rows: Vec<Row<'a>>,
}

/// The finished runs of one combination.
struct Row<'a> {
    values: &'a [String],
    runs: Vec<&'a Done>,
    accuracy: Mean,
    loss: Mean,
    seconds: Mean,
}

/// A mean and the standard deviation of a sample (n − 1), which a single value does not have.
#[derive(Clone, Copy)]
struct Mean {
    mean: f64,
    deviation: Option<f64>,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Self { mean, deviation }
    }

    fn shown(self, digits: usize) -> String {
        match self.deviation {
            None => format!("{:.digits$}", self.mean),
            Some(deviation) => format!("{:.digits$} ± {deviation:.digits$}", self.mean),
        }
    }
}

impl<'a> Table<'a> {
    /// Groups the runs by combination and sorts these, best first: by accuracy on the held-back
    /// examples, then by loss.
    pub fn new(plan: &'a Plan, outcomes: &'a [RunOutcome]) -> Self {
        let mut groups: Vec<(&[String], Vec<&Done>)> = Vec::new();
        for (planned, outcome) in plan.runs.iter().zip(outcomes) {
            let RunOutcome::Done(done) = outcome else { continue };
            match groups.iter_mut().find(|(values, _)| *values == planned.values) {
                Some((_, runs)) => runs.push(done),
                None => groups.push((&planned.values, vec![done])),
            }
        }
        let mean = |runs: &[&Done], value: fn(&Done) -> f64| {
            Mean::of(&runs.iter().map(|run| value(run)).collect::<Vec<_>>())
        };
        let mut rows: Vec<Row<'a>> = groups
            .into_iter()
            .map(|(values, runs)| Row {
                values,
                accuracy: mean(&runs, |run| 100.0 * run.manifest.metrics.validation.accuracy),
                loss: mean(&runs, |run| run.manifest.metrics.validation.loss),
                seconds: mean(&runs, |run| run.manifest.metrics.seconds),
                runs,
            })
            .collect();
        rows.sort_by(|a, b| {
            let by_accuracy = b.accuracy.mean.total_cmp(&a.accuracy.mean);
            by_accuracy.then(a.loss.mean.total_cmp(&b.loss.mean))
        });
        Self { plan, outcomes, rows }
    }

    /// Writes `table.csv` and `report.html` into the sweep's folder.
    pub fn write(&self, folder: &Path, title: &str) -> Result<()> {
        for (name, text) in [("table.csv", self.csv()?), ("report.html", self.html(title))] {
            let path = folder.join(name);
            write_atomically(&path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The combinations as lines of text.
    pub fn text(&self) -> String {
        let mut text = String::from("held back, %     loss               runs  settings\n");
        for row in &self.rows {
            let _ = writeln!(
                text,
                "{:<15}  {:<17}  {:>4}  {}",
                row.accuracy.shown(2),
                row.loss.shown(4),
                row.runs.len(),
                settings(&self.plan.varied, row.values)
            );
        }
        text
    }

    /// The checkpoint of the best combination's best run.
    pub fn best(&self) -> Option<&Path> {
        let runs = self.rows.first()?.runs.iter();
        let best = runs.min_by(|a, b| {
            let loss = |run: &Done| run.manifest.metrics.validation.loss;
            loss(a).total_cmp(&loss(b))
        });
        best.map(|run| run.folder.as_path())
    }

    /// A line a run, done or not.
    fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let cell = |text: &str| to_cell(text).into_owned();
        let varied = self.plan.varied.iter().map(String::as_str);
        let head = varied.chain([
            "seed",
            "status",
            "validation_accuracy",
            "validation_loss",
            "epochs",
            "seconds",
            "checkpoint",
        ]);
        writer.write_record(head.map(cell))?;
        for (planned, outcome) in self.plan.runs.iter().zip(self.outcomes) {
            let mut line = planned.values.clone();
            line.push(planned.config.seed.to_string());
            match outcome {
                RunOutcome::Done(done) => {
                    let metrics = &done.manifest.metrics;
                    line.extend([
                        "done".to_owned(),
                        metrics.validation.accuracy.to_string(),
                        metrics.validation.loss.to_string(),
                        metrics.epochs.to_string(),
                        format!("{:.1}", metrics.seconds),
                        done.folder.display().to_string(),
                    ]);
                }
                RunOutcome::Failed(reason) => line.push(format!("failed: {reason}")),
                RunOutcome::Open => line.push("open".to_owned()),
            }
            line.resize(self.plan.varied.len() + 7, String::new());
            writer.write_record(line.iter().map(|text| cell(text)))?;
        }
        Ok(String::from_utf8(writer.into_inner().map_err(|error| error.into_error())?)?)
    }

    fn html(&self, title: &str) -> String {
        let title = escape(title);
        let done = self.rows.iter().map(|row| row.runs.len()).sum::<usize>();
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content='width=device-width,initial-scale=1'>\
             <title>{title} · Glyphic</title><style>{PAGE_STYLE}</style>\
             <main><h1>{title}</h1><p>{done} of {} runs done. Measured on held-back examples of \
             the training set; the test set was not read. It takes several seeds to tell a \
             difference from chance.</p>{}{}{}</main></html>\n",
            self.plan.runs.len(),
            self.charts(),
            self.html_rows(),
            self.html_failures(),
        )
    }

    /// Mistakes on the held-back examples by epoch, of the best combinations.
    fn charts(&self) -> String {
        let curves = |value: fn(&Done, usize) -> f64| {
            let best = self.rows.iter().take(CURVES).enumerate();
            let curves: Vec<Curve<'_>> = best
                .map(|(place, row)| Curve {
                    name: "",
                    class: CLASSES[place],
                    values: mean_by_epoch(&row.runs, value),
                })
                .collect();
            curves
        };
        let longest = self.rows.iter().flat_map(|row| &row.runs).map(|run| run.epochs.len()).max();
        // A single epoch would be a point, not a curve.
        if longest.is_none_or(|epochs| epochs < 2) {
            return String::new();
        }
        format!(
            "<h2>Curves of the best {}</h2><div class=charts>{}{}</div>",
            self.rows.len().min(CURVES),
            line_chart(
                "Mistakes on held-back examples, % (log scale)",
                &curves(|run, epoch| 100.0 * (1.0 - run.epochs[epoch].validation.accuracy))
            ),
            line_chart(
                "Loss on held-back examples, nats (log scale)",
                &curves(|run, epoch| run.epochs[epoch].validation.loss)
            ),
        )
    }

    fn html_rows(&self) -> String {
        let mut html = String::from("<h2>Combinations, best first</h2><div class=wide><table><tr>");
        for name in &self.plan.varied {
            let _ = write!(html, "<th scope=col>{}</th>", escape(name));
        }
        html += "<th scope=col>held back, %</th><th scope=col>loss</th><th scope=col>seconds</th>\
                 <th scope=col>runs</th></tr>";
        for (place, row) in self.rows.iter().enumerate() {
            html += "<tr>";
            for value in row.values {
                let _ = write!(html, "<td>{}</td>", escape(value));
            }
            let colour = CLASSES.get(place).copied().unwrap_or_default();
            let _ = write!(
                html,
                "<td class='right {colour}'>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.accuracy.shown(2),
                row.loss.shown(4),
                row.seconds.shown(0),
                row.runs.len()
            );
        }
        html + "</table></div>"
    }

    fn html_failures(&self) -> String {
        let mut html = String::new();
        for (planned, outcome) in self.plan.runs.iter().zip(self.outcomes) {
            if let RunOutcome::Failed(reason) = outcome {
                let run = described(&self.plan.varied, planned);
                let _ = write!(html, "<li>{}: {}</li>", escape(&run), escape(reason));
            }
        }
        if html.is_empty() { html } else { format!("<h2>Failed runs</h2><ul>{html}</ul>") }
    }
}

/// The colours of the curves, and of their rows.
const CLASSES: [&str; CURVES] = ["a", "b", "c", "d", "e", "f"];

/// The mean over the runs, for each epoch that all of them have.
fn mean_by_epoch(runs: &[&Done], value: fn(&Done, usize) -> f64) -> Vec<f64> {
    let epochs = runs.iter().map(|run| run.epochs.len()).min().unwrap_or(0);
    let mean = |epoch| runs.iter().map(|run| value(run, epoch)).sum::<f64>() / runs.len() as f64;
    (0..epochs).map(mean).collect()
}

/// A run's settings, for messages.
pub fn described(varied: &[String], planned: &Planned) -> String {
    format!("{}, seed {}", settings(varied, &planned.values), planned.config.seed)
}

fn settings(names: &[String], values: &[String]) -> String {
    let pairs = names.iter().zip(values).map(|(name, value)| format!("{name} {value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_model::network::NetworkConfig;

    use super::*;
    use crate::config::TrainConfig;

    #[test]
    fn a_spreadsheet_takes_no_cell_of_the_table_for_a_formula() {
        let run = |value: &str| Planned {
            values: vec![value.to_owned()],
            config: TrainConfig::default(),
            network: NetworkConfig::small(2),
        };
        let plan = Plan {
            varied: vec!["=network".to_owned()],
            runs: ["@SUM(1).json", "+1", "small"].map(run).into(),
        };
        let failed = |reason: &str| RunOutcome::Failed(reason.to_owned());
        let outcomes = [failed("=1"), RunOutcome::Open, RunOutcome::Open];
        let text = Table::new(&plan, &outcomes).csv().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let first: Vec<&str> = rows.iter().map(|row| &row[0]).collect();
        assert_eq!(first, ["'=network", "'@SUM(1).json", "'+1", "small"]);
        let risky = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!rows.iter().flatten().any(risky), "{text}");
    }
}
