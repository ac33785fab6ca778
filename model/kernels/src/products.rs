//! The three matrix products of a layer, on one picture: its output, the gradient of its input,
//! and the gradient of its weights.
//!
//! All three use register blocking. A plain loop would load a weight, a value and a sum and store
//! the sum again for every multiply-add, so loads and stores would limit its speed. Here each
//! innermost loop computes a block, a few windows (or values of a window) by a few vectors of
//! channels, whose sums stay in registers. Every weight that is loaded serves all rows of the
//! block, and every value all of its vectors. The sums of a block also do not depend on each
//! other, which keeps the multiply-add units busy in spite of their latency. The block sizes are
//! const generics so that the compiler unrolls the loops and keeps the arrays in registers.

use std::array::from_fn;

use pulp::{Simd, WithSimd};

use crate::{
    elementwise::{at_least, load, store},
    layout::Windows,
    packed::{PackedWeights, max_vectors},
};

/// The number of windows in a block.
const ROWS: usize = 4;
/// The number of values of a window in a block of the weights' gradient.
const VALUES: usize = 6;

/// Calls a function with the panel's width in vectors as its const generic argument. What is wider
/// than any panel is not compiled.
macro_rules! by_width {
    ($panel:expr, $function:ident :: <$simd:ident>($($argument:expr),*)) => {
        match $panel.vectors {
            1 => $function::<$simd, 1>($($argument),*),
            3 if max_vectors::<$simd>() >= 3 => $function::<$simd, 3>($($argument),*),
            4 if max_vectors::<$simd>() >= 4 => $function::<$simd, 4>($($argument),*),
            _ => $function::<$simd, 2>($($argument),*),
        }
    };
}

/// Computes a layer's output: windows times weights, plus biases.
pub(crate) struct LayerOutput<'a> {
    pub(crate) windows: &'a Windows,
    pub(crate) panels: &'a [PackedWeights],
    /// The index in `output` at which each window's results begin.
    pub(crate) outputs: &'a [usize],
    /// The number of values that are written for each window.
    pub(crate) channels: usize,
    /// Lower bound of the results: 0 for ReLU, −∞ for none.
    pub(crate) floor: f32,
    pub(crate) input: &'a [f32],
    pub(crate) output: &'a mut [f32],
}

impl WithSimd for LayerOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in self.panels {
            by_width!(panel, output_of_panel::<S>(simd, &mut self, panel));
        }
    }
}

/// All windows with one panel, in blocks of [`ROWS`].
#[inline(always)]
fn output_of_panel<S: Simd, const V: usize>(
    simd: S,
    layer: &mut LayerOutput<'_>,
    panel: &PackedWeights,
) {
    let (inputs, last_inputs) = layer.windows.inputs.as_chunks::<ROWS>();
    let (outputs, last_outputs) = layer.outputs.as_chunks::<ROWS>();
    for (&inputs, &outputs) in inputs.iter().zip(outputs) {
        output_block::<S, V, ROWS>(simd, layer, panel, inputs, outputs);
    }
    // The rest in one smaller block.
    match (last_inputs, last_outputs) {
        (&[a], &[b]) => output_block::<S, V, 1>(simd, layer, panel, [a], [b]),
        (&[a, b], &[c, d]) => output_block::<S, V, 2>(simd, layer, panel, [a, b], [c, d]),
        (&[a, b, c], &[d, e, f]) => {
            output_block::<S, V, 3>(simd, layer, panel, [a, b, c], [d, e, f]);
        }
        _ => {}
    }
}

/// One block: `R` windows with one panel of `V` vectors.
#[inline(always)]
fn output_block<S: Simd, const V: usize, const R: usize>(
    simd: S,
    layer: &mut LayerOutput<'_>,
    panel: &PackedWeights,
    inputs: [usize; R],
    outputs: [usize; R],
) {
    let (bias, _) = S::as_simd_f32s(&panel.bias);
    let bias: [S::f32s; V] = from_fn(|v| bias[v]);
    let mut sums = [bias; R];
    let (weights, _) = S::as_simd_f32s(&panel.weights);
    let (weights, _) = weights.as_chunks::<V>();
    for (y, weights) in weights.chunks_exact(layer.windows.row).enumerate() {
        let rows: [&[f32]; R] = from_fn(|r| {
            let at = inputs[r] + y * layer.windows.stride;
            &layer.input[at..at + weights.len()]
        });
        for (i, weights) in weights.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = simd.splat_f32s(row[i]);
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, weight, *sum);
                }
            }
        }
    }
    let floor = simd.splat_f32s(layer.floor);
    let width = (layer.channels - panel.first).min(V * S::F32_LANES);
    for (at, sums) in outputs.into_iter().zip(sums) {
        let at = at + panel.first;
        let places = layer.output[at..at + width].chunks_mut(S::F32_LANES);
        for (place, sum) in places.zip(sums) {
            store(simd, place, at_least(simd, floor, sum));
        }
    }
}

/// Adds up the gradient of a layer's input: for each window, the gradient of its place times the
/// transposed weights. Windows overlap, so their shares are added, not stored.
pub(crate) struct InputGradient<'a> {
    pub(crate) windows: &'a Windows,
    /// The transposed weights `[channels, values of the row]` for each row of a window.
    pub(crate) rows: &'a [Vec<PackedWeights>],
    /// The gradient of the output, `[places, padded]`, zeros after the channels.
    pub(crate) output: &'a [f32],
    /// The number of channels rounded up to whole vectors.
    pub(crate) padded: usize,
    /// The gradient that is added to: a map with the layout of the layer's input.
    pub(crate) input: &'a mut [f32],
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for (y, panels) in self.rows.iter().enumerate() {
            for panel in panels {
                by_width!(panel, input_gradient_of_panel::<S>(simd, &mut self, panel, y));
            }
        }
    }
}

