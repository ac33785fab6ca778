//! What computes a classifier's network: the CPU's kernels ([`CpuNetwork`](crate::cpu::CpuNetwork)),
//! or burn on any device.

use std::fmt::Debug;

use glyphic_kernels::{LayerMaps, LayerWeights};
use thiserror::Error;

use crate::glyph::Glyph;

/// A network with its norms folded. Classifiers hold it as a trait object: a program that makes
/// none with burn, such as the browsers', is then linked without burn.
pub(crate) trait Backend: Debug + Send + Sync {
    /// One row per glyph, one number per label.
    fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed>;

    /// The input of the last layer, one row per glyph.
    fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed>;

    /// Both of them, one pair per glyph.
    fn logits_and_features(&self, glyphs: &[Glyph])
    -> Result<Vec<LogitsAndFeatures>, DeviceFailed>;

    /// The output of each layer for a glyph, first to last: after ReLU, except in the last.
    fn maps(&self, glyph: &Glyph) -> Result<Vec<LayerMaps>, DeviceFailed>;

    /// The weights of each layer, first to last.
    fn weights(&self) -> Result<Vec<LayerWeights>, DeviceFailed>;
}

/// A glyph's logits, and its features: the input of the last layer.
pub(crate) type LogitsAndFeatures = (Vec<f32>, Vec<f32>);

/// The device failed while computing, or its results could not be read.
#[derive(Debug, Error)]
#[error("the compute device failed: {0}")]
pub struct DeviceFailed(String);

#[cfg(feature = "burn")]
impl From<burn::tensor::DataError> for DeviceFailed {
    fn from(error: burn::tensor::DataError) -> Self {
        Self(error.to_string())
    }
}
