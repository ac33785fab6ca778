//! The network as a module of burn, which computes and trains it on any device.

use burn::{
    module::{Module, Param, RunningState},
    nn::{
        BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, activation::relu},
};

use super::{ConvolutionConfig, EPSILON, NetworkConfig};
use crate::glyph::{MEAN, STD};

impl NetworkConfig {
    /// A randomly initialised network on `device`. Call [`check`](Self::check) first if the config
    /// was read from a file.
    pub fn init(&self, device: &Device) -> Network {
        let mut channels_in = 1;
        let convolutions = self.convolutions.iter().map(|conv| {
            Convolution::new(std::mem::replace(&mut channels_in, conv.channels), conv, device)
        });
        let linear = |[from, to]: [usize; 2]| LinearConfig::new(from, to).init(device);
        let (hidden, output) = self.linear_sizes();
        Network {
            convolutions: convolutions.collect(),
            hidden: hidden.iter().map(|&size| linear(size)).collect(),
            output: linear(output),
        }
    }
}

/// Convolutions, then linear layers. Built by [`NetworkConfig::init`].
#[derive(Module, Debug)]
pub struct Network {
    /// The convolutions, first to last.
    pub convolutions: Vec<Convolution>,
    /// The hidden linear layers, each followed by ReLU.
    pub hidden: Vec<Linear>,
    /// The output layer.
    pub output: Linear,
}

