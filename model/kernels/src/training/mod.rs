//! A network's forward and backward pass in training on the CPU, with batch norms that use the
//! statistics of the batch.
//!
//! A batch is split into parts of a few pictures, which threads compute in parallel. There are at
//! most [`PARTS`] of them, because each has its own copy of the weights' gradients; more threads
//! than that find no work. The split does not depend on the number of threads, and the parts'
//! sums are added in a fixed order, so the same batch gives the same gradients on every run.
//!
//! ```text
//! forward   for each layer:  each part: norm and ReLU of the layer before ► product ► totals
//!                            all parts: the batch's mean and variance
//! backward  for each layer,  each part: gradient through the norm ► both products ► totals
//!           last to first:   all parts: the norm's gradients
//! ```

mod layer;
mod norm;
mod parameters;
mod part;

use layer::TrainingLayer;
use norm::Norm;
use part::{LayerBuffers, Part};
use pulp::Arch;
use rayon::prelude::*;
use thiserror::Error;

pub use parameters::{Gradients, Parameters};

use crate::{layers::LayerWeights, layout::LayerLayout, packed::Registers};

/// Pictures in a part, unless the batch is so large that this would give more than [`PARTS`].
const PICTURES: usize = 8;
/// The most parts of a batch.
const PARTS: usize = 32;

/// Computes the gradients of a network's parameters.
#[derive(Debug)]
pub struct Training {
    arch: Arch,
    registers: Registers,
    layers: Vec<TrainingLayer>,
    /// The batch of the last forward pass, with what its backward pass needs.
    parts: Vec<Part>,
    /// Pictures in each part but the last, which may have fewer.
    pictures: usize,
}

/// The mean and variance of a batch norm's input over one batch, one value per channel.
#[derive(Clone, Copy, Debug)]
pub struct BatchStatistics<'a> {
    /// Mean.
    pub mean: &'a [f32],
    /// Variance, biased: the mean squared deviation.
    pub variance: &'a [f32],
}

/// A batch or its gradients do not have the expected number of values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected {expected}, got {found} values")]
pub struct WrongValueCount {
    /// What was expected.
    pub expected: String,
    /// The number of values given.
    pub found: usize,
}

impl Training {
    /// Prepares for networks with the shapes of `layers` that read pictures of `side` × `side`
    /// pixels. A layer with an epsilon is followed by a batch norm, to whose variance the epsilon
    /// is added, and has no bias. Missing epsilons are `None`. The weights in `layers` are not
    /// used: each [`forward`](Self::forward) pass takes its own.
    pub fn new(side: usize, layers: &[LayerWeights], epsilons: &[Option<f32>]) -> Self {
        Self::on(Arch::new(), side, layers, epsilons)
    }

    /// The same with the instruction set `arch`, to test the code for other CPUs.
    pub fn on(arch: Arch, side: usize, layers: &[LayerWeights], epsilons: &[Option<f32>]) -> Self {
        let registers = Registers::of(arch);
        let epsilons = epsilons.iter().copied().chain(std::iter::repeat(None));
        let layouts = LayerLayout::all(side, layers);
        let layer = |(i, (layout, epsilon)): (usize, (LayerLayout, Option<f32>))| {
            let padded = registers.padded(layout.to.channels);
            TrainingLayer {
                outputs: layout.outputs(),
                sum_offsets: (0..layout.windows.inputs.len()).map(|i| i * padded).collect(),
                padded,
                weights: Vec::new(),
                transposed: Vec::new(),
                norm: epsilon.map(|epsilon| Norm { epsilon, ..Norm::default() }),
                needs_input_gradient: i > 0,
                layout,
            }
        };
        let layers = layouts.into_iter().zip(epsilons).enumerate().map(layer).collect();
        Self { arch, registers, layers, parts: Vec::new(), pictures: 0 }
    }

