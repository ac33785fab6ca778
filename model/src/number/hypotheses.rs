//! The most probable texts of a line, not only the best one: for what is known of the text.

use super::{
    lattice::{LineOfCandidates, reading_cost},
    reading::Symbol,
};
use crate::{order::sorted, prediction::Prediction};

/// How many are kept at each candidate. A check digit refuses nine of ten.
const KEPT: usize = 48;
/// How many labels of a symbol are tried.
const LABELS: usize = 3;

/// A text that a line may have.
pub(super) struct Hypothesis {
    /// The cost of its path, a negative logarithm of its probability.
    pub(super) cost: f32,
    /// Each candidate on its path and the label that it has; `None` for what is not a digit.
    pub(super) symbols: Vec<(usize, Option<usize>)>,
}

/// The end of a path: its cost, the label of its last symbol, and the candidate and rank of the path
/// that it extends.
#[derive(Clone, Copy)]
struct Step {
    cost: f32,
    label: Option<usize>,
    before: Option<(usize, usize)>,
}

impl LineOfCandidates {
    /// The cheapest paths, the best one first. `predictions` are those of the candidates.
    pub(super) fn hypotheses(&self, predictions: &[Prediction], rejects: bool) -> Vec<Hypothesis> {
        let mut paths: Vec<Vec<Step>> = Vec::with_capacity(predictions.len());
        for (i, candidate) in self.candidates.iter().enumerate() {
            let before: Vec<(f32, Option<(usize, usize)>)> = match candidate.group.start {
                0 => vec![(0.0, None)],
                start => (0..i)
                    .filter(|&j| self.candidates[j].group.end == start)
                    .flat_map(|j| {
                        let transition = self.transition_cost(&self.candidates[j], candidate);
                        let ranks = paths[j].iter().enumerate();
                        ranks.map(move |(rank, step)| (step.cost + transition, Some((j, rank))))
                    })
                    .collect(),
            };
            let own = candidate.options(&predictions[i], rejects);
            let steps = before.iter().flat_map(|&(cost, before)| {
                own.iter().map(move |&(label, own)| Step { cost: cost + own, label, before })
            });
            let mut steps = sorted(steps.collect(), |step: &Step| step.cost);
            steps.truncate(KEPT);
            paths.push(steps);
        }
        let ends = (0..paths.len()).filter(|&i| self.candidates[i].group.end == self.segments);
        let ends = ends.flat_map(|i| (0..paths[i].len()).map(move |rank| (i, rank)));
        let mut ends = sorted(ends.collect(), |&(i, rank)| paths[i][rank].cost);
        ends.truncate(KEPT);
        let whole = |(i, rank): (usize, usize)| {
            let mut symbols = Vec::new();
            let mut at = Some((i, rank));
            while let Some((i, rank)) = at {
                let step = paths[i][rank];
                symbols.push((i, step.label));
                at = step.before;
            }
            symbols.reverse();
            Hypothesis { cost: paths[i][rank].cost, symbols }
        };
        ends.into_iter().map(whole).collect()
    }

    /// The symbols of a hypothesis, from left to right.
    pub(super) fn symbols(
        &self,
        hypothesis: &Hypothesis,
        predictions: &[Prediction],
    ) -> Vec<Symbol> {
        let symbol = |&(i, label): &(usize, Option<usize>)| {
            let mut prediction = predictions[i].clone();
            prediction.index = label.unwrap_or(prediction.index);
            self.candidates[i].clone().symbol(prediction, label.is_some())
        };
        let symbols = hypothesis.symbols.iter().map(symbol).collect();
        sorted(symbols, |symbol: &Symbol| symbol.bounds.middle()[0])
    }
}

/// The most probable labels of a prediction.
pub(super) fn labels(said: &Prediction) -> Vec<usize> {
    let all = (0..said.probabilities.len()).collect();
    let mut labels = sorted(all, |&label| -said.probabilities[label]);
    labels.truncate(LABELS);
    labels
}

/// The cost of taking a glyph for a label.
pub(super) fn label_cost(said: &Prediction, label: usize, rejects: bool) -> f32 {
    let own = Prediction { index: label, ..said.clone() };
    reading_cost(&own, rejects)
}
