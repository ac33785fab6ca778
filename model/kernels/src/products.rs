//! The three products that all is made of, on one picture: a layer's output, and the
//! gradients of its input and of its weights. In each the sums stay in registers.

use std::array::from_fn;

use pulp::{Simd, WithSimd};

use crate::{
    elementwise::{at_least, load, store},
    layout::Windows,
    packed::PackedWeights,
};

/// Windows that are computed together: each weight that is loaded serves them all.
const ROWS: usize = 4;
/// Values of a window whose weights' gradients are summed together.
const VALUES: usize = 6;

/// Calls a function for a panel's width in vectors.
macro_rules! by_width {
    ($panel:expr, $function:ident :: <$simd:ident>($($argument:expr),*)) => {
        match $panel.vectors {
            1 => $function::<$simd, 1>($($argument),*),
            2 => $function::<$simd, 2>($($argument),*),
            3 => $function::<$simd, 3>($($argument),*),
            _ => $function::<$simd, 4>($($argument),*),
        }
    };
}

/// Windows times weights, plus biases: one layer of one picture.
pub(crate) struct Output<'a> {
    pub(crate) windows: &'a Windows,
    pub(crate) panels: &'a [PackedWeights],
    /// Where each window's results go.
    pub(crate) outputs: &'a [usize],
    /// Values that are written for each.
    pub(crate) channels: usize,
    /// Results below this become this: 0 is ReLU.
    pub(crate) floor: f32,
    pub(crate) input: &'a [f32],
    pub(crate) output: &'a mut [f32],
}

impl WithSimd for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in self.panels {
            by_width!(panel, all_windows::<S>(simd, &mut self, panel));
        }
    }
}

#[inline(always)]
fn all_windows<S: Simd, const V: usize>(simd: S, layer: &mut Output<'_>, panel: &PackedWeights) {
    let (inputs, last_inputs) = layer.windows.inputs.as_chunks::<ROWS>();
    let (outputs, last_outputs) = layer.outputs.as_chunks::<ROWS>();
    for (&inputs, &outputs) in inputs.iter().zip(outputs) {
        some_windows::<S, V, ROWS>(simd, layer, panel, inputs, outputs);
    }
    match (last_inputs, last_outputs) {
        (&[a], &[b]) => some_windows::<S, V, 1>(simd, layer, panel, [a], [b]),
        (&[a, b], &[c, d]) => some_windows::<S, V, 2>(simd, layer, panel, [a, b], [c, d]),
        (&[a, b, c], &[d, e, f]) => {
            some_windows::<S, V, 3>(simd, layer, panel, [a, b, c], [d, e, f]);
        }
        _ => {}
    }
}

/// `R` windows with one panel of `V` vectors.
#[inline(always)]
fn some_windows<S: Simd, const V: usize, const R: usize>(
    simd: S,
    layer: &mut Output<'_>,
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

/// The gradient of a layer's input: what every window owes to its place's gradients, added
/// up.
pub(crate) struct InputGradient<'a> {
    pub(crate) windows: &'a Windows,
    /// For each row of a window the weights `[channels, values of the row]`.
    pub(crate) rows: &'a [Vec<PackedWeights>],
    /// The output's gradient, `[places, wide]`, zeros behind the channels.
    pub(crate) output: &'a [f32],
    /// Its channels and the zeros.
    pub(crate) wide: usize,
    /// What is added to: a map like the layer's input.
    pub(crate) input: &'a mut [f32],
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for (y, panels) in self.rows.iter().enumerate() {
            for panel in panels {
                by_width!(panel, back_to_all::<S>(simd, &mut self, panel, y));
            }
        }
    }
}

#[inline(always)]
fn back_to_all<S: Simd, const V: usize>(
    simd: S,
    layer: &mut InputGradient<'_>,
    panel: &PackedWeights,
    y: usize,
) {
    let (groups, last) = layer.windows.inputs.as_chunks::<ROWS>();
    for (i, &inputs) in groups.iter().enumerate() {
        back_to_some::<S, V, ROWS>(simd, layer, panel, y, i * ROWS, inputs);
    }
    for (i, &input) in last.iter().enumerate() {
        back_to_some::<S, V, 1>(simd, layer, panel, y, groups.len() * ROWS + i, [input]);
    }
}

/// Row `y` of `R` windows, whose places begin with the `first`, from one panel.
#[inline(always)]
fn back_to_some<S: Simd, const V: usize, const R: usize>(
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
        let at = (first + r) * layer.wide;
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
            let there = load(simd, place);
            store(simd, place, simd.add_f32s(there, sum));
        }
    }
}

/// The gradient of a layer's weights: every window times its place's gradients, added up.
pub(crate) struct WeightGradient<'a> {
    pub(crate) windows: &'a Windows,
    pub(crate) input: &'a [f32],
    /// The output's gradient, `[places, wide]`, zeros behind the channels.
    pub(crate) output: &'a [f32],
    /// Its channels and the zeros.
    pub(crate) wide: usize,
    /// What is added to: panels like those of the weights.
    pub(crate) panels: &'a mut [PackedWeights],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, input, output, wide, panels } = self;
        for panel in panels {
            by_width!(panel, all_values::<S>(simd, windows, input, output, wide, panel));
        }
    }
}

#[inline(always)]
fn all_values<S: Simd, const V: usize>(
    simd: S,
    windows: &Windows,
    input: &[f32],
    output: &[f32],
    wide: usize,
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
            some_values::<S, V, VALUES>(simd, windows, (input, at), (output, wide, first), sums);
            at += VALUES;
        }
        for sums in threes {
            some_values::<S, V, 3>(simd, windows, (input, at), (output, wide, first), sums);
            at += 3;
        }
        for sums in ones {
            let sums = std::array::from_mut(sums);
            some_values::<S, V, 1>(simd, windows, (input, at), (output, wide, first), sums);
            at += 1;
        }
    }
}

/// `T` neighbouring values of all windows, the first of them `at` behind a window's
/// beginning, times the gradients of `V` vectors of channels.
#[inline(always)]
fn some_values<S: Simd, const V: usize, const T: usize>(
    simd: S,
    windows: &Windows,
    (input, at): (&[f32], usize),
    (output, wide, first): (&[f32], usize, usize),
    sums: &mut [[S::f32s; V]; T],
) {
    let mut held = *sums;
    for (&begin, place) in windows.inputs.iter().zip(output.chunks_exact(wide)) {
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
