//! A training step on this machine's CPU: the forward and backward passes of burn's network
//! through the kernels of [`glyphic_kernels::Training`]. They give the results of burn-flex,
//! several times as fast. The parameters, the loss and the optimiser stay burn's.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use burn::{
    module::Param,
    nn::{BatchNorm, Linear},
    optim::GradientsParams,
    tensor::{DataError, Device, Tensor, TensorData},
};
use glyphic_kernels::{BatchStatistics, Gradients, Parameters, Training, WrongValueCount};
use glyphic_model::{
    glyph::SIDE,
    network::{Convolution, Network},
};
use thiserror::Error;

/// Computes the gradients of one network's parameters.
#[derive(Debug)]
pub struct CpuStep(Training);

/// Why a step could not be computed.
#[derive(Debug, Error)]
pub enum StepError {
    /// The batch or the gradients have the wrong size.
    #[error(transparent)]
    WrongLength(#[from] WrongValueCount),
    /// A parameter cannot be read.
    #[error("a parameter cannot be read: {0}")]
    Unreadable(#[from] DataError),
}

impl CpuStep {
    /// For networks of this one's shape. `None` if a convolution has no norm, a linear layer has
    /// no bias, or the weights cannot be read: then burn computes the step.
    pub fn of(network: &Network) -> Option<Self> {
        Self::with(network, |layers, epsilons| Training::new(SIDE, layers, epsilons))
    }

    fn with(
        network: &Network,
        training: impl FnOnce(&[glyphic_kernels::LayerWeights], &[Option<f32>]) -> Training,
    ) -> Option<Self> {
        let normed = |c: &Convolution| c.norm.is_some() && c.conv.bias.is_none();
        let mut linears = linears(network);
        if !network.convolutions.iter().all(normed) || !linears.all(|l| l.bias.is_some()) {
            return None;
        }
        let epsilon = |c: &Convolution| c.norm.as_ref().map(|norm| norm.epsilon as f32);
        let epsilons: Vec<_> = network.convolutions.iter().map(epsilon).collect();
        Some(Self(training(&network.layer_weights().ok()?, &epsilons)))
    }

    /// Logits of a batch in training mode: norms use the batch's statistics, and the
    /// network's running statistics move towards them.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    ///
    /// # Errors
    /// The batch is empty, or the parameters cannot be read.
    pub fn forward(&mut self, network: &Network, pixels: &[f32]) -> Result<Vec<f32>, StepError> {
        let logits = self.0.forward(&parameters(network)?, pixels)?;
        for (statistics, convolution) in self.0.statistics().zip(&network.convolutions) {
            if let (Some(statistics), Some(norm)) = (statistics, &convolution.norm) {
                move_running(norm, statistics);
            }
        }
        Ok(logits)
    }

    /// The gradients of the network's parameters, from the gradients `[batch, classes]` of the
    /// logits that the last [`forward`](Self::forward) returned.
    ///
    /// # Errors
    /// Their number is not that of the logits.
    pub fn backward(
        &mut self,
        network: &Network,
        logits: &[f32],
    ) -> Result<GradientsParams, StepError> {
        let mut layers = self.0.backward(logits)?.into_iter();
        let mut registered = GradientsParams::default();
        for (Convolution { conv, norm }, found) in network.convolutions.iter().zip(&mut layers) {
            let Gradients { weights, gamma, beta, .. } = found;
            register(&mut registered, &conv.weight, weights);
            if let Some(norm) = norm {
                register(&mut registered, &norm.gamma, gamma);
                register(&mut registered, &norm.beta, beta);
            }
        }
        for (Linear { weight, bias, .. }, found) in linears(network).zip(layers) {
            register(&mut registered, weight, found.weights);
            if let Some(bias) = bias {
                register(&mut registered, bias, found.bias);
            }
        }
        Ok(registered)
    }
}

fn linears(network: &Network) -> impl Iterator<Item = &Linear> {
    network.hidden.iter().chain([&network.output])
}

/// The network's parameters, layer by layer.
fn parameters(network: &Network) -> Result<Vec<Parameters>, DataError> {
    let convolution = |Convolution { conv, norm }: &Convolution| {
        let [gamma, beta] = match norm {
            Some(norm) => [values(norm.gamma.val())?, values(norm.beta.val())?],
            None => Default::default(),
        };
        Ok(Parameters { weights: values(conv.weight.val())?, bias: Vec::new(), gamma, beta })
    };
    let linear = |Linear { weight, bias, .. }: &Linear| {
        let bias = bias.as_ref().map(|bias| values(bias.val())).transpose()?.unwrap_or_default();
        Ok(Parameters { weights: values(weight.val())?, bias, ..Parameters::default() })
    };
    network.convolutions.iter().map(convolution).chain(linears(network).map(linear)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DataError> {
    tensor.into_data().try_into_vec()
}

fn register<const D: usize>(
    gradients: &mut GradientsParams,
    param: &Param<Tensor<D>>,
    values: Vec<f32>,
) {
    let data = TensorData::new(values, param.val().dims());
    gradients.register(param.id, Tensor::<D>::from_data(data, &Device::flex()));
}

/// Moves a norm's running statistics towards those of the batch, as burn does.
fn move_running(norm: &BatchNorm, batch: BatchStatistics<'_>) {
    let states = [(&norm.running_mean, batch.mean), (&norm.running_var, batch.variance)];
    for (running, batch) in states {
        let before = running.value_sync();
        let batch = TensorData::new(batch.to_vec(), [batch.len()]);
        let batch = Tensor::<1>::from_data(batch, &before.device());
        running.update(before.mul_scalar(1.0 - norm.momentum) + batch.mul_scalar(norm.momentum));
    }
}