/// Row `y` of all windows with one panel, in blocks of [`ROWS`].
#[inline(always)]
fn input_gradient_of_panel<S: Simd, const V: usize>(
    simd: S,
    layer: &mut InputGradient<'_>,
    panel: &PackedWeights,
    y: usize,
) {
    let (groups, last) = layer.windows.inputs.as_chunks::<ROWS>();
    for (i, &inputs) in groups.iter().enumerate() {
        input_gradient_block::<S, V, ROWS>(simd, layer, panel, y, i * ROWS, inputs);
    }
    for (i, &input) in last.iter().enumerate() {
        input_gradient_block::<S, V, 1>(simd, layer, panel, y, groups.len() * ROWS + i, [input]);
    }
}

/// One block: row `y` of `R` windows, beginning with window `first`, with one panel.
#[inline(always)]
fn input_gradient_block<S: Simd, const V: usize, const R: usize>(
    simd: S,
    layer: &mut InputGradient<'_>,
    panel: &PackedWeights,
    y: usize,
    first: usize,
    inputs: [usize; R],
) {
    let (weights, _) = S::as_simd_f32s(&panel.weights);
    let (weights, _) = weights.as_chunks::<V>();
    let places: [&[f32]; R] = from_fn(|r| {
        let at = (first + r) * layer.padded;
        &layer.output[at..at + weights.len()]
    });
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (channel, weights) in weights.iter().enumerate() {
        for (sums, place) in sums.iter_mut().zip(places) {
            let gradient = simd.splat_f32s(place[channel]);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(gradient, weight, *sum);
            }
        }
    }
    let width = (layer.windows.row - panel.first).min(V * S::F32_LANES);
    for (at, sums) in inputs.into_iter().zip(sums) {
        let at = at + y * layer.windows.stride + panel.first;
        let places = layer.input[at..at + width].chunks_mut(S::F32_LANES);
        for (place, sum) in places.zip(sums) {
            let present = load(simd, place);
            store(simd, place, simd.add_f32s(present, sum));
        }
    }
}

/// Adds up the gradient of a layer's weights: each window's values times the gradient of its
/// place.
pub(crate) struct WeightGradient<'a> {
    pub(crate) windows: &'a Windows,
    pub(crate) input: &'a [f32],
    /// The gradient of the output, `[places, padded]`, zeros after the channels.
    pub(crate) output: &'a [f32],
    /// The number of channels rounded up to whole vectors.
    pub(crate) padded: usize,
    /// The gradients that are added to: panels like those of the weights.
    pub(crate) panels: &'a mut [PackedWeights],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, input, output, padded, panels } = self;
        for panel in panels {
            by_width!(
                panel,
                weight_gradient_of_panel::<S>(simd, windows, input, output, padded, panel)
            );
        }
    }
}

/// The gradients of one panel, row by row of the window, in blocks of [`VALUES`].
#[inline(always)]
fn weight_gradient_of_panel<S: Simd, const V: usize>(
    simd: S,
    windows: &Windows,
    input: &[f32],
    output: &[f32],
    padded: usize,
    panel: &mut PackedWeights,
) {
    let first = panel.first;
    let (sums, _) = S::as_mut_simd_f32s(&mut panel.weights);
    let (sums, _) = sums.as_chunks_mut::<V>();
    for (y, sums) in sums.chunks_exact_mut(windows.row).enumerate() {
        let (groups, last) = sums.as_chunks_mut::<VALUES>();
        let (threes, ones) = last.as_chunks_mut::<3>();
        let mut at = y * windows.stride;
        for sums in groups {
            weight_gradient_block::<S, V, VALUES>(
                simd,
                windows,
                (input, at),
                (output, padded, first),
                sums,
            );
            at += VALUES;
        }
        for sums in threes {
            weight_gradient_block::<S, V, 3>(
                simd,
                windows,
                (input, at),
                (output, padded, first),
                sums,
            );
            at += 3;
        }
        for sums in ones {
            let sums = std::array::from_mut(sums);
            weight_gradient_block::<S, V, 1>(
                simd,
                windows,
                (input, at),
                (output, padded, first),
                sums,
            );
            at += 1;
        }
    }
}

/// One block: `T` neighbouring values of a window by `V` vectors of channels, summed over all
/// windows. `at` is the index of the first value within a window.
#[inline(always)]
fn weight_gradient_block<S: Simd, const V: usize, const T: usize>(
    simd: S,
    windows: &Windows,
    (input, at): (&[f32], usize),
    (output, padded, first): (&[f32], usize, usize),
    sums: &mut [[S::f32s; V]; T],
) {
    // A local copy, so that the sums stay in registers over all windows.
    let mut held = *sums;
    for (&begin, place) in windows.inputs.iter().zip(output.chunks_exact(padded)) {
        let values = &input[begin + at..begin + at + T];
        let (gradients, _) = S::as_simd_f32s(&place[first..first + V * S::F32_LANES]);
        let gradients: [S::f32s; V] = from_fn(|v| gradients[v]);
        for (sums, &value) in held.iter_mut().zip(values) {
            let value = simd.splat_f32s(value);
            for (sum, gradient) in sums.iter_mut().zip(gradients) {
                *sum = simd.mul_add_e_f32s(value, gradient, *sum);
            }
        }
    }
    *sums = held;
}
