//! Weights packed into panels that fit the CPU's registers.
//!
//! A panel holds the weights of a few neighbouring output channels, in the order in which the
//! inner loop reads them. These are the micro-panels of BLIS: Van Zee and van de Geijn, "BLIS: A
//! Framework for Rapidly Instantiating BLAS Functionality" (2015).

use pulp::{Arch, Simd, WithSimd};

/// One panel: the weights of neighbouring output channels.
#[derive(Clone, Debug)]
pub(crate) struct PackedWeights {
    /// The index of its first channel.
    pub(crate) first: usize,
    /// The number of its channels in CPU vectors, 1 to 4.
    pub(crate) vectors: usize,
    /// `[values of a window, vectors · lanes]`, zeros for channels that do not exist.
    pub(crate) weights: Vec<f32>,
    /// One value per channel; empty for gradients.
    pub(crate) bias: Vec<f32>,
}

/// The CPU's vector registers: the number of `f32` lanes in each, and how many vectors wide a
/// panel may be if the sums of several windows are to stay in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    pub(crate) lanes: usize,
    max_vectors: usize,
}

impl Registers {
    pub(crate) fn of(arch: Arch) -> Self {
        arch.dispatch(MeasureRegisters)
    }

    /// The number of channels rounded up to whole vectors.
    pub(crate) fn padded(self, channels: usize) -> usize {
        channels.next_multiple_of(self.lanes)
    }

    /// Packs weights `[values of a window, channels]` and biases into panels, padded with zeros.
    pub(crate) fn pack(self, weights: &[f32], bias: &[f32], channels: usize) -> Vec<PackedWeights> {
        let Self { lanes, max_vectors } = self;
        let vectors = channels.div_ceil(lanes);
        let count = vectors.div_ceil(max_vectors);
        let mut first = 0;
        let mut panel = |i: usize| {
            // As evenly as possible: 5 vectors become 3 and 2, not 4 and 1, because a panel of
            // one vector has too few independent sums to keep the multiply-add units busy.
            let vectors = (vectors * (i + 1)).div_ceil(count) - (vectors * i).div_ceil(count);
            let width = vectors * lanes;
            let own = first..(first + width).min(channels);
            let mut filled = vec![0.0; weights.len() / channels * width];
            for (row, all) in filled.chunks_exact_mut(width).zip(weights.chunks_exact(channels)) {
                row[..own.len()].copy_from_slice(&all[own.clone()]);
            }
            let mut own_bias = bias.get(own).unwrap_or_default().to_vec();
            own_bias.resize(width, 0.0);
            let panel = PackedWeights { first, vectors, weights: filled, bias: own_bias };
            first += width;
            panel
        };
        (0..count).map(&mut panel).collect()
    }
}

/// The weights `[values of a window, channels]` and the biases of these panels: the inverse of
/// [`Registers::pack`].
pub(crate) fn unpacked(panels: &[PackedWeights], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let values = panels.first().map_or(0, |panel| panel.weights.len() / panel.bias.len().max(1));
    let (mut weights, mut bias) = (vec![0.0; values * channels], vec![0.0; channels]);
    for PackedWeights { first, weights: packed, bias: own_bias, .. } in panels {
        let own = *first..(first + own_bias.len()).min(channels);
        bias[own.clone()].copy_from_slice(&own_bias[..own.len()]);
        let rows = packed.chunks_exact(own_bias.len());
        for (row, all) in rows.zip(weights.chunks_exact_mut(channels)) {
            all[own.clone()].copy_from_slice(&row[..own.len()]);
        }
    }
    (weights, bias)
}

/// Finds out the size and number of the CPU's vector registers.
struct MeasureRegisters;

impl WithSimd for MeasureRegisters {
    type Output = Registers;

    fn with_simd<S: Simd>(self, _: S) -> Registers {
        Registers { lanes: S::F32_LANES, max_vectors: max_vectors::<S>() }
    }
}

/// How many vectors wide a panel may be.
///
/// A block of 4 windows needs 4 registers of sums for each vector, one for each vector's weight and
/// one for the window's value: 4 vectors need 21 of 32, 2 vectors 11 of 16. WebAssembly does not say
/// how many the CPU has: most have 16.
pub(crate) const fn max_vectors<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 && !cfg!(target_family = "wasm") { 4 } else { 2 }
}
