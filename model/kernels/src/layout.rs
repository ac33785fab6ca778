//! Where a network's maps, windows and weights lie.

use crate::layers::LayerWeights;

/// A square map with zeros around it, channels last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) side: usize,
    pub(crate) padding: usize,
    pub(crate) channels: usize,
}

/// The windows of a layer over its input, one for each place of its output.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Where each begins in the input.
    pub(crate) inputs: Vec<usize>,
    /// Values of a row, which lie in one piece.
    pub(crate) row: usize,
    /// From one row to the next, in values.
    pub(crate) stride: usize,
}

/// One layer's place among the others.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) from: Map,
    pub(crate) to: Map,
    pub(crate) windows: Windows,
    /// For each value of a window and each channel, the channels fastest, where the
    /// weight is in [`LayerWeights`].
    pub(crate) order: Vec<usize>,
}

impl Placed {
    /// All layers of a network that reads square pictures of this side, first to last.
    pub(crate) fn all(side: usize, layers: &[LayerWeights]) -> Vec<Self> {
        let padding = |i: usize| match layers.get(i) {
            Some(&LayerWeights::Convolution { padding, .. }) => padding,
            _ => 0,
        };
        let mut from = Map { side, padding: padding(0), channels: 1 };
        let place = |(i, layer): (usize, &LayerWeights)| {
            let placed = match *layer {
                LayerWeights::Convolution { shape, stride, .. } => {
                    let [channels, _, kernel, _] = shape;
                    let side = (from.side + 2 * from.padding - kernel) / stride + 1;
                    let to = Map { side, padding: padding(i + 1), channels };
                    let windows = Windows::of_convolution(kernel, stride, from, to);
                    Self { from, to, windows, order: order_of_convolution(shape) }
                }
                LayerWeights::Linear { shape: [_, channels], .. } => {
                    let to = Map { side: 1, padding: 0, channels };
                    Self { from, to, windows: Windows::whole(from), order: order_of(from, to) }
                }
            };
            from = placed.to;
            placed
        };
        layers.iter().enumerate().map(place).collect()
    }

    /// A layer's weights as windows are read: `[values of a window, channels]`.
    pub(crate) fn by_window(&self, weights: &[f32]) -> Vec<f32> {
        self.order.iter().map(|&at| weights[at]).collect()
    }

    /// Back to the order of [`LayerWeights`].
    pub(crate) fn by_shape(&self, by_window: &[f32]) -> Vec<f32> {
        let mut weights = vec![0.0; by_window.len()];
        for (&at, &weight) in self.order.iter().zip(by_window) {
            weights[at] = weight;
        }
        weights
    }

    /// Where the channels of each place lie in the next layer's input.
    pub(crate) fn outputs(&self) -> Vec<usize> {
        self.to.places().map(|(x, y)| self.to.at(x, y)).collect()
    }
}

impl Map {
    /// Where the channels of a place begin.
    pub(crate) fn at(self, x: usize, y: usize) -> usize {
        ((y + self.padding) * self.width() + x + self.padding) * self.channels
    }

    fn width(self) -> usize {
        self.side + 2 * self.padding
    }

    /// Values of the whole map, padding included.
    pub(crate) fn size(self) -> usize {
        self.width() * self.width() * self.channels
    }

    /// All places, row by row.
    pub(crate) fn places(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.side * self.side).map(move |i| (i % self.side, i / self.side))
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

    /// A linear layer is one window over all there is.
    fn whole(from: Map) -> Self {
        Self { inputs: vec![0], row: from.size(), stride: 0 }
    }
}

/// [`LayerWeights`] has a convolution's weights as [out, in, y, x], windows are read as [y, x, in, out].
fn order_of_convolution([outputs, inputs, kernel, _]: [usize; 4]) -> Vec<usize> {
    permuted([kernel, kernel, inputs, outputs], |y, x, i, o| {
        ((o * inputs + i) * kernel + y) * kernel + x
    })
}

/// [`LayerWeights`] has a linear layer's weights as [channel, y, x, out], maps are kept here as
/// [y, x, channel, out].
fn order_of(Map { side, channels, .. }: Map, to: Map) -> Vec<usize> {
    permuted([side, side, channels, to.channels], |y, x, channel, o| {
        ((channel * side + y) * side + x) * to.channels + o
    })
}

/// The indices at all places of a shape, the last axis fastest.
fn permuted(
    [a, b, c, d]: [usize; 4],
    index: impl Fn(usize, usize, usize, usize) -> usize,
) -> Vec<usize> {
    let places = (0..a * b * c * d).map(|i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d));
    places.map(|(a, b, c, d)| index(a, b, c, d)).collect()
}
