//! The network on any device, computed by burn.

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_kernels::{LayerMaps, LayerWeights};

use crate::{
    backend::{Backend, DeviceFailed, LogitsAndFeatures},
    glyph::{Glyph, PIXELS, SIDE},
    layer_weights::values,
    network::{Network, normalise},
};

/// A network with its norms folded, on a device.
#[derive(Debug)]
pub(crate) struct BurnNetwork {
    network: Network,
    device: Device,
    /// Whether batches are padded to a power of two.
    padded: bool,
}

impl BurnNetwork {
    /// A folded network that is on `device` already.
    pub(crate) fn new(network: Network, device: &Device) -> Self {
        // A GPU compiles kernels for each shape that it encounters. Rounding batches up to powers
        // of two keeps the number of shapes small.
        let padded = *device != Device::flex();
        Self { network, device: device.clone(), padded }
    }

    /// A row for each glyph.
    fn rows(
        &self,
        glyphs: &[Glyph],
        compute: impl FnOnce(Tensor<4>) -> Tensor<2>,
    ) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        rows(compute(self.pixels(glyphs)), glyphs.len())
    }

    /// The network's input.
    fn pixels(&self, glyphs: &[Glyph]) -> Tensor<4> {
        let batch = if self.padded { glyphs.len().next_power_of_two() } else { glyphs.len() };
        normalised(glyphs, batch, &self.device)
    }
}

impl Backend for BurnNetwork {
    fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        self.rows(glyphs, |pixels| self.network.forward(pixels))
    }

    fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        self.rows(glyphs, |pixels| self.network.features(pixels))
    }

    fn logits_and_features(
        &self,
        glyphs: &[Glyph],
    ) -> Result<Vec<LogitsAndFeatures>, DeviceFailed> {
        let features = self.network.features(self.pixels(glyphs));
        let logits = rows(self.network.of_features(features.clone()), glyphs.len())?;
        Ok(logits.into_iter().zip(rows(features, glyphs.len())?).collect())
    }

    fn maps(&self, glyph: &Glyph) -> Result<Vec<LayerMaps>, DeviceFailed> {
        let pixels = normalised(std::slice::from_ref(glyph), 1, &self.device);
        let maps = |output: Tensor<4>| {
            let [_, channels, side, _] = output.dims();
            Ok(LayerMaps { channels, side, values: values(output)? })
        };
        self.network.layer_outputs(pixels).into_iter().map(maps).collect()
    }

    fn weights(&self) -> Result<Vec<LayerWeights>, DeviceFailed> {
        Ok(self.network.layer_weights()?)
    }
}

/// The first `count` rows.
fn rows(rows: Tensor<2>, count: usize) -> Result<Vec<Vec<f32>>, DeviceFailed> {
    let [_, width] = rows.dims();
    Ok(values(rows)?.chunks(width).take(count).map(<[f32]>::to_vec).collect())
}

/// Glyphs as the network's input, filled up to `batch` with blank ones.
pub(crate) fn normalised(glyphs: &[Glyph], batch: usize, device: &Device) -> Tensor<4> {
    let pixels = glyphs.iter().flat_map(|glyph| glyph.pixels().map(f32::from));
    let mut pixels: Vec<f32> = pixels.collect();
    pixels.resize(batch * PIXELS, 0.0);
    normalise(Tensor::from_data(TensorData::new(pixels, [batch, 1, SIDE, SIDE]), device))
}
