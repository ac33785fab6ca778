//! Predictions: what the network says of a glyph.

/// The network's answer for one glyph.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the most probable label.
    pub index: usize,
    /// Probability (0–1) of each label, in the order of the labels, given that the glyph is one of
    /// them; the sum is 1.
    pub probabilities: Vec<f32>,
    /// In-distribution score: the probability (0–1) that the glyph is any of the labels. It is
    /// meaningful only if the network was trained with negatives
    /// ([`Thresholds::rejects`](crate::Thresholds::rejects)).
    pub in_distribution: f32,
    /// What decided, if it was not the network alone.
    pub taught: Option<Taught>,
}

/// What somebody taught decided a prediction: without it, the label or the verdict would be another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taught {
    /// Index of the label that was taught.
    pub index: usize,
    /// How many samples of it are remembered.
    pub samples: usize,
    /// By how much they raised the label's probability (0–1).
    pub weight: f32,
}

impl Prediction {
    /// Softmax of the logits and the index of the largest. For the in-distribution score, *none
    /// of the labels* counts as one more output with the logit 0.
    ///
    /// ```
    /// use glyphic_model::Prediction;
    ///
    /// let prediction = Prediction::of(&[0.0, 3.0, 1.0]);
    /// assert_eq!(prediction.index, 1);
    /// assert!((prediction.confidence() - 0.844).abs() < 0.001); // e³ / (e⁰ + e³ + e¹)
    /// assert!((prediction.in_distribution - 0.960).abs() < 0.001); // Σ / (Σ + e⁰), Σ as above
    /// ```
    pub fn of(logits: &[f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f32 = exponentials.iter().sum();
        let probabilities: Vec<f32> = exponentials.iter().map(|e| e / sum).collect();
        let index = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0);
        // Σ e^logit / (Σ e^logit + e^0), rearranged so that no exponential overflows.
        let in_distribution = 1.0 / (1.0 + (-largest - sum.ln()).exp());
        Self { index, probabilities, in_distribution, taught: None }
    }

    /// The two most probable labels, the more probable one first.
    pub fn best_two(&self) -> impl Iterator<Item = usize> {
        let second = (0..self.probabilities.len()).filter(|&i| i != self.index);
        let second =
            second.max_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        [Some(self.index), second].into_iter().flatten()
    }

    /// Probability (0–1) of the most probable label.
    pub fn confidence(&self) -> f32 {
        self.probabilities.get(self.index).copied().unwrap_or(0.0)
    }

    /// Probability (0–1) that the glyph is this label, and not another one or none.
    pub(crate) fn probability_of(&self, label: usize) -> f32 {
        self.in_distribution * self.probabilities.get(label).copied().unwrap_or(0.0)
    }

    /// Whether all of it are numbers: weights that are too large give logits that are none.
    pub fn is_finite(&self) -> bool {
        self.in_distribution.is_finite() && self.probabilities.iter().all(|p| p.is_finite())
    }
}
