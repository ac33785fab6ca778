//! A labelled glyph, which everything else here works on.

use glyphic_model::Glyph;

/// A glyph and the label of what it shows.
#[derive(Clone, Debug)]
pub struct Example {
    /// The glyph.
    pub glyph: Glyph,
    /// Index of its label. In training, the number of labels stands for *none of them*: the
    /// example is a negative.
    pub label: usize,
}
