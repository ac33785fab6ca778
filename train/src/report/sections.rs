//! The sections of a card, as HTML.

use std::fmt::Write;

use super::{
    chart::{Dots, dot_chart},
    content::{Content, escape, png_data_url},
};
use crate::card::{Card, Verdicts, robustness::Robustness, statistics::Pair};

/// Most pictures for a cell of the confusion matrix …
const IN_CELL: usize = 24;
/// … and for a row of it: with many labels the page would become too large to open.
const IN_ROW: usize = 240;

/// All sections that need only the card.
pub(super) fn of_card(card: &Card) -> String {
    [
        card.comparison.as_ref().map(comparison).unwrap_or_default(),
        calibration(card),
        verdicts(card),
        robustness(&card.robustness),
    ]
    .concat()
}

/// The comparison with another checkpoint.
fn comparison(pair: &Pair) -> String {
    let Pair { other, other_accuracy, both, only_this, only_other, neither, p } = pair;
    let reading = match (p, only_this > only_other) {
        (p, _) if *p >= 0.05 => "no significant difference on this set",
        (_, true) => "this one reads more of them correctly",
        (_, false) => "the other one reads more of them correctly",
    };
    format!(
        "<h2>Compared with {other}</h2><p>The other one reads {:.2} % correctly. McNemar's test: p = {p:.2e}; \
         {reading}.</p><table><tr><th></th><th>the other correct</th><th>the other wrong</th></tr>\
         <tr><th scope=row>this one correct</th><td>{both}</td><td class=right>{only_this}</td></tr>\
         <tr><th scope=row>this one wrong</th><td class=wrong>{only_other}</td><td>{neither}</td></tr>\
         </table>",
        100.0 * other_accuracy,
        other = escape(other),
    )
}

/// The calibration: whether its confidence is its accuracy.
fn calibration(card: &Card) -> String {
    if card.score.examples == 0 {
        return String::new();
    }
    let bins = card.reliability.iter().map(|bin| {
        let words = format!(
            "confidence {:.1} %, accuracy {:.1} %, {} answers",
            100.0 * bin.confidence,
            100.0 * bin.accuracy,
            bin.count
        );
        (bin.confidence, bin.accuracy, words)
    });
    let ideal = [0.0, 1.0].map(|at| (at, at, String::new())).to_vec();
    let reliability = [
        Dots { name: "perfect calibration", class: "ideal", points: ideal },
        Dots { name: "accuracy by confidence", class: "b", points: bins.collect() },
    ];
    // The axis begins at 80 %.
    let curve = || card.rejection.iter().filter(|point| point.answered >= 0.8);
    let most = curve().map(|point| point.wrong).fold(1e-4, f64::max);
    let rejection = curve().map(|point| (point.answered, point.wrong, String::new()));
    let rejection =
        [Dots { name: "share of wrong answers", class: "b", points: rejection.collect() }];
    format!(
        "<h2>Calibration</h2><p>Expected calibration error: {:.2} %. The second chart shows the share \
         of wrong answers if only the most confident ones are given.</p><div class=charts>{}{}</div>",
        100.0 * card.calibration_error,
        dot_chart("Confidence and accuracy", [0.0, 1.0], [0.0, 1.0], &reliability),
        dot_chart("Mistakes by share of answers given", [0.8, 1.0], [0.0, most], &rejection),
    )
}

/// The verdicts on the examples and on negatives.
fn verdicts(card: &Card) -> String {
    let share = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
    let row = |name: &str, verdicts: &Verdicts| {
        let Verdicts { read, unsure, not_a_digit } = *verdicts;
        let all = verdicts.total();
        format!(
            "<tr><th scope=row>{}</th><td>{all}</td><td>{:.2} %</td><td>{:.2} %</td>\
             <td>{:.2} %</td></tr>",
            escape(name),
            share(read, all),
            share(unsure, all),
            share(not_a_digit, all)
        )
    };
    let negatives: String =
        card.negatives.iter().map(|kind| row(&kind.name, &kind.verdicts)).collect();
    let rejects = card.negatives.iter().map(|kind| kind.verdicts).chain([card.verdicts]);
    let nothing = if rejects.into_iter().all(|verdicts| verdicts.not_a_digit == 0) {
        "<p>It rejects nothing: whatever the picture is, it is taken for one of the labels. Use it for \
         comparison, or where nothing else is drawn.</p>"
    } else {
        ""
    };
    format!(
        "<h2>Verdicts</h2>{nothing}<div class=wide><table><tr><th></th><th>pictures</th><th>read</th>\
         <th>unsure</th><th>rejected</th></tr>{}{negatives}</table></div>",
        if card.verdicts.total() > 0 { row("examples", &card.verdicts) } else { String::new() }
    )
}

