//! A network's forward and backward pass on the CPU, with the norms of training.
//!
//! A batch is cut into parts of a few glyphs that threads share, [`PARTS`] at most, for each
//! has a copy of the weights' gradients; so no more threads than that find work. The cut does
//! not depend on how many threads there are, and sums over parts are taken in their order: the
//! same batch has the same gradients on every run.
//!
//! ```text
//! forward   for each layer:  parts: activate what came before ► product ► sums
//!                            all:   the batch's mean and variance
//! backward  for each layer,  parts: gradient through the norm ► both products ► sums
//!           last to first:   all:   the norm's gradients
//! ```

mod layer;
mod norm;
mod part;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use burn::{
    module::Param,
    nn::{BatchNorm, Linear},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use layer::Layer;
use norm::Norm;
use part::{Part, Traces};
use pulp::Arch;
use rayon::prelude::*;

use super::{layout::Placed, panels::Registered};
use crate::{
    classifier::DeviceFailed,
    glyph::PIXELS,
    network::{Convolution, Network},
    plain::values,
};

/// Glyphs of a part, if the batch is not too large for that.
const GLYPHS: usize = 8;
/// Most parts of a batch.
const PARTS: usize = 32;

/// What computes the gradients of one network's parameters.
#[derive(Debug)]
pub struct Training {
    arch: Arch,
    registered: Registered,
    layers: Vec<Layer>,
    /// The batch that went forward last.
    parts: Vec<Part>,
    /// Glyphs of a part, but for the last one.
    glyphs: usize,
}

impl Training {
    /// For networks of this one's shape: every convolution with a norm, every linear
    /// layer with a bias. `None` if it has another, or cannot be read.
    pub fn of(network: &Network) -> Option<Self> {
        Self::on(Arch::new(), network)
    }

    fn on(arch: Arch, network: &Network) -> Option<Self> {
        let normed = |c: &Convolution| c.norm.is_some() && c.conv.bias.is_none();
        let mut linears = network.hidden.iter().chain([&network.output]);
        if !network.convolutions.iter().all(normed) || !linears.all(|l| l.bias.is_some()) {
            return None;
        }
        let registered = Registered::of(arch);
        let norms = network.convolutions.iter().map(|convolution| convolution.norm.as_ref());
        let norms = norms.chain(std::iter::repeat(None));
        let placed = Placed::all(&network.plain().ok()?);
        let layer = |(i, (placed, norm)): (usize, (Placed, Option<&BatchNorm>))| {
            let wide = registered.whole(placed.to.channels);
            let norm = norm.map(|n| Norm { epsilon: n.epsilon as f32, ..Norm::default() });
            Layer {
                outputs: placed.outputs(),
                sums: (0..placed.windows.inputs.len()).map(|i| i * wide).collect(),
                wide,
                weights: Vec::new(),
                transposed: Vec::new(),
                norm,
                sends_back: i > 0,
                placed,
            }
        };
        let layers = placed.into_iter().zip(norms).enumerate().map(layer).collect();
        Some(Self { arch, registered, layers, parts: Vec::new(), glyphs: 0 })
    }

