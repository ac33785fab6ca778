//! The network on the CPU. [`glyphic_kernels`] gives the same results as burn-flex, several times
//! as fast: `agreement.rs` compares the two. Nothing here uses burn.

use glyphic_kernels::{Inference, LayerMaps, LayerWeights, in_parallel};

use crate::{
    backend::{Backend, DeviceFailed, LogitsAndFeatures},
    glyph::{Glyph, MEAN, PIXELS, SIDE, STD},
};

/// A network for inference on the CPU.
#[derive(Debug)]
pub struct CpuNetwork {
    inference: Inference,
}

impl CpuNetwork {
    /// Packs the layers of a network whose norms are folded into them. `None` without layers.
    ///
    /// The layers must fit each other and a glyph, as those of a checked
    /// [`NetworkConfig`](crate::network::NetworkConfig) do.
    pub fn new(layers: &[LayerWeights]) -> Option<Self> {
        Some(Self { inference: Inference::new(SIDE, layers)? })
    }

    /// The logits of each glyph, in the order of the glyphs. Large batches are split between
    /// threads.
    pub fn logits(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        in_parallel(glyphs, |part| self.inference.logits(part, normalised_pixel))
    }

    /// The logits of each picture, one picture after the other. Values after the last whole
    /// picture are ignored.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    pub fn logits_of_pixels(&self, pixels: &[f32]) -> Vec<f32> {
        let (pictures, _) = pixels.as_chunks::<PIXELS>();
        in_parallel(pictures, |part| self.inference.logits(part, |picture, i| picture[i])).concat()
    }

    /// The input of the last layer for each glyph: `[side, side, channels]`, flattened.
    pub fn features(&self, glyphs: &[Glyph]) -> Vec<Vec<f32>> {
        in_parallel(glyphs, |part| self.inference.features(part, normalised_pixel))
    }
}

/// A [`CpuNetwork`] that computes on the calling thread only, for browsers: rayon is not linked
/// into a program that has no other.
#[derive(Debug)]
pub(crate) struct OneThread(pub(crate) CpuNetwork);

impl Backend for CpuNetwork {
    fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        Ok(self.logits(glyphs))
    }

    fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        Ok(self.features(glyphs))
    }

    fn logits_and_features(
        &self,
        glyphs: &[Glyph],
    ) -> Result<Vec<LogitsAndFeatures>, DeviceFailed> {
        Ok(in_parallel(glyphs, |part| self.inference.logits_and_features(part, normalised_pixel)))
    }

    fn maps(&self, glyph: &Glyph) -> Result<Vec<LayerMaps>, DeviceFailed> {
        Ok(self.inference.maps(glyph, normalised_pixel))
    }

    fn weights(&self) -> Result<Vec<LayerWeights>, DeviceFailed> {
        Ok(self.inference.layer_weights())
    }
}

impl Backend for OneThread {
    fn logits(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        Ok(self.0.inference.logits(glyphs, normalised_pixel))
    }

    fn features(&self, glyphs: &[Glyph]) -> Result<Vec<Vec<f32>>, DeviceFailed> {
        Ok(self.0.inference.features(glyphs, normalised_pixel))
    }

    fn logits_and_features(
        &self,
        glyphs: &[Glyph],
    ) -> Result<Vec<LogitsAndFeatures>, DeviceFailed> {
        Ok(self.0.inference.logits_and_features(glyphs, normalised_pixel))
    }

    fn maps(&self, glyph: &Glyph) -> Result<Vec<LayerMaps>, DeviceFailed> {
        self.0.maps(glyph)
    }

    fn weights(&self) -> Result<Vec<LayerWeights>, DeviceFailed> {
        self.0.weights()
    }
}

/// A glyph's pixel, normalised as the network expects it.
pub(crate) fn normalised_pixel(glyph: &Glyph, i: usize) -> f32 {
    (f32::from(glyph.pixels()[i]) / 255.0 - MEAN) / STD
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::array::from_fn;

    use burn::tensor::Device;

    use super::*;
    use crate::network::NetworkConfig;

    fn glyphs(count: usize) -> Vec<Glyph> {
        let mut state = 1u32;
        let mut byte = move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..count).map(|_| Glyph::new(from_fn(&mut byte))).collect()
    }

    #[test]
    fn a_batch_gives_the_same_logits_as_single_glyphs_in_the_same_order() {
        let network = NetworkConfig::small(10).init(&Device::flex()).fold();
        let cpu = CpuNetwork::checked(&network).unwrap();
        let glyphs = glyphs(101);
        let one_by_one: Vec<_> =
            glyphs.iter().flat_map(|glyph| cpu.logits(std::slice::from_ref(glyph))).collect();
        assert_eq!(cpu.logits(&glyphs), one_by_one);
        let pixels: Vec<f32> = glyphs
            .iter()
            .flat_map(|glyph| (0..PIXELS).map(|i| normalised_pixel(glyph, i)))
            .collect();
        assert_eq!(cpu.logits_of_pixels(&pixels), one_by_one.concat());
        assert_eq!(cpu.logits(&[]), Vec::<Vec<f32>>::new());
    }
}
