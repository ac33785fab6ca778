//! Which labels of a dataset are likely wrong, by confident learning (Northcutt, Jiang and Chuang,
//! "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021).
//!
//! A label is doubted if the network gives some other label both a higher probability and at least
//! the probability that it gives that other label's own examples on average.

/// A label that is likely wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelError {
    /// Index of the example.
    pub example: usize,
    /// Index of the label that is more likely.
    pub suggested: usize,
    /// Probability of the suggested label minus that of the given one: above 0, at most 1.
    pub margin: f32,
}

/// Upper limit of the probability from which another label is suggested. A network that is nearly
/// always certain has averages close to 1, which only about half of the wrong labels would reach.
const SURE: f32 = 0.9;

/// The labels that are likely wrong, the most doubtful first. `probabilities` has one row per
/// example, and `labels` the index of its given label. The result is most reliable if the network
/// was not trained on these examples.
pub fn label_errors(probabilities: &[Vec<f32>], labels: &[usize]) -> Vec<LabelError> {
    let classes = probabilities.first().map_or(0, Vec::len);
    let probability = |row: &[f32], label: usize| row.get(label).copied().unwrap_or(0.0);
    let mut sums = vec![(0.0f32, 0usize); classes];
    for (row, &label) in probabilities.iter().zip(labels) {
        if let Some((sum, count)) = sums.get_mut(label) {
            *sum += probability(row, label);
            *count += 1;
        }
    }
    // The average probability that the network gives a label's own examples. A label without
    // examples can still be suggested if it is more likely than not.
    let usual: Vec<f32> = sums
        .iter()
        .map(|&(sum, count)| if count > 0 { (sum / count as f32).min(SURE) } else { 0.5 })
        .collect();
    let mut doubts: Vec<LabelError> = probabilities
        .iter()
        .zip(labels)
        .enumerate()
        .filter_map(|(example, (row, &label))| {
            let confident = (0..row.len().min(classes)).filter(|&other| row[other] >= usual[other]);
            let suggested = confident.max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
            let margin = row[suggested] - probability(row, label);
            (margin > 0.0).then_some(LabelError { example, suggested, margin })
        })
        .collect();
    doubts.sort_by(|a, b| b.margin.total_cmp(&a.margin));
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_labels_that_were_swapped() {
        // Two labels, each read with a probability of about 0.9; the third and the last example
        // have each other's label.
        let rows = [[0.9, 0.1], [0.85, 0.15], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]];
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
        let doubts = label_errors(&rows, &[0, 0, 0, 1, 1, 1]);
        let found: Vec<usize> = doubts.iter().map(|doubt| doubt.example).collect();
        assert_eq!(found, [5, 2]);
        assert_eq!(doubts[0].suggested, 0);
        assert!((doubts[0].margin - 0.9).abs() < 1e-6);
    }

    #[test]
    fn doubts_no_label_of_ordinary_examples() {
        let rows = vec![vec![0.7, 0.3], vec![0.6, 0.4], vec![0.45, 0.55]];
        // The other label has no examples, and 0.55 is more likely than not.
        assert_eq!(label_errors(&rows, &[0, 0, 0]).len(), 1);
        assert_eq!(label_errors(&rows[..2], &[0, 0]), []);
        assert_eq!(label_errors(&[], &[]), []);
    }
}
