//! A layer's parameters at one training step, and their gradients.

/// A layer's parameters at one step, in the order of [`LayerWeights`](crate::LayerWeights).
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// The weights.
    pub weights: Vec<f32>,
    /// One value per output; empty if a norm follows.
    pub bias: Vec<f32>,
    /// The batch norm's scale, one value per channel; empty without a norm.
    pub gamma: Vec<f32>,
    /// The batch norm's shift, one value per channel; empty without a norm.
    pub beta: Vec<f32>,
}

/// The gradients of a layer's [`Parameters`], with the same lengths and in the same order.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    /// Gradient of the weights.
    pub weights: Vec<f32>,
    /// Gradient of the bias; empty if a norm follows.
    pub bias: Vec<f32>,
    /// Gradient of the batch norm's scale; empty without a norm.
    pub gamma: Vec<f32>,
    /// Gradient of the batch norm's shift; empty without a norm.
    pub beta: Vec<f32>,
}
