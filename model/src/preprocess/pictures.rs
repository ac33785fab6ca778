//! How a picture becomes a glyph: the one place that decides it, for training, measuring, serving and
//! the browser.

use serde::{Deserialize, Serialize};

use super::{picture::Picture, whole};
use crate::glyph::Glyph;

/// What the pictures of a checkpoint are. Pen strokes are ink for every checkpoint.
///
/// ```
/// use glyphic_model::preprocess::{Picture, Pictures};
///
/// // A white bar from the upper edge to the lower one, on black.
/// let pixel = |i| if i % 28 < 8 { [255; 4] } else { [0, 0, 0, 255] };
/// let bar = Picture::new(28, 28, (0..28 * 28).flat_map(pixel).collect()).unwrap();
/// let whole = Pictures::Whole.glyph(&bar).unwrap();
/// assert_eq!(whole.pixels()[..9], [255, 255, 255, 255, 255, 255, 255, 255, 0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// By way of a text: the code for names of variants would add a KB to what browsers load.
#[serde(try_from = "String", into = "&str")]
pub enum Pictures {
    /// Ink on paper: the ink is found, and framed as MNIST frames its digits.
    #[default]
    Ink,
    /// Pictures as they are, whose subject may reach the edge: they are only scaled.
    Whole,
}

impl Pictures {
    /// The names of both, in the order of [`ALL`](Self::ALL).
    pub const NAMES: [&str; 2] = ["ink", "whole"];
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ink, Self::Whole];

    /// The glyph of the one symbol in a picture. `None` if it is blank.
    ///
    /// Works for dark on light, light on dark, colours, and transparency.
    pub fn glyph(self, picture: &Picture) -> Option<Glyph> {
        match self {
            Self::Ink => picture.glyph(),
            Self::Whole => whole::glyph(picture),
        }
    }

    /// Whether they are ink, as those of all checkpoints were that do not say.
    pub fn is_ink(&self) -> bool {
        *self == Self::Ink
    }

    /// The name in manifests and options.
    pub fn name(self) -> &'static str {
        let [ink, whole] = Self::NAMES;
        if self.is_ink() { ink } else { whole }
    }
}

impl From<Pictures> for &str {
    fn from(pictures: Pictures) -> Self {
        pictures.name()
    }
}

impl TryFrom<String> for Pictures {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let named = Self::ALL.into_iter().find(|pictures| pictures.name() == name);
        named.ok_or("`pictures` must be \"ink\" or \"whole\"")
    }
}