/// The robustness test.
fn robustness(all: &[Robustness]) -> String {
    let Some(none) = all.first() else { return String::new() };
    let unchanged = none.accuracy.first().copied().unwrap_or(0.0);
    let tables: String = all[1..]
        .iter()
        .map(|kind| {
            let strengths: String =
                kind.strengths.iter().map(|strength| format!("<td>{strength}</td>")).collect();
            let accuracy: String = kind
                .accuracy
                .iter()
                .map(|&accuracy| {
                    let bad = if accuracy < unchanged - 0.1 { " class=bad" } else { "" };
                    format!("<td{bad}>{:.1}</td>", 100.0 * accuracy)
                })
                .collect();
            format!(
                "<table><tr><th scope=row><b>{}</b>, {}</th>{strengths}</tr>\
                 <tr><th scope=row>correct, %</th>{accuracy}</tr></table>",
                kind.change, kind.unit
            )
        })
        .collect();
    format!(
        "<h2>Robustness</h2><p>{} of the pictures, enlarged four times, changed, and read like \
         uploads. Unchanged, {:.1} % are read correctly. Coloured: more than 10 percentage points less.</p>\
         <div class=strips>{tables}</div>",
        none.examples,
        100.0 * unchanged
    )
}

/// The confusion matrix; each cell opens its pictures.
pub(super) fn confusion(content: &Content<'_>) -> String {
    let Card { labels, confusion, .. } = content.card;
    if content.examples.is_empty() {
        return String::new();
    }
    let mut rows = String::from("<tr><th></th>");
    for label in labels {
        let _ = write!(rows, "<th scope=col>{}</th>", escape(label));
    }
    rows += "<th scope=col>correct</th></tr>";
    let mut pictures = String::new();
    for (is, (label, row)) in labels.iter().zip(confusion).enumerate() {
        let total: usize = row.iter().sum();
        let _ = write!(rows, "<tr><th scope=row>{}</th>", escape(label));
        for (read, &count) in row.iter().enumerate() {
            if count == 0 {
                rows += "<td class=none>0</td>";
                continue;
            }
            let class = if read == is { "right" } else { "wrong" };
            let _ = write!(rows, "<td class={class}><a href='#is{is}-read{read}'>{count}</a></td>");
            pictures += &pictures_of(content, is, read, count);
        }
        let share = 100.0 * row[is] as f64 / total.max(1) as f64;
        let _ = write!(rows, "<td>{share:.2} %</td></tr>");
    }
    format!(
        "<h2>Confusion matrix</h2><p>Rows are labels, columns are predictions. Click a number to see \
         its pictures, the least confident first.</p>\
         <div class=wide><table>{rows}</table></div>{pictures}"
    )
}

/// The pictures of a cell, hidden until its number is clicked.
fn pictures_of(content: &Content<'_>, is: usize, read: usize, count: usize) -> String {
    let labels = &content.card.labels;
    let mut pairs: Vec<_> = content
        .evaluation
        .predictions
        .iter()
        .zip(content.examples)
        .filter(|(prediction, example)| prediction.index == read && example.label == is)
        .collect();
    let most = IN_CELL.min(IN_ROW / labels.len().max(1)).max(1);
    pairs.sort_by(|a, b| a.0.confidence().total_cmp(&b.0.confidence()));
    let shown: String = pairs
        .iter()
        .take(most)
        .map(|(prediction, example)| {
            format!(
                "<figure><img src='{}' width=56 height=56 alt=''><figcaption>{:.1} %</figcaption>\
                 </figure>",
                png_data_url(&example.glyph),
                100.0 * prediction.confidence()
            )
        })
        .collect();
    format!(
        "<section class=behind id='is{is}-read{read}'><h3>{} read as {}: {} of {count}</h3>\
         <div class=mistakes>{shown}</div></section>",
        escape(&labels[is]),
        escape(&labels[read]),
        count.min(most)
    )
}
