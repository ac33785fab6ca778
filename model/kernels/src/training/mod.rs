//! A network's forward and backward pass on the CPU, with the norms of training.
//!
//! A batch is split into parts of a few pictures that threads share. There are at most
//! [`PARTS`], because each has a copy of the weights' gradients, so no more threads than that
//! find work. The split does not depend on the number of threads, and sums over parts are
//! taken in order: the same batch has the same gradients on every run.
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

use layer::Layer;
use norm::Norm;
use part::{Part, Traces};
use pulp::Arch;
use rayon::prelude::*;
use thiserror::Error;

use crate::{layers::LayerWeights, layout::Placed, packed::Registers};

/// Pictures of a part, if the batch is not too large for that.
const PICTURES: usize = 8;
/// Most parts of a batch.
const PARTS: usize = 32;

/// Computes the gradients of one network's parameters.
#[derive(Debug)]
pub struct Training {
    arch: Arch,
    registers: Registers,
    layers: Vec<Layer>,
    /// The batch that went forward last.
    parts: Vec<Part>,
    /// Pictures of a part, except the last one.
    pictures: usize,
}

/// A layer's parameters at one step, in the order of [`LayerWeights`].
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// The weights.
    pub weights: Vec<f32>,
    /// One value for each output; empty where a norm follows.
    pub bias: Vec<f32>,
    /// The batch norm's scale; empty without a norm.
    pub gamma: Vec<f32>,
    /// The batch norm's shift; empty without a norm.
    pub beta: Vec<f32>,
}

/// The gradients of a layer's [`Parameters`], in the same order.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    /// Of the weights.
    pub weights: Vec<f32>,
    /// Of the bias; empty where a norm follows.
    pub bias: Vec<f32>,
    /// Of the batch norm's scale; empty without a norm.
    pub gamma: Vec<f32>,
    /// Of the batch norm's shift; empty without a norm.
    pub beta: Vec<f32>,
}

/// A batch's mean and variance before a norm, one value for each channel.
#[derive(Clone, Copy, Debug)]
pub struct BatchStatistics<'a> {
    /// Mean.
    pub mean: &'a [f32],
    /// Variance (biased).
    pub variance: &'a [f32],
}

/// A batch or its gradients do not have the expected number of values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected {expected}, got {found} values")]
pub struct WrongLength {
    /// What was expected.
    pub expected: String,
    /// The number of values given.
    pub found: usize,
}

impl Training {
    /// For networks of these layers' shapes that read square pictures of this side. A layer
    /// with an `epsilon` is followed by a batch norm and has no bias.
    pub fn new(side: usize, layers: &[LayerWeights], epsilons: &[Option<f32>]) -> Self {
        Self::on(Arch::new(), side, layers, epsilons)
    }

    /// The same with the vectors of `arch`, for tests of other CPUs.
    pub fn on(arch: Arch, side: usize, layers: &[LayerWeights], epsilons: &[Option<f32>]) -> Self {
        let registers = Registers::of(arch);
        let epsilons = epsilons.iter().copied().chain(std::iter::repeat(None));
        let placed = Placed::all(side, layers);
        let layer = |(i, (placed, epsilon)): (usize, (Placed, Option<f32>))| {
            let wide = registers.whole(placed.to.channels);
            Layer {
                outputs: placed.outputs(),
                sums: (0..placed.windows.inputs.len()).map(|i| i * wide).collect(),
                wide,
                weights: Vec::new(),
                transposed: Vec::new(),
                norm: epsilon.map(|epsilon| Norm { epsilon, ..Norm::default() }),
                sends_back: i > 0,
                placed,
            }
        };
        let layers = placed.into_iter().zip(epsilons).enumerate().map(layer).collect();
        Self { arch, registers, layers, parts: Vec::new(), pictures: 0 }
    }

