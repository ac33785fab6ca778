//! A network's weights layer by layer with the norms folded, for programs without burn.

use burn::{
    module::{Module, Param},
    nn::PaddingConfig2d,
    tensor::{DataError, Device, Tensor, TensorData},
};
use glyphic_kernels::LayerWeights;

use crate::network::{Network, NetworkConfig};

impl Network {
    /// The weights of its layers, first to last.
    ///
    /// # Errors
    /// A parameter cannot be read from its device.
    pub fn layer_weights(&self) -> Result<Vec<LayerWeights>, DataError> {
        let folded = self.valid().fold();
        let mut layers = Vec::new();
        for convolution in &folded.convolutions {
            let conv = &convolution.conv;
            // `Convolution::new` always sets an explicit padding, the same on all edges.
            let padding = match conv.padding {
                PaddingConfig2d::Explicit(all, ..) => all,
                _ => 0,
            };
            layers.push(LayerWeights::Convolution {
                shape: conv.weight.val().dims(),
                weights: values(conv.weight.val())?,
                bias: bias(conv.bias.as_ref(), conv.weight.val().dims()[0])?,
                stride: conv.stride[0],
                padding,
            });
        }
        for linear in folded.hidden.iter().chain([&folded.output]) {
            let shape = linear.weight.val().dims();
            let weights = values(linear.weight.val())?;
            let bias = bias(linear.bias.as_ref(), shape[1])?;
            layers.push(LayerWeights::Linear { shape, weights, bias });
        }
        Ok(layers)
    }

    /// A network with these weights: the inverse of [`layer_weights`](Self::layer_weights). Norms
    /// that were folded into the weights stay there; the network's own norms change nothing.
    ///
    /// `None` if the weights do not have the shapes of `config`.
    pub fn from_layer_weights(config: &NetworkConfig, layers: &[LayerWeights]) -> Option<Self> {
        let device = Device::flex();
        let mut network = config.init(&device);
        let linears = network.hidden.len() + 1;
        let (convolutions, rest) = layers.split_at_checked(layers.len().checked_sub(linears)?)?;
        if convolutions.len() != network.convolutions.len() {
            return None;
        }
        for (convolution, layer) in network.convolutions.iter_mut().zip(convolutions) {
            let LayerWeights::Convolution { shape, weights, bias, stride, padding } = layer else {
                return None;
            };
            let conv = &mut convolution.conv;
            let all = PaddingConfig2d::Explicit(*padding, *padding, *padding, *padding);
            if conv.weight.val().dims() != *shape
                || conv.stride != [*stride; 2]
                || conv.padding != all
            {
                return None;
            }
            conv.weight = param(weights, *shape, &device)?;
            let norm = convolution.norm.as_mut()?;
            let channels = shape[0];
            norm.beta = param(bias, [channels], &device)?;
            // 1 / √(σ² + ε) · γ is 1 for the mean 0 and variance 1 that it begins with.
            let gain = ((1.0 + norm.epsilon).sqrt()) as f32;
            norm.gamma = param(&vec![gain; channels], [channels], &device)?;
        }
        for (linear, layer) in network.hidden.iter_mut().chain([&mut network.output]).zip(rest) {
            let LayerWeights::Linear { shape, weights, bias } = layer else { return None };
            if linear.weight.val().dims() != *shape {
                return None;
            }
            linear.weight = param(weights, *shape, &device)?;
            linear.bias = Some(param(bias, [shape[1]], &device)?);
        }
        Some(network)
    }
}

fn param<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    device: &Device,
) -> Option<Param<Tensor<D>>> {
    (values.len() == shape.iter().product::<usize>()).then(|| {
        let data = TensorData::new(values.to_vec(), shape);
        Param::from_tensor(Tensor::from_data(data, device))
    })
}

fn bias(bias: Option<&Param<Tensor<1>>>, outputs: usize) -> Result<Vec<f32>, DataError> {
    bias.map_or_else(|| Ok(vec![0.0; outputs]), |bias| values(bias.val()))
}

/// A tensor's numbers, in row-major order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DataError> {
    tensor.into_data().try_into_vec()
}
