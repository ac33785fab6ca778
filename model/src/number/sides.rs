//! Which side of a picture is up.
//!
//! Phones and scanners often hand over pictures that lie on their side. The network knows what upright
//! digits look like, so it is asked for a sample of the pieces of ink, each turned four ways.

use super::{lattice::reading_cost, picture::Page};
use crate::{
    glyph::{Glyph, PIXELS, SIDE},
    prediction::Prediction,
    preprocess::{Ink, frame},
    verdict::Thresholds,
};

/// The most pieces that are looked at.
pub(super) const SAMPLE: usize = 24;
/// A turned picture must cost less by this, for a piece on average, as a negative log probability: few
/// people hand in a picture that is not upright, and 0, 1, 6, 8 and 9 can be read in two ways.
const UPRIGHT: f32 = 0.7;

/// A picture that may have to be turned, and a sample of its pieces of ink.
pub(super) struct Sides {
    page: Page,
    /// The glyphs of each piece, turned clockwise by 0 to 3 quarters.
    glyphs: Vec<[Glyph; 4]>,
}

impl Sides {
    /// `sample` are the glyphs of some pieces as they are. `None` if there is only one: a single
    /// symbol is taken as it is, because a 6 may be a 9.
    pub(super) fn of(page: &Page, sample: Vec<Glyph>) -> Option<Box<Self>> {
        let glyphs: Vec<[Glyph; 4]> = sample.into_iter().map(four_ways).collect();
        (glyphs.len() > 1).then(|| Box::new(Self { page: page.clone(), glyphs }))
    }

    pub(super) fn glyphs(&self) -> impl Iterator<Item = &Glyph> {
        self.glyphs.iter().flatten()
    }

    /// The picture turned to the side from which it costs least to read, given the predictions for
    /// [`glyphs`](Self::glyphs). `None` if that is the side which is up.
    pub(super) fn turned(self, predictions: &[Prediction], thresholds: Thresholds) -> Option<Page> {
        is_turned(predictions, thresholds).map(|turns| self.page.turned(turns))
    }
}

/// By how many quarters some symbols have to be turned clockwise to be upright, given the predictions
/// for each of them turned by 0 to 3 quarters. `None` if they are upright.
pub(super) fn is_turned(predictions: &[Prediction], thresholds: Thresholds) -> Option<usize> {
    let costs: Vec<f32> =
        predictions.iter().map(|said| reading_cost(said, thresholds.rejects())).collect();
    let total = |turns: usize| costs.iter().skip(turns).step_by(4).sum::<f32>();
    let turns = (0..4).min_by(|&a, &b| total(a).total_cmp(&total(b)))?;
    let gain = total(0) - total(turns);
    (gain > UPRIGHT * (costs.len() / 4) as f32).then_some(turns)
}

/// A glyph turned clockwise by 0 to 3 quarters, each framed anew.
pub(super) fn four_ways(glyph: Glyph) -> [Glyph; 4] {
    let mut upright = glyph;
    std::array::from_fn(|_| {
        let pixels: [u8; PIXELS] =
            std::array::from_fn(|i| upright.pixels()[(SIDE - 1 - i % SIDE) * SIDE + i / SIDE]);
        let turned = Ink::new(SIDE, SIDE, pixels.to_vec()).and_then(|ink| frame(&ink));
        std::mem::replace(&mut upright, turned.unwrap_or(Glyph::new(pixels)))
    })
}