impl Network {
    /// The logits of a batch of normalised pixels ([`normalise`]).
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → `[batch, classes]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.of_features(self.features(pixels))
    }

    /// The logits for [`features`](Self::features).
    ///
    /// # Shapes
    /// `[batch, features]` → `[batch, classes]`
    pub(crate) fn of_features(&self, features: Tensor<2>) -> Tensor<2> {
        self.output.forward(features)
    }

    /// Number of labels.
    pub fn classes(&self) -> usize {
        let [_, classes] = self.output.weight.val().dims();
        classes
    }

    /// The input of the last layer.
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → `[batch, features]`
    pub(crate) fn features(&self, pixels: Tensor<4>) -> Tensor<2> {
        let mut x = pixels;
        for convolution in &self.convolutions {
            x = convolution.forward(x);
        }
        // [batch, channels, side, side] → [batch, channels · side · side]
        let mut x: Tensor<2> = x.flatten(1, 3);
        for linear in &self.hidden {
            x = relu(linear.forward(x));
        }
        x
    }

    /// The output of each layer for a batch, after ReLU except in the last. Those of linear layers
    /// are maps of one pixel.
    ///
    /// # Shapes
    /// `[batch, 1, 28, 28]` → `[batch, channels, side, side]` for each layer
    pub(crate) fn layer_outputs(&self, pixels: Tensor<4>) -> Vec<Tensor<4>> {
        let mut outputs = Vec::new();
        let mut x = pixels;
        for convolution in &self.convolutions {
            x = convolution.forward(x);
            outputs.push(x.clone());
        }
        let mut x: Tensor<2> = x.flatten(1, 3);
        for linear in &self.hidden {
            x = relu(linear.forward(x));
            outputs.push(x.clone().unsqueeze_dims(&[2, 3]));
        }
        outputs.push(self.output.forward(x).unsqueeze_dims(&[2, 3]));
        outputs
    }

    /// This network with outputs for new labels after the present ones, `classes` in all. The
    /// logits of the present labels do not change. The new outputs start as the mean of the
    /// present ones, so that none of them starts far ahead or behind. Without new labels nothing
    /// changes.
    pub fn grow(self, classes: usize) -> Self {
        let weight = self.output.weight.val();
        let [_, present] = weight.dims();
        let added = classes.saturating_sub(present);
        if added == 0 {
            return self;
        }
        let mean = weight.clone().mean_dim(1).repeat_dim(1, added);
        let mut output = self.output;
        output.weight = Param::from_tensor(Tensor::cat(vec![weight, mean], 1));
        output.bias = output.bias.map(|bias| {
            let bias = bias.val();
            let mean = bias.clone().mean().repeat_dim(0, added);
            Param::from_tensor(Tensor::cat(vec![bias, mean], 0))
        });
        Self { output, ..self }
    }

    /// A network between this one and another of the same shape: every parameter and statistic is
    /// interpolated, `share` (0–1) of the way to the other. Somewhere between a network and its
    /// fine-tuned version there is one that has learned nearly as much and forgotten hardly
    /// anything (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
    pub fn blend(self, other: &Self, share: f32) -> Self {
        let convolutions = self.convolutions.into_iter().zip(&other.convolutions);
        let hidden = self.hidden.into_iter().zip(&other.hidden);
        Self {
            convolutions: convolutions.map(|(a, b)| a.blend(b, share)).collect(),
            hidden: hidden.map(|(a, b)| blend_linear(a, b, share)).collect(),
            output: blend_linear(self.output, &other.output, share),
        }
    }

    /// The same function with every batch norm folded into its convolution. For inference only: a
    /// folded network has no norms left to train.
    pub fn fold(self) -> Self {
        Self {
            convolutions: self.convolutions.into_iter().map(Convolution::fold).collect(),
            hidden: self.hidden,
            output: self.output,
        }
    }
}

/// Normalises pixels from the scale 0–255 to the network's input, `(x / 255 − MEAN) / STD`, in any
/// shape.
pub fn normalise<const D: usize>(pixels: Tensor<D>) -> Tensor<D> {
    (pixels / 255.0 - MEAN) / STD
}

/// Convolution, batch norm (until folded), ReLU.
#[derive(Module, Debug)]
pub struct Convolution {
    /// The convolution.
    pub conv: Conv2d,
    /// Its batch norm; `None` once folded.
    pub norm: Option<BatchNorm>,
}

impl Convolution {
    fn new(channels_in: usize, config: &ConvolutionConfig, device: &Device) -> Self {
        let ConvolutionConfig { channels, kernel, stride, padding } = *config;
        let conv = Conv2dConfig::new([channels_in, channels], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_bias(false);
        let norm = BatchNormConfig::new(channels).with_epsilon(EPSILON);
        Self { conv: conv.init(device), norm: Some(norm.init(device)) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.conv.forward(x);
        relu(match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        })
    }

    fn blend(self, other: &Self, share: f32) -> Self {
        let mut conv = self.conv;
        conv.weight = blend_param(conv.weight, &other.conv.weight, share);
        conv.bias = match (conv.bias, &other.conv.bias) {
            (Some(bias), Some(other)) => Some(blend_param(bias, other, share)),
            (bias, _) => bias,
        };
        let norm = match (self.norm, &other.norm) {
            (Some(mut norm), Some(other)) => {
                norm.gamma = blend_param(norm.gamma, &other.gamma, share);
                norm.beta = blend_param(norm.beta, &other.beta, share);
                // New states, because clones of a network share theirs.
                let statistic = |a: RunningState<Tensor<1>>, b: &RunningState<Tensor<1>>| {
                    RunningState::new(between(a.value_sync(), b.value_sync(), share))
                };
                norm.running_mean = statistic(norm.running_mean, &other.running_mean);
                norm.running_var = statistic(norm.running_var, &other.running_var);
                Some(norm)
            }
            (norm, _) => norm,
        };
        Self { conv, norm }
    }

    /// A convolution followed by a batch norm, γ (w·x − μ) / √(σ² + ε) + β, is itself a convolution
    /// with the weights w · γ / √(σ² + ε) and the bias β − μ · γ / √(σ² + ε).
    fn fold(self) -> Self {
        let Some(norm) = self.norm else { return self };
        let variance = norm.running_var.value_sync();
        let gain = norm.gamma.val() / (variance + norm.epsilon).sqrt();
        let bias = norm.beta.val() - norm.running_mean.value_sync() * gain.clone();
        let [channels] = gain.dims();
        let mut conv = self.conv;
        conv.weight = Param::from_tensor(conv.weight.val() * gain.reshape([channels, 1, 1, 1]));
        conv.bias = Some(Param::from_tensor(bias));
        Self { conv, norm: None }
    }
}

fn blend_linear(mut linear: Linear, other: &Linear, share: f32) -> Linear {
    linear.weight = blend_param(linear.weight, &other.weight, share);
    linear.bias = match (linear.bias, &other.bias) {
        (Some(bias), Some(other)) => Some(blend_param(bias, other, share)),
        (bias, _) => bias,
    };
    linear
}

fn blend_param<const D: usize>(
    param: Param<Tensor<D>>,
    other: &Param<Tensor<D>>,
    share: f32,
) -> Param<Tensor<D>> {
    let other = other.val();
    param.map(|tensor| between(tensor, other, share))
}

/// The point at `share` (0–1) of the way from `a` to `b`.
fn between<const D: usize>(a: Tensor<D>, b: Tensor<D>, share: f32) -> Tensor<D> {
    let b = b.to_device(&a.device());
    a.mul_scalar(1.0 - share) + b.mul_scalar(share)
}
