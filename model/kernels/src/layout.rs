//! The memory layout of a network's maps, windows and weights.

use crate::layers::{LayerMaps, LayerWeights};

/// The layout of a square feature map: channels last, with a border of zeros. Sides and padding
/// are in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) side: usize,
    pub(crate) padding: usize,
    pub(crate) channels: usize,
}

/// The windows of a layer over its input: one for each place (position) of its output.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// The index in the input at which each window begins.
    pub(crate) inputs: Vec<usize>,
    /// The number of values in a window's row; they are contiguous in the input.
    pub(crate) row: usize,
    /// The distance from one row of a window to the next, in values.
    pub(crate) stride: usize,
}

/// The layout of one layer: its input, its output, and how they and the weights correspond.
#[derive(Clone, Debug)]
pub(crate) struct LayerLayout {
    pub(crate) from: Map,
    pub(crate) to: Map,
    pub(crate) windows: Windows,
    /// The index in [`LayerWeights`] of each weight in window order, `[values of a window,
    /// channels]`.
    pub(crate) order: Vec<usize>,
}

impl LayerLayout {
    /// The layouts of a network's layers, first to last, for pictures of `side` × `side` pixels.
    pub(crate) fn all(side: usize, layers: &[LayerWeights]) -> Vec<Self> {
        let padding = |i: usize| match layers.get(i) {
            Some(&LayerWeights::Convolution { padding, .. }) => padding,
            _ => 0,
        };
        let mut from = Map { side, padding: padding(0), channels: 1 };
        let next = |(i, layer): (usize, &LayerWeights)| {
            let layout = match *layer {
                LayerWeights::Convolution { shape, stride, .. } => {
                    let [channels, _, kernel, _] = shape;
                    let side = (from.side + 2 * from.padding - kernel) / stride + 1;
                    let to = Map { side, padding: padding(i + 1), channels };
                    let windows = Windows::of_convolution(kernel, stride, from, to);
                    Self { from, to, windows, order: order_of_convolution(shape) }
                }
                LayerWeights::Linear { shape: [_, channels], .. } => {
                    let to = Map { side: 1, padding: 0, channels };
                    Self {
                        from,
                        to,
                        windows: Windows::whole(from),
                        order: order_of_linear(from, to),
                    }
                }
            };
            from = layout.to;
            layout
        };
        layers.iter().enumerate().map(next).collect()
    }

    /// Reorders weights from the order of [`LayerWeights`] to window order, `[values of a window,
    /// channels]`.
    pub(crate) fn by_window(&self, weights: &[f32]) -> Vec<f32> {
        self.order.iter().map(|&at| weights[at]).collect()
    }

    /// Reorders weights from window order back to the order of [`LayerWeights`].
    pub(crate) fn by_shape(&self, by_window: &[f32]) -> Vec<f32> {
        let mut weights = vec![0.0; by_window.len()];
        for (&at, &weight) in self.order.iter().zip(by_window) {
            weights[at] = weight;
        }
        weights
    }

    /// The index in the next layer's input at which each place's channels begin.
    pub(crate) fn outputs(&self) -> Vec<usize> {
        self.to.places().map(|(x, y)| self.to.at(x, y)).collect()
    }
}

impl Map {
    /// The index at which the channels of a place begin.
    pub(crate) fn at(self, x: usize, y: usize) -> usize {
        ((y + self.padding) * self.width() + x + self.padding) * self.channels
    }

    fn width(self) -> usize {
        self.side + 2 * self.padding
    }

    /// The number of values in the whole map, padding included.
    pub(crate) fn size(self) -> usize {
        self.width() * self.width() * self.channels
    }

    /// All places (x, y), row by row.
    pub(crate) fn places(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.side * self.side).map(move |i| (i % self.side, i / self.side))
    }

    /// The values without the padding, map by map.
    pub(crate) fn maps(self, values: &[f32]) -> LayerMaps {
        let Self { side, channels, .. } = self;
        let of_channel = |c| self.places().map(move |(x, y)| values[self.at(x, y) + c]);
        LayerMaps { channels, side, values: (0..channels).flat_map(of_channel).collect() }
    }
}

impl Windows {
    fn of_convolution(kernel: usize, stride: usize, from: Map, to: Map) -> Self {
        let corner = |(x, y)| (y * stride * from.width() + x * stride) * from.channels;
        Self {
            inputs: to.places().map(corner).collect(),
            row: kernel * from.channels,
            stride: from.width() * from.channels,
        }
    }

    /// A linear layer has one window, which covers the whole input.
    fn whole(from: Map) -> Self {
        Self { inputs: vec![0], row: from.size(), stride: 0 }
    }
}

/// Window order of a convolution's weights: [`LayerWeights`] stores them as `[out, in, y, x]`, and
/// a channels-last window is `[y, x, in, out]`.
fn order_of_convolution([outputs, inputs, kernel, _]: [usize; 4]) -> Vec<usize> {
    permuted([kernel, kernel, inputs, outputs], |y, x, i, o| {
        ((o * inputs + i) * kernel + y) * kernel + x
    })
}

/// Window order of a linear layer's weights: [`LayerWeights`] stores them as
/// `[channel, y, x, out]`, and a channels-last map is `[y, x, channel, out]`.
fn order_of_linear(Map { side, channels, .. }: Map, to: Map) -> Vec<usize> {
    permuted([side, side, channels, to.channels], |y, x, channel, o| {
        ((channel * side + y) * side + x) * to.channels + o
    })
}

/// The result of `index` for each element of a shape, in row-major order.
fn permuted(
    [a, b, c, d]: [usize; 4],
    index: impl Fn(usize, usize, usize, usize) -> usize,
) -> Vec<usize> {
    let indices = (0..a * b * c * d).map(|i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d));
    indices.map(|(a, b, c, d)| index(a, b, c, d)).collect()
}
