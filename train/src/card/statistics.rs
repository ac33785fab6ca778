//! Statistics of predictions: confusion, calibration, rejection, and the comparison of two
//! checkpoints.

use glyphic_model::Prediction;
use serde::{Deserialize, Serialize};

use crate::example::Example;

/// Bins of the reliability diagram, equally wide, as Guo et al. (2017) have them.
const BINS: usize = 15;
/// Most points of a rejection curve.
const POINTS: usize = 100;

/// Predictions of about the same confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Their mean confidence (0–1).
    pub confidence: f64,
    /// Share of them (0–1) that is correct.
    pub accuracy: f64,
    /// Their number.
    pub count: usize,
}

/// A point of the rejection curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remaining {
    /// Share of the examples (0–1) that are answered.
    pub answered: f64,
    /// Share of the answers (0–1) that are wrong.
    pub wrong: f64,
    /// The confidence below which nothing is answered.
    pub confidence: f32,
}

/// Two checkpoints on the same examples, and McNemar's test (1947) of whether one
/// reads more of them right than the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The other checkpoint.
    pub other: String,
    /// Its accuracy (0–1).
    pub other_accuracy: f64,
    /// Examples that both read correctly.
    pub both: usize,
    /// Examples that only this one reads correctly.
    pub only_this: usize,
    /// Examples that only the other one reads correctly.
    pub only_other: usize,
    /// Examples that neither reads correctly.
    pub neither: usize,
    /// Probability of a difference at least as large if both were equally good (exact,
    /// two-sided).
    pub p: f64,
}

/// Number of examples by label (row) and by prediction (column).
pub fn confusion(
    labels: usize,
    predictions: &[Prediction],
    examples: &[Example],
) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; labels]; labels];
    for (prediction, example) in predictions.iter().zip(examples) {
        counts[example.label][prediction.index] += 1;
    }
    counts
}

/// Confidence and accuracy in bins of confidence; empty bins are left out.
pub fn reliability(predictions: &[Prediction], examples: &[Example]) -> Vec<Bin> {
    let mut sums = [(0.0, 0usize, 0usize); BINS];
    for (prediction, example) in predictions.iter().zip(examples) {
        let confidence = f64::from(prediction.confidence());
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        sums[bin].0 += confidence;
        sums[bin].1 += usize::from(prediction.index == example.label);
        sums[bin].2 += 1;
    }
    let bins = sums.iter().filter(|(_, _, count)| *count > 0);
    bins.map(|&(confidence, right, count)| Bin {
        confidence: confidence / count as f64,
        accuracy: right as f64 / count as f64,
        count,
    })
    .collect()
}

/// Expected calibration error (0–1): the mean distance of confidence from accuracy
/// over the bins, weighted by their counts.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.count).sum();
    let distance = |bin: &Bin| (bin.confidence - bin.accuracy).abs() * bin.count as f64;
    bins.iter().map(distance).sum::<f64>() / all.max(1) as f64
}

/// The rejection curve: the share of wrong answers if only the most confident are given, from
/// all to few.
pub fn rejection(predictions: &[Prediction], examples: &[Example]) -> Vec<Remaining> {
    let mut answers: Vec<(f32, bool)> = predictions
        .iter()
        .zip(examples)
        .map(|(prediction, example)| (prediction.confidence(), prediction.index != example.label))
        .collect();
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = answers.len();
    let mut wrong = 0;
    let mut curve = Vec::new();
    for (i, (confidence, is_wrong)) in answers.iter().enumerate() {
        wrong += usize::from(*is_wrong);
        let answered = i + 1;
        // The points are closest where nearly all are answered, which is the part that matters.
        let share = answered as f64 / all as f64;
        let previous = i as f64 / all as f64;
        let place = |share: f64| ((1.0 - (1.0 - share).sqrt()) * POINTS as f64) as usize;
        if place(share) != place(previous) || answered == all {
            let wrong = wrong as f64 / answered as f64;
            curve.push(Remaining { answered: share, wrong, confidence: *confidence });
        }
    }
    curve.reverse();
    curve
}

