//! Which labels are likely wrong: confident learning (Northcutt, Jiang and
//! Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
//! 2021). A label is doubted where the network gives another label at least the
//! probability that it usually gives that label's own examples, and more than the
//! given one.

/// A label that is likely wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// Index of the example.
    pub example: usize,
    /// Index of the label that it more likely has.
    pub suggested: usize,
    /// Probability of the suggested label less that of the given one, −1 to 1.
    pub margin: f32,
}

/// Sure enough for any label: a network that is nearly always sure would
/// otherwise doubt only half of what it should.
const SURE: f32 = 0.9;

/// The doubted labels, the most doubtful first. `probabilities` has a row for
/// each example, `labels` the index of its given label. Most honest where the
/// network has not been trained on the examples.
pub fn label_errors(probabilities: &[Vec<f32>], labels: &[usize]) -> Vec<Doubt> {
    let classes = probabilities.first().map_or(0, Vec::len);
    let of = |row: &[f32], label: usize| row.get(label).copied().unwrap_or(0.0);
    let mut sums = vec![(0.0f32, 0usize); classes];
    for (row, &label) in probabilities.iter().zip(labels) {
        if let Some((sum, count)) = sums.get_mut(label) {
            *sum += of(row, label);
            *count += 1;
        }
    }
    // What the network usually gives a label's own examples. A label that has
    // none can still be suggested where it is more likely than not.
    let usual: Vec<f32> = sums
        .iter()
        .map(|&(sum, count)| if count > 0 { (sum / count as f32).min(SURE) } else { 0.5 })
        .collect();
    let mut doubts: Vec<Doubt> = probabilities
        .iter()
        .zip(labels)
        .enumerate()
        .filter_map(|(example, (row, &label))| {
            let confident = (0..row.len().min(classes)).filter(|&other| row[other] >= usual[other]);
            let suggested = confident.max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
            let margin = row[suggested] - of(row, label);
            (margin > 0.0).then_some(Doubt { example, suggested, margin })
        })
        .collect();
    doubts.sort_by(|a, b| b.margin.total_cmp(&a.margin));
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_labels_that_were_exchanged() {
        // Two labels, 0.9 sure of its own; the third and the last are exchanged.
        let rows = [[0.9, 0.1], [0.85, 0.15], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]];
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
        let doubts = label_errors(&rows, &[0, 0, 0, 1, 1, 1]);
        let found: Vec<usize> = doubts.iter().map(|doubt| doubt.example).collect();
        assert_eq!(found, [5, 2]);
        assert_eq!(doubts[0].suggested, 0);
        assert!((doubts[0].margin - 0.9).abs() < 1e-6);
    }

    #[test]
    fn doubts_nothing_where_all_is_as_usual() {
        let rows = vec![vec![0.7, 0.3], vec![0.6, 0.4], vec![0.45, 0.55]];
        // The third is read as 0.45 against 0.55: no label is as likely as usual.
        assert_eq!(label_errors(&rows, &[0, 0, 0]).len(), 1);
        assert_eq!(label_errors(&rows[..2], &[0, 0]), []);
        assert_eq!(label_errors(&[], &[]), []);
    }
}
