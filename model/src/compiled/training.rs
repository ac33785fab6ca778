//! A network's forward and backward pass on the CPU, with the norms of training.
//!
//! A batch is cut into parts of a few glyphs that threads share. The cut does not depend on
//! how many threads there are, and sums over parts are taken in their order: the same
//! batch has the same gradients on every run.
//!
//! ```text
//! forward   for each layer:  parts: activate what came before ► product ► sums
//!                            all:   the batch's mean and variance
//! backward  for each layer,  parts: gradient through the norm ► both products ► sums
//!           last to first:   all:   the norm's gradients
//! ```

use burn::{
    module::Param,
    nn::{BatchNorm, Linear},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use pulp::Arch;
use rayon::prelude::*;

use super::{
    elementwise::{Activate, Statistics, ThroughNorm, ThroughRelu},
    layout::Placed,
    panels::{Panel, Registered},
    products::{InputGradient, Output, WeightGradient},
};
use crate::{classifier::DeviceFailed, glyph::PIXELS, network::Network};

/// Glyphs of a part.
const PART: usize = 8;

/// What computes the gradients of one network's parameters.
#[derive(Debug)]
pub struct Training {
    arch: Arch,
    registered: Registered,
    layers: Vec<Layer>,
    /// The batch that went forward last.
    parts: Vec<Part>,
}

/// A layer, with its parameters of this step.
#[derive(Debug)]
struct Layer {
    placed: Placed,
    /// Where each place's channels lie in the next layer's input.
    outputs: Vec<usize>,
    /// Where they lie among the sums, `[places, wide]`.
    sums: Vec<usize>,
    /// The channels, filled up with zeros to whole vectors.
    wide: usize,
    weights: Vec<Panel>,
    /// For each row of a window, `[channels, values]`.
    transposed: Vec<Vec<Panel>>,
    norm: Option<Norm>,
    /// Whether a layer before it learns.
    sends_back: bool,
}

/// A batch norm in training, each value one a channel.
#[derive(Debug, Default)]
struct Norm {
    epsilon: f32,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// 1 / √(variance + ε)
    inverse: Vec<f32>,
    /// The gradients of `gamma` and `beta`.
    of_gamma: Vec<f32>,
    of_beta: Vec<f32>,
}

/// Some glyphs of a batch: what their forward pass left, and their share of the gradients.
#[derive(Debug, Default)]
struct Part {
    glyphs: usize,
    layers: Vec<Traces>,
    /// The gradient of a layer's input, for one glyph.
    gradient: Vec<f32>,
}

/// What is kept of a layer.
#[derive(Debug)]
struct Traces {
    /// Its input, padding included.
    input: Vec<f32>,
    /// Windows times weights, before norm and ReLU, `[glyphs, places, wide]`.
    output: Vec<f32>,
    /// The gradient of the same; before the layer's turn that of the norm's output.
    gradient: Vec<f32>,
    /// The gradient of the weights.
    weights: Vec<Panel>,
    /// Two sums over all places, one a channel: forward of the outputs and their squares,
    /// backward of the gradients and of the gradients times the outputs.
    sums: [Vec<f32>; 2],
}

impl Training {
    /// For networks of this one's shape: every convolution with a norm, every linear
    /// layer with a bias. `None` if it has another, or cannot be read.
    pub fn of(network: &Network) -> Option<Self> {
        Self::on(Arch::new(), network)
    }

    fn on(arch: Arch, network: &Network) -> Option<Self> {
        let normed = |c: &crate::network::Convolution| c.norm.is_some() && c.conv.bias.is_none();
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
        Some(Self { arch, registered, layers, parts: Vec::new() })
    }

    /// Logits of a batch, in training: norms take the batch's statistics, and the
    /// network's running ones move towards them.
    ///
    /// # Shapes
    /// `[batch, 784]`, normalised → `[batch, classes]`
    pub fn forward(&mut self, network: &Network, pixels: &[f32]) -> Result<Vec<f32>, DeviceFailed> {
        self.read(network)?;
        let batch = pixels.len() / PIXELS;
        self.make_room(batch);
        let arch = self.arch;
        let glyphs = self.parts.par_iter_mut().zip(pixels.par_chunks(PART * PIXELS));
        glyphs.for_each(|(part, pixels)| part.take(&self.layers, pixels));
        for i in 0..self.layers.len() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.forward(arch, layers, i));
            let layer = &mut self.layers[i];
            if let Some(norm) = &mut layer.norm {
                let places = batch * layer.outputs.len();
                norm.take_statistics(added_up(&self.parts, i), places);
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
    pub fn backward(&mut self, network: &Network, logits: &[f32]) -> GradientsParams {
        let arch = self.arch;
        let classes = self.layers.last().map_or(1, |layer| layer.placed.to.channels);
        for (part, logits) in self.parts.iter_mut().zip(logits.chunks(PART * classes)) {
            part.take_gradient(&self.layers, logits, classes);
        }
        let batch = self.parts.iter().map(|part| part.glyphs).sum();
        for i in (0..self.layers.len()).rev() {
            let layers = &self.layers;
            self.parts.par_iter_mut().for_each(|part| part.backward(arch, layers, i, batch));
            let before = i.checked_sub(1).map(|before| &mut self.layers[before]);
            if let Some(Layer { norm: Some(norm), .. }) = before {
                norm.take_gradients(added_up(&self.parts, i - 1));
            }
        }
        self.gradients(network)
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
        self.parts.resize_with(batch.div_ceil(PART), Part::default);
        let largest = self.layers.iter().map(|layer| layer.placed.from.size()).max();
        for (i, part) in self.parts.iter_mut().enumerate() {
            part.glyphs = PART.min(batch - i * PART);
            if part.layers.is_empty() {
                part.gradient = vec![0.0; largest.unwrap_or_default()];
                part.layers = self.layers.iter().map(Layer::traces).collect();
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

impl Layer {
    /// Lays its weights out, both ways round.
    fn read(&mut self, registered: Registered, weights: &[f32], bias: &[f32]) {
        let Placed { to, windows, .. } = &self.placed;
        let weights = self.placed.by_window(weights);
        self.weights = registered.panels(&weights, bias, to.channels);
        if self.sends_back {
            let rows = weights.chunks_exact(windows.row * to.channels);
            let transposed = rows.map(|row| {
                let by_channel = (0..to.channels)
                    .flat_map(|channel| row.iter().skip(channel).step_by(to.channels).copied());
                registered.panels(&by_channel.collect::<Vec<f32>>(), &[], windows.row)
            });
            self.transposed = transposed.collect();
        }
    }

    /// Room for what a part keeps of it.
    fn traces(&self) -> Traces {
        let places = PART * self.sums.len() * self.wide;
        let empty = |panel: &Panel| Panel {
            weights: vec![0.0; panel.weights.len()],
            bias: Vec::new(),
            ..*panel
        };
        Traces {
            input: vec![0.0; PART * self.placed.from.size()],
            output: vec![0.0; places],
            gradient: vec![0.0; places],
            weights: self.weights.iter().map(empty).collect(),
            sums: [vec![0.0; self.wide], vec![0.0; self.wide]],
        }
    }

    /// The sum of some panels, as one: `[values of a window, channels]`.
    fn joined<'a>(&self, parts: impl Iterator<Item = &'a Vec<Panel>>) -> Vec<f32> {
        let channels = self.placed.to.channels;
        let mut joined = vec![0.0; self.placed.order.len()];
        for panel in parts.flatten() {
            let width = panel.weights.len() / (joined.len() / channels);
            let own = panel.first..(panel.first + width).min(channels);
            let rows = panel.weights.chunks_exact(width);
            for (sums, row) in joined.chunks_exact_mut(channels).zip(rows) {
                for (sum, value) in sums[own.clone()].iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        joined
    }

    /// What it does to its sums before ReLU: `sum · scale + shift`, one each a channel.
    fn scale_and_shift(&self) -> [Vec<f32>; 2] {
        let Some(norm) = &self.norm else { return [vec![1.0; self.wide], vec![0.0; self.wide]] };
        let scale: Vec<f32> = norm.gamma.iter().zip(&norm.inverse).map(|(g, i)| g * i).collect();
        let shifts = norm.beta.iter().zip(&norm.mean).zip(&scale);
        let shift = shifts.map(|((beta, mean), scale)| beta - mean * scale).collect();
        [scale, shift]
    }
}

impl Norm {
    /// From the sums of the values and of their squares over so many places.
    fn take_statistics(&mut self, [sums, squares]: [Vec<f32>; 2], places: usize) {
        let places = places as f32;
        self.mean = sums.iter().map(|sum| sum / places).collect();
        let variances = squares.iter().zip(&self.mean);
        self.variance =
            variances.map(|(sum, mean)| (sum / places - mean * mean).max(0.0)).collect();
        self.inverse = self.variance.iter().map(|v| (v + self.epsilon).sqrt().recip()).collect();
    }

    /// From the sums of the output's gradients, and of these times the values.
    fn take_gradients(&mut self, [plain, times]: [Vec<f32>; 2]) {
        // What counts is the normalised value.
        let values = times.iter().zip(&plain).zip(self.mean.iter().zip(&self.inverse));
        self.of_gamma = values.map(|((t, p), (mean, inverse))| (t - p * mean) * inverse).collect();
        self.of_beta = plain;
    }

    /// What the gradient of the output is times, what the value is times, and what is
    /// added, for that of the input (Ioffe and Szegedy, "Batch Normalization", 2015): the
    /// output's, less what moves the mean and the variance, times the scale.
    fn backward(&self, places: usize) -> [Vec<f32>; 3] {
        let places = places as f32;
        let scale = |i: usize| self.gamma[i] * self.inverse[i];
        let by_sum = |i: usize| -scale(i) * self.inverse[i] * self.of_gamma[i] / places;
        let plus = |i: usize| -scale(i) * self.of_beta[i] / places - by_sum(i) * self.mean[i];
        let channels = 0..self.mean.len();
        [
            channels.clone().map(scale).collect(),
            channels.clone().map(by_sum).collect(),
            channels.map(plus).collect(),
        ]
    }

    /// Moves the network's running statistics towards those of the batch, as burn does.
    fn move_running(&self, of_network: &BatchNorm, channels: usize) {
        let share = of_network.momentum;
        let states =
            [(&of_network.running_mean, &self.mean), (&of_network.running_var, &self.variance)];
        for (running, batch) in states {
            let before = running.value_sync();
            let batch = TensorData::new(batch[..channels].to_vec(), [channels]);
            let batch = Tensor::<1>::from_data(batch, &before.device());
            running.update(before.mul_scalar(1.0 - share) + batch.mul_scalar(share));
        }
    }
}

impl Part {
    /// Its glyphs, as the first layer's input.
    fn take(&mut self, layers: &[Layer], pixels: &[f32]) {
        let (Some(layer), Some(traces)) = (layers.first(), self.layers.first_mut()) else { return };
        let map = layer.placed.from;
        let inputs = traces.input.chunks_exact_mut(map.size());
        for (input, pixels) in inputs.zip(pixels.chunks_exact(PIXELS)) {
            for (y, row) in pixels.chunks_exact(map.side).enumerate() {
                let at = map.at(0, y);
                input[at..at + map.side].copy_from_slice(row);
            }
        }
    }

    /// Layer `i`, once the statistics of the one before it are known.
    fn forward(&mut self, arch: Arch, layers: &[Layer], i: usize) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, traces) = (&layers[i], &mut rest[0]);
        if let (Some(traces_before), Some(before)) = (before.last(), i.checked_sub(1)) {
            let before = &layers[before];
            let [scale, shift] = before.scale_and_shift();
            let sums = traces_before.output.chunks_exact(before.outputs.len() * before.wide);
            let inputs = traces.input.chunks_exact_mut(layer.placed.from.size());
            for (sums, input) in sums.zip(inputs).take(self.glyphs) {
                let (channels, outputs) = (before.placed.to.channels, &before.outputs);
                let (scale, shift) = (&scale, &shift);
                arch.dispatch(Activate { sums, scale, shift, channels, outputs, input });
            }
        }
        let inputs = traces.input.chunks_exact(layer.placed.from.size());
        let outputs = traces.output.chunks_exact_mut(layer.sums.len() * layer.wide);
        traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        for (input, output) in inputs.zip(outputs).take(self.glyphs) {
            arch.dispatch(Output {
                windows: &layer.placed.windows,
                panels: &layer.weights,
                outputs: &layer.sums,
                channels: layer.wide,
                floor: f32::NEG_INFINITY,
                input,
                output,
            });
            if layer.norm.is_some() {
                arch.dispatch(Statistics { sums: output, totals: &mut traces.sums });
            }
        }
    }

    /// The last layer's gradient.
    fn take_gradient(&mut self, layers: &[Layer], logits: &[f32], classes: usize) {
        let (Some(layer), Some(traces)) = (layers.last(), self.layers.last_mut()) else { return };
        traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        let gradients = traces.gradient.chunks_exact_mut(layer.wide);
        for (gradient, logits) in gradients.zip(logits.chunks_exact(classes)) {
            gradient[..classes].copy_from_slice(logits);
            for (sum, value) in traces.sums[0].iter_mut().zip(logits) {
                *sum += value;
            }
        }
    }

    /// Layer `i`'s share of the gradients, and that of the output of the one before it.
    fn backward(&mut self, arch: Arch, layers: &[Layer], i: usize, batch: usize) {
        let (before, rest) = self.layers.split_at_mut(i);
        let (layer, traces) = (&layers[i], &mut rest[0]);
        let mut before = i.checked_sub(1).map(|i| &layers[i]).zip(before.last_mut());
        let [scale, shift] = before.as_ref().map(|(l, _)| l.scale_and_shift()).unwrap_or_default();
        let norm = layer.norm.as_ref().map(|norm| norm.backward(batch * layer.sums.len()));
        traces.weights.iter_mut().for_each(|panel| panel.weights.fill(0.0));
        if let Some((_, traces)) = &mut before {
            traces.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        }
        let windows = &layer.placed.windows;
        let (places, size) = (layer.sums.len() * layer.wide, layer.placed.from.size());
        for glyph in 0..self.glyphs {
            let gradient = &mut traces.gradient[glyph * places..][..places];
            if let Some([by, by_sum, plus]) = &norm {
                let sums = &traces.output[glyph * places..][..places];
                arch.dispatch(ThroughNorm { sums, by, by_sum, plus, gradient });
            }
            arch.dispatch(WeightGradient {
                windows,
                input: &traces.input[glyph * size..][..size],
                output: gradient,
                wide: layer.wide,
                panels: &mut traces.weights,
            });
            let Some((before, traces)) = &mut before else { continue };
            let input = &mut self.gradient[..size];
            input.fill(0.0);
            let (rows, wide) = (&layer.transposed, layer.wide);
            arch.dispatch(InputGradient { windows, rows, output: gradient, wide, input });
            let places = before.sums.len() * before.wide;
            arch.dispatch(ThroughRelu {
                sums: &traces.output[glyph * places..][..places],
                scale: &scale,
                shift: &shift,
                channels: before.placed.to.channels,
                outputs: &before.outputs,
                input,
                gradient: &mut traces.gradient[glyph * places..][..places],
                totals: &mut traces.sums,
            });
        }
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

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DeviceFailed> {
    Ok(tensor.into_data().try_into_vec()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::{
        module::{Module, ModuleVisitor},
        nn::loss::CrossEntropyLossConfig,
        tensor::Int,
    };

    use super::*;
    use crate::{
        glyph::SIDE,
        network::{ConvolutionConfig, NetworkConfig},
    };

    /// Values between -1 and 1.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut value = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(&mut value).collect()
    }

    /// All gradients, parameter by parameter.
    struct Collector(GradientsParams, Vec<Vec<f32>>);

    impl ModuleVisitor for Collector {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).unwrap();
            assert_eq!(gradient.dims(), param.val().dims());
            self.1.push(gradient.try_into_vec_as().unwrap());
        }
    }

    /// Everything that a step finds: logits, gradients, running statistics.
    fn found(network: &Network, logits: Vec<f32>, gradients: GradientsParams) -> Vec<Vec<f32>> {
        let mut collector = Collector(gradients, vec![logits]);
        network.visit(&mut collector);
        let norms = network.convolutions.iter().filter_map(|c| c.norm.as_ref());
        let running = norms.flat_map(|n| [&n.running_mean, &n.running_var]);
        collector.1.extend(running.map(|state| values(state.value_sync()).unwrap()));
        collector.1
    }

    fn by_burn(network: &Network, pixels: &[f32], labels: &[i32]) -> (Vec<Vec<f32>>, Vec<f32>) {
        let device = Device::flex().autodiff();
        let data = TensorData::new(pixels.to_vec(), [labels.len(), 1, SIDE, SIDE]);
        let logits = network.forward(Tensor::<4>::from_data(data, &device)).require_grad();
        let labels = TensorData::new(labels.to_vec(), [labels.len()]);
        let labels = Tensor::<1, Int>::from_data(labels, &device);
        let loss = CrossEntropyLossConfig::new().init(&device).forward(logits.clone(), labels);
        let mut gradients = loss.backward();
        let of_logits = values(logits.grad(&gradients).unwrap()).unwrap();
        let params = GradientsParams::from_module(&mut gradients, network);
        (found(network, values(logits).unwrap(), params), of_logits)
    }

    fn check(arch: Arch, config: &NetworkConfig, batch: usize) {
        let device = Device::flex();
        device.seed(1);
        let [network, same] = {
            let network = config.init(&device.clone().autodiff());
            let bytes = crate::checkpoint::network_to_bytes(&network).unwrap();
            let again = || {
                crate::checkpoint::network_from_bytes(
                    config,
                    bytes.clone(),
                    &device.clone().autodiff(),
                )
            };
            [again().unwrap(), again().unwrap()]
        };
        let pixels = noise(batch * PIXELS);
        let labels: Vec<i32> = (0..batch).map(|i| (i * 7 % config.classes) as i32).collect();
        let (expected, of_logits) = by_burn(&network, &pixels, &labels);
        let mut training = Training::on(arch, &same).unwrap();
        // Twice: what the first pass left must not show in the second.
        let other = noise((batch + 3) * PIXELS);
        let logits = training.forward(&config.init(&device), &other).unwrap();
        training.backward(&same, &logits);
        let logits = training.forward(&same, &pixels).unwrap();
        let gradients = training.backward(&same, &of_logits);
        let found = found(&same, logits, gradients);
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.len(), expected.len());
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            assert!(largest > 1e-6, "{i}: all are 0");
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 2e-3 * largest, "{i}: {a}, by burn {b}, of {largest}");
            }
        }
    }

    /// Channels that fill no vector, one that is alone, strides that skip the last pixels,
    /// several hidden layers.
    fn odd() -> NetworkConfig {
        let conv = |channels, kernel, stride, padding| ConvolutionConfig {
            channels,
            kernel,
            stride,
            padding,
        };
        NetworkConfig {
            convolutions: vec![
                conv(3, 4, 3, 0),
                conv(77, 2, 2, 1),
                conv(1, 3, 1, 2),
                conv(130, 3, 2, 1),
            ],
            hidden: vec![33, 5],
            classes: 47,
        }
    }

    #[test]
    fn a_step_finds_what_burn_finds() {
        let arch = Arch::new();
        check(arch, &NetworkConfig::small(10), 21);
        check(arch, &NetworkConfig::mlp(10), 9);
        check(arch, &NetworkConfig { convolutions: vec![], hidden: vec![], classes: 3 }, 8);
        check(arch, &odd(), 17);
    }

    #[test]
    fn a_cpu_without_vectors_finds_it_too() {
        check(Arch::Scalar, &odd(), 17);
    }

    #[test]
    fn the_same_batch_has_the_same_gradients_whatever_the_threads_do() {
        let network = NetworkConfig::small(10).init(&Device::flex().autodiff());
        let pixels = noise(40 * PIXELS);
        let step = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut training = Training::of(&network).unwrap();
                let logits = training.forward(&network, &pixels).unwrap();
                let gradients = training.backward(&network, &logits);
                let mut collector = Collector(gradients, vec![logits]);
                network.visit(&mut collector);
                collector.1
            })
        };
        let alone = step(1);
        assert_eq!(alone, step(2));
        assert_eq!(alone, step(7));
    }

    #[test]
    fn a_network_of_another_kind_is_left_to_burn() {
        let device = Device::flex();
        assert!(Training::of(&NetworkConfig::small(10).init(&device)).is_some());
        assert!(Training::of(&NetworkConfig::small(10).init(&device).fold()).is_none());
    }
}