/// Compares the predictions of two checkpoints for the same examples.
pub fn pair(
    other: &str,
    these: &[Prediction],
    others: &[Prediction],
    examples: &[Example],
) -> Pair {
    let mut counts = [[0usize; 2]; 2];
    for ((this, other), example) in these.iter().zip(others).zip(examples) {
        let right = |prediction: &Prediction| usize::from(prediction.index == example.label);
        counts[right(this)][right(other)] += 1;
    }
    let [[neither, only_other], [only_this, both]] = counts;
    Pair {
        other: other.to_owned(),
        other_accuracy: (both + only_other) as f64 / examples.len().max(1) as f64,
        both,
        only_this,
        only_other,
        neither,
        p: mcnemar(only_this, only_other),
    }
}

/// McNemar's test, exact: twice the lower tail of a fair coin, at most 1.
pub fn mcnemar(a: usize, b: usize) -> f64 {
    let tosses = a + b;
    // ln((n choose k) / 2ⁿ) from term to term, because factorials would overflow.
    let mut ln_term = -(tosses as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=a.min(b) {
        tail += ln_term.exp();
        ln_term += ((tosses - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use glyphic_model::{Glyph, glyph::PIXELS};

    use super::*;

    /// Predictions with these confidences for examples of label 0, right where `true`.
    fn answers(given: &[(f32, bool)]) -> (Vec<Prediction>, Vec<Example>) {
        let answer = |&(confidence, right): &(f32, bool)| Prediction {
            index: usize::from(!right),
            probabilities: if right {
                vec![confidence, 1.0 - confidence]
            } else {
                vec![1.0 - confidence, confidence]
            },
            in_distribution: 1.0,
            taught: None,
        };
        let example = Example { glyph: Glyph::new([0; PIXELS]), label: 0 };
        (given.iter().map(answer).collect(), vec![example; given.len()])
    }

    #[test]
    fn calibration_error_is_the_gap_between_confidence_and_accuracy() {
        // 0.8 sure and right in half of them; 0.99 sure and always right.
        let (predictions, examples) =
            answers(&[(0.8, true), (0.8, false), (0.99, true), (0.99, true)]);
        let bins = reliability(&predictions, &examples);
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [2, 2]);
        let expected = (0.5 * 0.3) + (0.5 * 0.01);
        assert!((calibration_error(&bins) - expected).abs() < 1e-6);
    }

    #[test]
    fn the_rejection_curve_begins_with_all_and_ends_with_the_surest() {
        let (predictions, examples) =
            answers(&[(0.6, false), (0.9, true), (0.95, false), (0.99, true)]);
        let curve = rejection(&predictions, &examples);
        let first = curve[0];
        assert_eq!((first.answered, first.wrong, first.confidence), (1.0, 0.5, 0.6));
        let last = curve[curve.len() - 1];
        assert_eq!((last.answered, last.wrong), (0.25, 0.0));
    }

    #[test]
    fn mcnemar_is_the_sign_test_on_what_differs() {
        // Twice the chance of at most 1 head in 10 tosses: 2 · 11 / 1024.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(5, 5), 1.0);
        assert!((mcnemar(0, 6) - 2.0 / 64.0).abs() < 1e-12);
        assert!(mcnemar(1000, 1200) < 1e-4 && mcnemar(1000, 1200) > 1e-6);
    }

    #[test]
    fn a_pair_counts_which_is_right() {
        let (these, examples) = answers(&[(0.9, true), (0.9, true), (0.9, false), (0.9, false)]);
        let (others, _) = answers(&[(0.9, true), (0.9, false), (0.9, true), (0.9, false)]);
        let pair = pair("b", &these, &others, &examples);
        assert_eq!([pair.both, pair.only_this, pair.only_other, pair.neither], [1; 4]);
        assert_eq!((pair.other_accuracy, pair.p), (0.5, 1.0));
    }
}
