//! A batch norm in training.

use burn::{
    nn::BatchNorm,
    tensor::{Tensor, TensorData},
};

/// A batch norm in training, each value one a channel.
#[derive(Debug, Default)]
pub(super) struct Norm {
    pub(super) epsilon: f32,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    /// 1 / √(variance + ε)
    pub(super) inverse: Vec<f32>,
    /// The gradients of `gamma` and `beta`.
    pub(super) of_gamma: Vec<f32>,
    pub(super) of_beta: Vec<f32>,
}

impl Norm {
    /// From the sums of the values and of their squares over so many places.
    pub(super) fn take_statistics(&mut self, [sums, squares]: [Vec<f32>; 2], places: usize) {
        let places = places as f32;
        self.mean = sums.iter().map(|sum| sum / places).collect();
        let variances = squares.iter().zip(&self.mean);
        self.variance =
            variances.map(|(sum, mean)| (sum / places - mean * mean).max(0.0)).collect();
        self.inverse = self.variance.iter().map(|v| (v + self.epsilon).sqrt().recip()).collect();
    }

    /// From the sums of the output's gradients, and of these times the values.
    pub(super) fn take_gradients(&mut self, [plain, times]: [Vec<f32>; 2]) {
        // What counts is the normalised value.
        let values = times.iter().zip(&plain).zip(self.mean.iter().zip(&self.inverse));
        self.of_gamma = values.map(|((t, p), (mean, inverse))| (t - p * mean) * inverse).collect();
        self.of_beta = plain;
    }

    /// What the gradient of the output is times, what the value is times, and what is
    /// added, for that of the input (Ioffe and Szegedy, "Batch Normalization", 2015): the
    /// output's, less what moves the mean and the variance, times the scale.
    pub(super) fn backward(&self, places: usize) -> [Vec<f32>; 3] {
        let places = places as f32;
        let scale = |i: usize| self.gamma[i] * self.inverse[i];
        let by_sum = |i: usize| -scale(i) * self.inverse[i] * self.of_gamma[i] / places;
        let plus = |i: usize| -scale(i) * self.of_beta[i] / places - by_sum(i) * self.mean[i];
        let channels = 0..self.mean.len();
        [
            channels.clone().map(scale).collect(),
            channels.clone().map(by_sum).collect(),
            channels.map(plus).collect(),
        ]
    }

    /// Moves the network's running statistics towards those of the batch, as burn does.
    pub(super) fn move_running(&self, of_network: &BatchNorm, channels: usize) {
        let share = of_network.momentum;
        let states =
            [(&of_network.running_mean, &self.mean), (&of_network.running_var, &self.variance)];
        for (running, batch) in states {
            let before = running.value_sync();
            let batch = TensorData::new(batch[..channels].to_vec(), [channels]);
            let batch = Tensor::<1>::from_data(batch, &before.device());
            running.update(before.mul_scalar(1.0 - share) + batch.mul_scalar(share));
        }
    }
}