    /// The logits of a batch in training. Norms use the batch's statistics, which
    /// [`statistics`](Self::statistics) returns afterwards. `parameters` has one entry per layer.
    ///
    /// # Shapes
    /// `[batch, side · side]`, normalised → `[batch, classes]`
    ///
    /// # Errors
    /// The number of pixels is 0 or not a multiple of a picture's.
    pub fn forward(
        &mut self,
        parameters: &[Parameters],
        pixels: &[f32],
    ) -> Result<Vec<f32>, WrongValueCount> {
        let picture = self.picture_size();
        let batch = pixels.len() / picture;
        if batch == 0 || !pixels.len().is_multiple_of(picture) {
            let expected = format!("whole pictures of {picture} values");
            return Err(WrongValueCount { expected, found: pixels.len() });
        }
        for (layer, parameters) in self.layers.iter_mut().zip(parameters) {
            layer.set_parameters(self.registers, parameters);
        }
        self.allocate(batch);
        let arch = self.arch;
        let pictures = self.parts.par_iter_mut().zip(pixels.par_chunks(self.pictures * picture));
        pictures.for_each(|(part, pixels)| part.load_pictures(&self.layers, pixels));
        for i in 0..self.layers.len() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.forward(arch, layers, i));
            let layer = &mut self.layers[i];
            if let Some(norm) = &mut layer.norm {
                let places = layer.outputs.len();
                let parts: Vec<_> =
                    self.parts.iter().filter_map(|part| part.statistics(i, places)).collect();
                norm.merge_statistics(&parts);
            }
        }
        let Some(last) = self.layers.last() else { return Ok(Vec::new()) };
        let logits = |part: &Part| {
            let output = part.layers.last().map_or(&[][..], |buffers| &buffers.output);
            let rows = output.chunks_exact(last.padded).take(part.pictures);
            rows.flat_map(|row| row[..last.layout.to.channels].to_vec()).collect::<Vec<f32>>()
        };
        Ok(self.parts.iter().flat_map(logits).collect())
    }

    /// The statistics of the last forward pass for each layer, first to last; `None` for a layer
    /// without a norm.
    pub fn statistics(&self) -> impl Iterator<Item = Option<BatchStatistics<'_>>> {
        self.layers.iter().map(|layer| {
            let channels = layer.layout.to.channels;
            let norm = layer.norm.as_ref()?;
            Some(BatchStatistics {
                mean: norm.mean.get(..channels)?,
                variance: norm.variance.get(..channels)?,
            })
        })
    }

    /// The gradients of each layer's parameters, first to last, from the gradient of the logits
    /// that the last [`forward`](Self::forward) pass returned, `[batch, classes]`.
    ///
    /// # Errors
    /// There are not as many gradients as there were logits.
    pub fn backward(&mut self, logits: &[f32]) -> Result<Vec<Gradients>, WrongValueCount> {
        let arch = self.arch;
        let classes = self.layers.last().map_or(1, |layer| layer.layout.to.channels);
        let batch: usize = self.parts.iter().map(|part| part.pictures).sum();
        if batch == 0 || logits.len() != batch * classes {
            let expected = format!("gradients of {batch} × {classes} logits");
            return Err(WrongValueCount { expected, found: logits.len() });
        }
        for (part, logits) in self.parts.iter_mut().zip(logits.chunks(self.pictures * classes)) {
            part.load_gradient(&self.layers, logits, classes);
        }
        for i in (0..self.layers.len()).rev() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.backward(arch, layers, i, batch));
            let before = i.checked_sub(1).map(|before| &mut self.layers[before]);
            if let Some(TrainingLayer { norm: Some(norm), .. }) = before {
                norm.set_gradients(summed_totals(&self.parts, i - 1));
            }
        }
        Ok(self.layers.par_iter().enumerate().map(|(i, layer)| self.gradients(i, layer)).collect())
    }

    /// The number of values in a picture.
    fn picture_size(&self) -> usize {
        self.layers.first().map_or(1, |layer| layer.layout.from.side.pow(2))
    }

    /// Makes as many parts as the batch needs and allocates the buffers of new ones.
    fn allocate(&mut self, batch: usize) {
        let pictures = batch.div_ceil(PARTS).max(PICTURES);
        if pictures != self.pictures {
            self.parts.clear();
            self.pictures = pictures;
        }
        self.parts.resize_with(batch.div_ceil(pictures), Part::default);
        let largest = self.layers.iter().map(|layer| layer.layout.from.size()).max();
        for (i, part) in self.parts.iter_mut().enumerate() {
            part.pictures = pictures.min(batch - i * pictures);
            if part.layers.is_empty() {
                part.gradient = vec![0.0; largest.unwrap_or_default()];
                part.layers =
                    self.layers.iter().map(|layer| LayerBuffers::of(layer, pictures)).collect();
            }
        }
    }

    /// The sum over all parts of layer `i`'s gradients.
    fn gradients(&self, i: usize, layer: &TrainingLayer) -> Gradients {
        let packed = self.parts.iter().filter_map(|part| Some(&part.layers.get(i)?.weights));
        let weights = layer.layout.by_shape(&layer.unpacked_sum(packed));
        let channels = layer.layout.to.channels;
        let own = |values: &[f32]| values[..channels].to_vec();
        match &layer.norm {
            Some(norm) => Gradients {
                weights,
                bias: Vec::new(),
                gamma: own(&norm.gamma_gradient),
                beta: own(&norm.beta_gradient),
            },
            None => {
                let [bias, _] = summed_totals(&self.parts, i);
                Gradients { weights, bias: own(&bias), ..Gradients::default() }
            }
        }
    }
}

/// A layer's totals, added up over all parts in order.
fn summed_totals(parts: &[Part], layer: usize) -> [Vec<f32>; 2] {
    let mut all = parts.iter().filter_map(|part| Some(part.layers.get(layer)?.totals.clone()));
    let first = all.next().unwrap_or_default();
    all.fold(first, |mut total, sums| {
        for (total, sums) in total.iter_mut().zip(sums) {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    })
}