    /// Logits of a batch, in training: norms take the batch's statistics, and the
    /// network's running ones move towards them.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    ///
    /// # Errors
    /// There is no picture, or the parameters cannot be read.
    pub fn forward(&mut self, network: &Network, pixels: &[f32]) -> Result<Vec<f32>, DeviceFailed> {
        let batch = pixels.len() / PIXELS;
        if batch == 0 {
            return Err(DeviceFailed::new("a step needs at least one picture".to_owned()));
        }
        self.read(network)?;
        self.make_room(batch);
        let arch = self.arch;
        let glyphs = self.parts.par_iter_mut().zip(pixels.par_chunks(self.glyphs * PIXELS));
        glyphs.for_each(|(part, pixels)| part.take(&self.layers, pixels));
        for i in 0..self.layers.len() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.forward(arch, layers, i));
            let layer = &mut self.layers[i];
            if let Some(norm) = &mut layer.norm {
                let places = layer.outputs.len();
                let parts: Vec<_> =
                    self.parts.iter().filter_map(|part| part.statistics(i, places)).collect();
                norm.take_statistics(&parts);
            }
        }
        for (layer, convolution) in self.layers.iter().zip(&network.convolutions) {
            if let (Some(norm), Some(of_network)) = (&layer.norm, &convolution.norm) {
                norm.move_running(of_network, layer.placed.to.channels);
            }
        }
        let Some(last) = self.layers.last() else { return Ok(Vec::new()) };
        let logits = |part: &Part| {
            let traces = part.layers.last().map_or(&[][..], |traces| &traces.output);
            let rows = traces.chunks_exact(last.wide).take(part.glyphs);
            rows.flat_map(|row| row[..last.placed.to.channels].to_vec()).collect::<Vec<f32>>()
        };
        Ok(self.parts.iter().flat_map(logits).collect())
    }

    /// The gradients of the network's parameters, from those of the logits that
    /// [`forward`](Self::forward) gave last, `[batch, classes]`.
    ///
    /// # Errors
    /// There are not as many as there were logits.
    pub fn backward(
        &mut self,
        network: &Network,
        logits: &[f32],
    ) -> Result<GradientsParams, DeviceFailed> {
        let arch = self.arch;
        let classes = self.layers.last().map_or(1, |layer| layer.placed.to.channels);
        let batch: usize = self.parts.iter().map(|part| part.glyphs).sum();
        if batch == 0 || logits.len() != batch * classes {
            let found = logits.len();
            return Err(DeviceFailed::new(format!("{found} gradients for {batch} × {classes}")));
        }
        for (part, logits) in self.parts.iter_mut().zip(logits.chunks(self.glyphs * classes)) {
            part.take_gradient(&self.layers, logits, classes);
        }
        for i in (0..self.layers.len()).rev() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.backward(arch, layers, i, batch));
            let before = i.checked_sub(1).map(|before| &mut self.layers[before]);
            if let Some(Layer { norm: Some(norm), .. }) = before {
                norm.take_gradients(added_up(&self.parts, i - 1));
            }
        }
        Ok(self.gradients(network))
    }

    /// Takes the network's parameters over.
    fn read(&mut self, network: &Network) -> Result<(), DeviceFailed> {
        let (convolutions, linears) = self.layers.split_at_mut(network.convolutions.len());
        for (layer, convolution) in convolutions.iter_mut().zip(&network.convolutions) {
            layer.read(self.registered, &values(convolution.conv.weight.val())?, &[]);
            if let (Some(norm), Some(of_network)) = (&mut layer.norm, &convolution.norm) {
                norm.gamma = filled(values(of_network.gamma.val())?, layer.wide);
                norm.beta = filled(values(of_network.beta.val())?, layer.wide);
            }
        }
        for (layer, linear) in
            linears.iter_mut().zip(network.hidden.iter().chain([&network.output]))
        {
            let bias = linear.bias.as_ref().map(|bias| values(bias.val())).transpose()?;
            let weights = values(linear.weight.val())?;
            layer.read(self.registered, &weights, &bias.unwrap_or_default());
        }
        Ok(())
    }

    /// As many parts as the batch has, each with room for all traces.
    fn make_room(&mut self, batch: usize) {
        let glyphs = batch.div_ceil(PARTS).max(GLYPHS);
        if glyphs != self.glyphs {
            self.parts.clear();
            self.glyphs = glyphs;
        }
        self.parts.resize_with(batch.div_ceil(glyphs), Part::default);
        let largest = self.layers.iter().map(|layer| layer.placed.from.size()).max();
        for (i, part) in self.parts.iter_mut().enumerate() {
            part.glyphs = glyphs.min(batch - i * glyphs);
            if part.layers.is_empty() {
                part.gradient = vec![0.0; largest.unwrap_or_default()];
                part.layers = self.layers.iter().map(|layer| Traces::of(layer, glyphs)).collect();
            }
        }
    }

    /// All parts' shares of the gradients, as burn has them.
    fn gradients(&self, network: &Network) -> GradientsParams {
        let weights = |(i, layer): (usize, &Layer)| {
            let panels = self.parts.iter().filter_map(|part| Some(&part.layers.get(i)?.weights));
            layer.placed.as_burn_has_them(&layer.joined(panels))
        };
        let weights: Vec<Vec<f32>> = self.layers.par_iter().enumerate().map(weights).collect();
        let mut gradients = Found::default();
        let mut layers = self.layers.iter().zip(weights).enumerate();
        for convolution in &network.convolutions {
            let Some((_, (layer, weights))) = layers.next() else { break };
            gradients.add(&convolution.conv.weight, weights);
            if let (Some(norm), Some(found)) = (&convolution.norm, &layer.norm) {
                gradients.add(&norm.gamma, found.of_gamma[..layer.placed.to.channels].to_vec());
                gradients.add(&norm.beta, found.of_beta[..layer.placed.to.channels].to_vec());
            }
        }
        for Linear { weight, bias, .. } in network.hidden.iter().chain([&network.output]) {
            let Some((i, (layer, weights))) = layers.next() else { break };
            gradients.add(weight, weights);
            if let Some(bias) = bias {
                let [of_bias, _] = added_up(&self.parts, i);
                gradients.add(bias, of_bias[..layer.placed.to.channels].to_vec());
            }
        }
        gradients.0
    }
}

/// Gradients by parameter, on the CPU.
#[derive(Default)]
struct Found(GradientsParams);

impl Found {
    fn add<const D: usize>(&mut self, param: &Param<Tensor<D>>, values: Vec<f32>) {
        let data = TensorData::new(values, param.val().dims());
        self.0.register(param.id, Tensor::<D>::from_data(data, &Device::flex()));
    }
}

/// The parts' sums of a layer, added up in their order.
fn added_up(parts: &[Part], layer: usize) -> [Vec<f32>; 2] {
    let mut all = parts.iter().filter_map(|part| Some(part.layers.get(layer)?.sums.clone()));
    let first = all.next().unwrap_or_default();
    all.fold(first, |mut total, sums| {
        for (total, sums) in total.iter_mut().zip(sums) {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    })
}

/// The values, and zeros behind them.
fn filled(mut values: Vec<f32>, wide: usize) -> Vec<f32> {
    values.resize(wide, 0.0);
    values
}
