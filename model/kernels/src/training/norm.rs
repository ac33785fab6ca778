//! A batch norm in training.

/// A batch norm in training. Each list has one value per channel, padded to whole vectors.
#[derive(Debug, Default)]
pub(crate) struct Norm {
    pub(crate) epsilon: f32,
    /// Scale and shift, which are trained.
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
    /// Mean and biased variance of the batch.
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
    /// 1 / √(variance + ε)
    pub(crate) inverse_std: Vec<f32>,
    /// The gradients of `gamma` and `beta`.
    pub(crate) gamma_gradient: Vec<f32>,
    pub(crate) beta_gradient: Vec<f32>,
}

impl Norm {
    /// The batch's mean and variance, merged from those of its parts. A part gives the number of
    /// values per channel, their sum, and the sum of their squared deviations from the part's own
    /// mean.
    ///
    /// The simpler formula, mean of squares minus square of mean, loses nearly all digits if the
    /// values of a channel are almost constant, because it subtracts two nearly equal numbers.
    /// Deviations from a mean do not cancel. The squared deviation of each part's mean from the
    /// batch's mean accounts for the difference between the two (Chan, Golub and LeVeque,
    /// "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
    pub(crate) fn merge_statistics(&mut self, parts: &[(usize, &[Vec<f32>; 2])]) {
        let all = parts.iter().map(|(count, _)| count).sum::<usize>() as f32;
        let padded = self.gamma.len();
        (self.mean, self.variance) = (vec![0.0; padded], vec![0.0; padded]);
        for (_, [sums, _]) in parts {
            for (mean, sum) in self.mean.iter_mut().zip(sums) {
                *mean += sum / all;
            }
        }
        for &(count, [sums, squares]) in parts {
            let values = sums.iter().zip(squares).zip(&self.mean);
            for (variance, ((sum, square), mean)) in self.variance.iter_mut().zip(values) {
                let deviation = sum / count as f32 - mean;
                *variance += (square + count as f32 * deviation * deviation) / all;
            }
        }
        self.inverse_std =
            self.variance.iter().map(|v| (v + self.epsilon).sqrt().recip()).collect();
    }

    /// The gradients of `gamma` and `beta`, from two totals over the batch: of the gradient of the
    /// norm's output, and of that gradient times the input's deviation from the mean.
    pub(crate) fn set_gradients(&mut self, [total, by_deviation]: [Vec<f32>; 2]) {
        let products = by_deviation.iter().zip(&self.inverse_std);
        self.gamma_gradient = products.map(|(total, inverse)| total * inverse).collect();
        self.beta_gradient = total;
    }

    /// The coefficients of the gradient of the norm's input,
    /// `gradient · scale + (sum − mean) · deviation_scale + shift`. The last two terms are there
    /// because each value also moves the batch's mean and variance (Ioffe and Szegedy, "Batch
    /// Normalization", 2015). `places` is the number of values per channel in the batch.
    pub(crate) fn backward(&self, places: usize) -> [Vec<f32>; 3] {
        let places = places as f32;
        let scale = |i: usize| self.gamma[i] * self.inverse_std[i];
        let deviation_scale =
            |i: usize| -scale(i) * self.inverse_std[i] * self.gamma_gradient[i] / places;
        let shift = |i: usize| -scale(i) * self.beta_gradient[i] / places;
        let channels = 0..self.mean.len();
        [
            channels.clone().map(scale).collect(),
            channels.clone().map(deviation_scale).collect(),
            channels.map(shift).collect(),
        ]
    }
}