    /// Logits of a batch, in training: norms use the batch's statistics, which
    /// [`statistics`](Self::statistics) gives afterwards.
    ///
    /// # Shapes
    /// `[batch, side · side]`, normalised → `[batch, classes]`
    ///
    /// # Errors
    /// The pixels are not those of one picture or more.
    pub fn forward(
        &mut self,
        parameters: &[Parameters],
        pixels: &[f32],
    ) -> Result<Vec<f32>, WrongLength> {
        let picture = self.picture();
        let batch = pixels.len() / picture;
        if batch == 0 || !pixels.len().is_multiple_of(picture) {
            let expected = format!("whole pictures of {picture} values");
            return Err(WrongLength { expected, found: pixels.len() });
        }
        for (layer, parameters) in self.layers.iter_mut().zip(parameters) {
            layer.read(self.registers, parameters);
        }
        self.make_room(batch);
        let arch = self.arch;
        let pictures = self.parts.par_iter_mut().zip(pixels.par_chunks(self.pictures * picture));
        pictures.for_each(|(part, pixels)| part.take(&self.layers, pixels));
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
        let Some(last) = self.layers.last() else { return Ok(Vec::new()) };
        let logits = |part: &Part| {
            let traces = part.layers.last().map_or(&[][..], |traces| &traces.output);
            let rows = traces.chunks_exact(last.wide).take(part.pictures);
            rows.flat_map(|row| row[..last.placed.to.channels].to_vec()).collect::<Vec<f32>>()
        };
        Ok(self.parts.iter().flat_map(logits).collect())
    }

    /// The statistics of the batch that went forward last, for each layer with a norm.
    pub fn statistics(&self) -> impl Iterator<Item = Option<BatchStatistics<'_>>> {
        self.layers.iter().map(|layer| {
            let channels = layer.placed.to.channels;
            let norm = layer.norm.as_ref()?;
            Some(BatchStatistics {
                mean: norm.mean.get(..channels)?,
                variance: norm.variance.get(..channels)?,
            })
        })
    }

    /// The gradients of each layer's parameters, from those of the logits that
    /// [`forward`](Self::forward) gave last, `[batch, classes]`.
    ///
    /// # Errors
    /// There are not as many as there were logits.
    pub fn backward(&mut self, logits: &[f32]) -> Result<Vec<Gradients>, WrongLength> {
        let arch = self.arch;
        let classes = self.layers.last().map_or(1, |layer| layer.placed.to.channels);
        let batch: usize = self.parts.iter().map(|part| part.pictures).sum();
        if batch == 0 || logits.len() != batch * classes {
            let expected = format!("gradients of {batch} × {classes} logits");
            return Err(WrongLength { expected, found: logits.len() });
        }
        for (part, logits) in self.parts.iter_mut().zip(logits.chunks(self.pictures * classes)) {
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
        Ok(self.layers.par_iter().enumerate().map(|(i, layer)| self.gradients(i, layer)).collect())
    }

    /// Values of a picture.
    fn picture(&self) -> usize {
        self.layers.first().map_or(1, |layer| layer.placed.from.side.pow(2))
    }

    /// As many parts as the batch has, each with room for all traces.
    fn make_room(&mut self, batch: usize) {
        let pictures = batch.div_ceil(PARTS).max(PICTURES);
        if pictures != self.pictures {
            self.parts.clear();
            self.pictures = pictures;
        }
        self.parts.resize_with(batch.div_ceil(pictures), Part::default);
        let largest = self.layers.iter().map(|layer| layer.placed.from.size()).max();
        for (i, part) in self.parts.iter_mut().enumerate() {
            part.pictures = pictures.min(batch - i * pictures);
            if part.layers.is_empty() {
                part.gradient = vec![0.0; largest.unwrap_or_default()];
                part.layers = self.layers.iter().map(|layer| Traces::of(layer, pictures)).collect();
            }
        }
    }

    /// The sum over all parts of layer `i`'s gradients.
    fn gradients(&self, i: usize, layer: &Layer) -> Gradients {
        let packed = self.parts.iter().filter_map(|part| Some(&part.layers.get(i)?.weights));
        let weights = layer.placed.by_shape(&layer.joined(packed));
        let channels = layer.placed.to.channels;
        let own = |values: &[f32]| values[..channels].to_vec();
        match &layer.norm {
            Some(norm) => Gradients {
                weights,
                bias: Vec::new(),
                gamma: own(&norm.of_gamma),
                beta: own(&norm.of_beta),
            },
            None => {
                let [bias, _] = added_up(&self.parts, i);
                Gradients { weights, bias: own(&bias), ..Gradients::default() }
            }
        }
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
