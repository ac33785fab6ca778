//! A batch norm in training.

/// A batch norm in training. Each list has one value a channel, and some behind them that
/// fill whole vectors.
#[derive(Debug, Default)]
pub(crate) struct Norm {
    pub(crate) epsilon: f32,
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
    /// 1 / √(variance + ε)
    pub(crate) inverse: Vec<f32>,
    /// The gradients of `gamma` and `beta`.
    pub(crate) of_gamma: Vec<f32>,
    pub(crate) of_beta: Vec<f32>,
}

impl Norm {
    /// From each part's number of values a channel, their sums, and the squares of their
    /// distances from the part's own mean: so nothing cancels where values are all but
    /// constant.
    pub(crate) fn take_statistics(&mut self, parts: &[(usize, &[Vec<f32>; 2])]) {
        let all = parts.iter().map(|(count, _)| count).sum::<usize>() as f32;
        let wide = self.gamma.len();
        (self.mean, self.variance) = (vec![0.0; wide], vec![0.0; wide]);
        for (_, [sums, _]) in parts {
            for (mean, sum) in self.mean.iter_mut().zip(sums) {
                *mean += sum / all;
            }
        }
        for &(count, [sums, squares]) in parts {
            let values = sums.iter().zip(squares).zip(&self.mean);
            for (variance, ((sum, square), mean)) in self.variance.iter_mut().zip(values) {
                let away = sum / count as f32 - mean;
                *variance += (square + count as f32 * away * away) / all;
            }
        }
        self.inverse = self.variance.iter().map(|v| (v + self.epsilon).sqrt().recip()).collect();
    }

    /// From the sums of the output's gradients, and of these times the values' distances
    /// from the mean.
    pub(crate) fn take_gradients(&mut self, [plain, times]: [Vec<f32>; 2]) {
        self.of_gamma = times.iter().zip(&self.inverse).map(|(t, inverse)| t * inverse).collect();
        self.of_beta = plain;
    }

    /// The three factors of the gradient of the norm's input,
    /// `gradient · scale + (sum − mean) · by_sum + plus`: the output's gradient, less what
    /// moves the batch's mean and variance (Ioffe and Szegedy, "Batch Normalization", 2015).
    pub(crate) fn backward(&self, places: usize) -> [Vec<f32>; 3] {
        let places = places as f32;
        let scale = |i: usize| self.gamma[i] * self.inverse[i];
        let by_sum = |i: usize| -scale(i) * self.inverse[i] * self.of_gamma[i] / places;
        let plus = |i: usize| -scale(i) * self.of_beta[i] / places;
        let channels = 0..self.mean.len();
        [
            channels.clone().map(scale).collect(),
            channels.clone().map(by_sum).collect(),
            channels.map(plus).collect(),
        ]
    }
}
