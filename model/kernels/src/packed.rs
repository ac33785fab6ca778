//! Weights, packed into panels that fit the CPU's registers (the micro-panels of BLIS: Van
//! Zee and van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality",
//! 2015).

use pulp::{Arch, Simd, WithSimd};

/// One panel: the weights of some neighbouring output channels.
#[derive(Clone, Debug)]
pub(crate) struct PackedWeights {
    /// The first of its channels.
    pub(crate) first: usize,
    /// Its width in the CPU's vectors, 1 to 4.
    pub(crate) vectors: usize,
    /// For each value of a window, a weight for each channel.
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Lanes of a vector, and how many vectors wide a panel may be so that the sums of several
/// windows stay in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    pub(crate) lanes: usize,
    most: usize,
}

impl Registers {
    pub(crate) fn of(arch: Arch) -> Self {
        arch.dispatch(MeasureRegisters)
    }

    /// So many channels as whole vectors.
    pub(crate) fn whole(self, channels: usize) -> usize {
        channels.next_multiple_of(self.lanes)
    }

    /// Packs weights `[values of a window, channels]` and biases, padded with zeros.
    pub(crate) fn pack(self, weights: &[f32], bias: &[f32], channels: usize) -> Vec<PackedWeights> {
        let Self { lanes, most } = self;
        let vectors = channels.div_ceil(lanes);
        let count = vectors.div_ceil(most);
        let mut first = 0;
        let mut panel = |i: usize| {
            // As even as can be: 5 vectors are 3 and 2.
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

/// Asks the CPU how wide its registers are.
struct MeasureRegisters;

impl WithSimd for MeasureRegisters {
    type Output = Registers;

    fn with_simd<S: Simd>(self, _: S) -> Registers {
        Registers { lanes: S::F32_LANES, most: if S::REGISTER_COUNT >= 32 { 4 } else { 2 } }
    }
}
