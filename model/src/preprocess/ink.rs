//! Ink maps: what pictures and strokes become before they are framed.

/// An ink map of any size: 255 for full ink, 0 for paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ink {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<u8>,
}

impl Ink {
    /// An ink map of `width` × `height` pixels from its values, row by row. `None` if the number of
    /// values is not `width * height`.
    pub fn new(width: usize, height: usize, values: Vec<u8>) -> Option<Self> {
        (width.checked_mul(height) == Some(values.len())).then_some(Self { width, height, values })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row.
    pub fn values(&self) -> &[u8] {
        &self.values
    }
}
