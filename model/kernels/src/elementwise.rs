//! Batch norm and ReLU on one picture, forward and backward: the steps between two matrix
//! products.
//!
//! `sums` are a layer's outputs before norm and ReLU. They and their gradients have the shape
//! `[places, padded]`, where a place is a position of the output map and `padded` is the number
//! of channels rounded up to whole vectors. Slices with one value per channel have the length
//! `padded`.

use pulp::{Simd, WithSimd};

/// Computes the next layer's input: `relu(sum · scale + shift)`.
pub(crate) struct ScaleShiftRelu<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) channels: usize,
    /// The index in `input` at which each place's channels begin.
    pub(crate) outputs: &'a [usize],
    pub(crate) input: &'a mut [f32],
}

impl WithSimd for ScaleShiftRelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [scale, shift] = [self.scale, self.shift].map(vectors_of::<S>);
        let zero = simd.splat_f32s(0.0);
        let places = vectors_of::<S>(self.sums).chunks_exact(scale.len()).zip(self.outputs);
        for (sums, &at) in places {
            let input = self.input[at..at + self.channels].chunks_mut(S::F32_LANES);
            for (((input, &sum), &scale), &shift) in input.zip(sums).zip(scale).zip(shift) {
                store(simd, input, at_least(simd, zero, simd.mul_add_e_f32s(sum, scale, shift)));
            }
        }
    }
}

/// Adds each channel's values over all places to `total`.
pub(crate) struct ChannelTotals<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) total: &'a mut [f32],
}

impl WithSimd for ChannelTotals<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (total, sums) = (vectors_of_mut::<S>(self.total), vectors_of::<S>(self.sums));
        let vectors = total.len();
        for (v, total) in total.iter_mut().enumerate() {
            for sums in sums.chunks_exact(vectors) {
                *total = simd.add_f32s(*total, sums[v]);
            }
        }
    }
}

/// Adds each channel's squared deviations from its mean, over all places, to `total`.
pub(crate) struct SquaredDeviations<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) total: &'a mut [f32],
}

impl WithSimd for SquaredDeviations<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (total, sums) = (vectors_of_mut::<S>(self.total), vectors_of::<S>(self.sums));
        let (vectors, mean) = (total.len(), vectors_of::<S>(self.mean));
        for (v, total) in total.iter_mut().enumerate() {
            for sums in sums.chunks_exact(vectors) {
                let deviation = simd.sub_f32s(sums[v], mean[v]);
                *total = simd.mul_add_e_f32s(deviation, deviation, *total);
            }
        }
    }
}

/// Turns the gradient of a norm's output into the gradient of its input, in place:
/// `gradient · scale + (sum − mean) · deviation_scale + shift`. `Norm::backward` computes the three
/// coefficients.
pub(crate) struct NormBackward<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) deviation_scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
}

impl WithSimd for NormBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mean, scale] = [self.mean, self.scale].map(vectors_of::<S>);
        let [deviation_scale, shift] = [self.deviation_scale, self.shift].map(vectors_of::<S>);
        let gradients = vectors_of_mut::<S>(self.gradient).chunks_exact_mut(scale.len());
        for (sums, gradients) in vectors_of::<S>(self.sums).chunks_exact(scale.len()).zip(gradients)
        {
            for (v, (gradient, &sum)) in gradients.iter_mut().zip(sums).enumerate() {
                let deviation = simd.sub_f32s(sum, mean[v]);
                let rest = simd.mul_add_e_f32s(deviation, deviation_scale[v], shift[v]);
                *gradient = simd.mul_add_e_f32s(*gradient, scale[v], rest);
            }
        }
    }
}

/// Turns the gradient of the next layer's input into the gradient of this layer's output before
/// ReLU. On the way, it adds up that gradient and its product with `sum − mean` for each channel,
/// because the gradients of the norm's shift and scale are made of these two totals.
pub(crate) struct ReluBackward<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) channels: usize,
    /// The index in `input` at which each place's channels begin.
    pub(crate) outputs: &'a [usize],
    /// The gradient of the next layer's input.
    pub(crate) input: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
    /// For each channel, the total of `gradient` and of `gradient · (sum − mean)`.
    pub(crate) totals: &'a mut [Vec<f32>; 2],
}

impl WithSimd for ReluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mean, scale, shift] = [self.mean, self.scale, self.shift].map(vectors_of::<S>);
        let [total, by_deviation] = self.totals;
        let (total, by_deviation) = (vectors_of_mut::<S>(total), vectors_of_mut::<S>(by_deviation));
        let zero = simd.splat_f32s(0.0);
        let (vectors, lanes) = (scale.len(), S::F32_LANES);
        let (sums, gradients) = (vectors_of::<S>(self.sums), vectors_of_mut::<S>(self.gradient));
        // The loop over channels is the outer one so that both totals stay in registers.
        for (v, (total, by_deviation)) in total.iter_mut().zip(by_deviation).enumerate() {
            let own = v * lanes..self.channels.min((v + 1) * lanes);
            let places = sums.chunks_exact(vectors).zip(gradients.chunks_exact_mut(vectors));
            for ((sums, gradients), &at) in places.zip(self.outputs) {
                let active = simd.mul_add_e_f32s(sums[v], scale[v], shift[v]);
                let passes = simd.greater_than_f32s(active, zero);
                let input = load(simd, &self.input[at + own.start..at + own.end]);
                gradients[v] = simd.select_f32s(passes, input, zero);
                *total = simd.add_f32s(*total, gradients[v]);
                let deviation = simd.sub_f32s(sums[v], mean[v]);
                *by_deviation = simd.mul_add_e_f32s(deviation, gradients[v], *by_deviation);
            }
        }
    }
}

/// The larger of each value and the floor. A NaN stays a NaN: the CPU's own maximum instruction
/// may drop it, which would hide that training has diverged.
#[inline(always)]
pub(crate) fn at_least<S: Simd>(simd: S, floor: S::f32s, values: S::f32s) -> S::f32s {
    simd.select_f32s(simd.greater_than_f32s(floor, values), floor, values)
}

/// A slice of values as a slice of vectors.
#[inline(always)]
fn vectors_of<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

#[inline(always)]
fn vectors_of_mut<S: Simd>(values: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(values).0
}

/// Loads a vector, padded with zeros if there are fewer values than lanes.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0 {
        &[vector] => vector,
        _ => simd.partial_load_f32s(values),
    }
}

/// Stores a vector, or as many of its lanes as there is room for.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0 {
        [whole] => *whole = vector,
        _ => simd.partial_store_f32s(values, vector),
    }
}
