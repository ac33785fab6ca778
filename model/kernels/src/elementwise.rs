//! What happens to a layer's sums between two products, on one picture: norm and ReLU, and
//! the way back through both. Sums and their gradients are `[places, wide]`, whole vectors;
//! what is one a channel is `wide` long.

use pulp::{Simd, WithSimd};

/// The next layer's input: sums scaled and shifted, 0 where that is negative.
pub(crate) struct Activate<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) channels: usize,
    /// Where each place's channels go.
    pub(crate) outputs: &'a [usize],
    pub(crate) input: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [scale, shift] = [self.scale, self.shift].map(whole::<S>);
        let zero = simd.splat_f32s(0.0);
        let places = whole::<S>(self.sums).chunks_exact(scale.len()).zip(self.outputs);
        for (sums, &at) in places {
            let input = self.input[at..at + self.channels].chunks_mut(S::F32_LANES);
            for (((input, &sum), &scale), &shift) in input.zip(sums).zip(scale).zip(shift) {
                store(simd, input, at_least(simd, zero, simd.mul_add_e_f32s(sum, scale, shift)));
            }
        }
    }
}

/// Adds up the sums.
pub(crate) struct Total<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) total: &'a mut [f32],
}

impl WithSimd for Total<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (total, sums) = (whole_mut::<S>(self.total), whole::<S>(self.sums));
        let vectors = total.len();
        for (v, total) in total.iter_mut().enumerate() {
            for sums in sums.chunks_exact(vectors) {
                *total = simd.add_f32s(*total, sums[v]);
            }
        }
    }
}

/// Adds up the squares of the sums' distances from these means.
pub(crate) struct Spread<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) total: &'a mut [f32],
}

impl WithSimd for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (total, sums) = (whole_mut::<S>(self.total), whole::<S>(self.sums));
        let (vectors, mean) = (total.len(), whole::<S>(self.mean));
        for (v, total) in total.iter_mut().enumerate() {
            for sums in sums.chunks_exact(vectors) {
                let distance = simd.sub_f32s(sums[v], mean[v]);
                *total = simd.mul_add_e_f32s(distance, distance, *total);
            }
        }
    }
}

/// The gradient of a norm's output becomes that of its input:
/// `gradient · by + (sum − mean) · by_sum + plus`.
pub(crate) struct ThroughNorm<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) by: &'a [f32],
    pub(crate) by_sum: &'a [f32],
    pub(crate) plus: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
}

impl WithSimd for ThroughNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mean, by, by_sum, plus] = [self.mean, self.by, self.by_sum, self.plus].map(whole::<S>);
        let gradients = whole_mut::<S>(self.gradient).chunks_exact_mut(by.len());
        for (sums, gradients) in whole::<S>(self.sums).chunks_exact(by.len()).zip(gradients) {
            for (v, (gradient, &sum)) in gradients.iter_mut().zip(sums).enumerate() {
                let distance = simd.sub_f32s(sum, mean[v]);
                let rest = simd.mul_add_e_f32s(distance, by_sum[v], plus[v]);
                *gradient = simd.mul_add_e_f32s(*gradient, by[v], rest);
            }
        }
    }
}

/// The gradient of the next layer's input becomes that of a layer's output before ReLU.
/// It is added up, and so is its product with the sums' distances from the mean.
pub(crate) struct ThroughRelu<'a> {
    pub(crate) sums: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) channels: usize,
    /// Where each place's channels lie in the next layer's input.
    pub(crate) outputs: &'a [usize],
    /// That input's gradient.
    pub(crate) input: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
    pub(crate) totals: &'a mut [Vec<f32>; 2],
}

impl WithSimd for ThroughRelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mean, scale, shift] = [self.mean, self.scale, self.shift].map(whole::<S>);
        let [plain, times] = self.totals;
        let (plain, times) = (whole_mut::<S>(plain), whole_mut::<S>(times));
        let zero = simd.splat_f32s(0.0);
        let (vectors, lanes) = (scale.len(), S::F32_LANES);
        let (sums, gradients) = (whole::<S>(self.sums), whole_mut::<S>(self.gradient));
        // Channel by channel, so that the totals stay in registers.
        for (v, (plain, times)) in plain.iter_mut().zip(times).enumerate() {
            let own = v * lanes..self.channels.min((v + 1) * lanes);
            let places = sums.chunks_exact(vectors).zip(gradients.chunks_exact_mut(vectors));
            for ((sums, gradients), &at) in places.zip(self.outputs) {
                let active = simd.mul_add_e_f32s(sums[v], scale[v], shift[v]);
                let passes = simd.greater_than_f32s(active, zero);
                let input = load(simd, &self.input[at + own.start..at + own.end]);
                gradients[v] = simd.select_f32s(passes, input, zero);
                *plain = simd.add_f32s(*plain, gradients[v]);
                let distance = simd.sub_f32s(sums[v], mean[v]);
                *times = simd.mul_add_e_f32s(distance, gradients[v], *times);
            }
        }
    }
}

/// The values, those below the floor as the floor. What is no number stays so: a CPU's
/// maximum may lose it, and with it the sign that training diverged.
#[inline(always)]
pub(crate) fn at_least<S: Simd>(simd: S, floor: S::f32s, values: S::f32s) -> S::f32s {
    simd.select_f32s(simd.greater_than_f32s(floor, values), floor, values)
}

/// Values as vectors.
#[inline(always)]
fn whole<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

#[inline(always)]
fn whole_mut<S: Simd>(values: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(values).0
}

/// A vector of these values, and zeros behind them if they are too few.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0 {
        &[vector] => vector,
        _ => simd.partial_load_f32s(values),
    }
}

/// Writes a vector, or as much of it as there is room for.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0 {
        [whole] => *whole = vector,
        _ => simd.partial_store_f32s(values, vector),
    }
}
