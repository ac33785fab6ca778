//! Which side of a picture is up.
//!
//! Phones and scanners often hand over pictures that lie on their side. The network knows what upright
//! digits look like, so it is asked for a sample of the pieces of ink, each turned four ways.

use super::{
    lattice::{Later, Sides, cost, reading_cost},
    pairs::SaidOfPair,
    picture::Page,
};
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
/// And by this in all.
const LEAST: f32 = 4.0;
/// A piece tells which side is up if it costs less than this from one of them.
const TELLING: f32 = 1.0;

/// A piece of ink turned clockwise by 0 to 3 quarters.
pub(super) struct FourWays {
    /// It as a symbol.
    pub(super) glyphs: [Glyph; 4],
    /// The cost of reading it as a pair of digits that touch.
    pair: [f32; 4],
}

impl FourWays {
    /// `glyph` is that of the ink as it is.
    pub(super) fn of(glyph: Glyph, mut ink: Ink) -> Self {
        let pair = std::array::from_fn(|_| {
            let said = SaidOfPair::of(&ink);
            ink = ink.turned();
            cost(said.map_or(0.0, |said| said.best_pair()))
        });
        Self { glyphs: four_ways(glyph), pair }
    }
}

/// A picture that may have to be turned, and a sample of its pieces of ink.
pub(super) struct SidesOfPage {
    page: Page,
    sample: Vec<FourWays>,
}

impl SidesOfPage {
    /// `None` if there is only one piece: a single symbol is taken as it is, because a 6 may be a 9.
    pub(super) fn of(page: &Page, sample: Vec<FourWays>) -> Option<Box<dyn Sides>> {
        let several = sample.len() > 1;
        several.then(|| -> Box<dyn Sides> { Box::new(Self { page: page.clone(), sample }) })
    }
}

impl Sides for SidesOfPage {
    fn glyphs(&self) -> Vec<Glyph> {
        self.sample.iter().flat_map(|piece| &piece.glyphs).cloned().collect()
    }

    /// The picture turned to the side from which it costs least to read.
    fn turned(
        self: Box<Self>,
        predictions: &[Prediction],
        thresholds: Thresholds,
    ) -> Option<Later> {
        let turns = is_turned(&self.sample, predictions, thresholds)?;
        Some(Box::new(move || self.page.turned(turns).lattice()))
    }
}

/// By how many quarters some pieces have to be turned clockwise to be upright, given the predictions
/// for the glyphs of each of them. `None` if they are upright.
pub(super) fn is_turned(
    sample: &[FourWays],
    predictions: &[Prediction],
    thresholds: Thresholds,
) -> Option<usize> {
    let of_piece = |(piece, said): (&FourWays, &[Prediction; 4])| -> [f32; 4] {
        let single = |side: usize| reading_cost(&said[side], thresholds.rejects());
        std::array::from_fn(|side| single(side).min(piece.pair[side]))
    };
    let costs = sample.iter().zip(predictions.as_chunks().0).map(of_piece);
    // What cannot be read from any side does not tell which one is up.
    let telling: Vec<[f32; 4]> =
        costs.filter(|sides| sides.iter().any(|&cost| cost < TELLING)).collect();
    let total = |turns: usize| telling.iter().map(|sides| sides[turns]).sum::<f32>();
    let turns = (0..4).min_by(|&a, &b| total(a).total_cmp(&total(b)))?;
    let gain = total(0) - total(turns);
    (gain > (UPRIGHT * telling.len() as f32).max(LEAST)).then_some(turns)
}

/// A glyph turned clockwise by 0 to 3 quarters, each framed anew.
fn four_ways(glyph: Glyph) -> [Glyph; 4] {
    let mut upright = glyph;
    std::array::from_fn(|_| {
        let pixels: [u8; PIXELS] =
            std::array::from_fn(|i| upright.pixels()[(SIDE - 1 - i % SIDE) * SIDE + i / SIDE]);
        let turned = Ink::new(SIDE, SIDE, pixels.to_vec()).and_then(|ink| frame(&ink));
        std::mem::replace(&mut upright, turned.unwrap_or(Glyph::new(pixels)))
    })
}
