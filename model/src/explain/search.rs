//! A search for a small change of the ink that changes the answer.

use crate::{
    backend::DeviceFailed,
    classifier::Classifier,
    glyph::{Glyph, PIXELS, SIDE},
    order::order,
    prediction::Prediction,
    verdict::Verdict,
};

/// What a pen's dot adds to or takes from the pixels around its centre, 3 × 3.
const DAB: [u8; 9] = [70, 180, 70, 180, 255, 180, 70, 180, 70];
/// A dot is set at most this many pixels from ink.
const REACH: usize = 3;
/// How many of the dots that promised most are tried again in each step.
const TRIED: usize = 40;
/// Added to the ink of a dot, in pixels, when its gain is divided by it: else the search would take
/// many steps that hardly change anything.
const STEP_COST: f32 = 1.0;
const NEW: f32 = f32::MAX;
/// The search ends after so many dots.
const MAX_DABS: usize = 40;

/// A greedy search: dot by dot, it adds or removes the ink that brings another answer nearest for
/// the least ink, until the answer changes. Then it takes back whatever is not needed. What it finds
/// is small, and not always the smallest.
#[derive(Debug)]
pub struct Search {
    classifier: Classifier,
    begun: Glyph,
    glyph: Glyph,
    /// The label that it must not be, and the one that it must be, if any.
    answer: usize,
    target: Option<usize>,
    margin: f32,
    dabs: usize,
    /// What each dot promised when it was tried last, by [`Dab::index`]; [`NEW`] if it never was.
    gains: Vec<f32>,
}

/// How far a search has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It goes on from this glyph.
    Searching(Glyph),
    /// This glyph has another answer.
    Found(Glyph),
    /// There is no dot that brings another answer nearer.
    GivenUp,
}

/// A dot of ink, or of paper.
#[derive(Clone, Copy, Debug)]
struct Dab {
    centre: usize,
    adds: bool,
}

impl Search {
    /// A search for a change after which the glyph is read as `target`, or as anything else than now.
    ///
    /// # Errors
    /// The device fails.
    pub fn new(
        classifier: &Classifier,
        glyph: &Glyph,
        target: Option<usize>,
    ) -> Result<Self, DeviceFailed> {
        let found = classifier.classify(std::slice::from_ref(glyph))?.pop();
        let answer = found.as_ref().map_or(0, |prediction| prediction.index);
        let mut search = Self {
            classifier: classifier.clone(),
            begun: glyph.clone(),
            glyph: glyph.clone(),
            answer,
            target: target.filter(|&label| label != answer),
            margin: f32::MIN,
            dabs: 0,
            gains: vec![NEW; 2 * PIXELS],
        };
        search.margin = found.map_or(f32::MIN, |prediction| search.margin(&prediction));
        Ok(search)
    }

    /// Adds or removes one dot.
    ///
    /// # Errors
    /// The device fails.
    pub fn step(&mut self) -> Result<Progress, DeviceFailed> {
        self.try_dabs()?;
        let best = self.dabs().max_by(|a, b| self.gain(a).total_cmp(&self.gain(b)));
        let Some(best) = best.filter(|dab| self.gain(dab) > 0.0 && self.dabs < MAX_DABS) else {
            return Ok(Progress::GivenUp);
        };
        self.glyph = best.on(&self.glyph);
        self.dabs += 1;
        // It is there now.
        self.gains[best.index()] = f32::MIN;
        let prediction = self.read(std::slice::from_ref(&self.glyph))?.pop();
        let Some(prediction) = prediction else { return Ok(Progress::GivenUp) };
        self.margin = self.margin(&prediction);
        if !self.is_other(&prediction) {
            return Ok(Progress::Searching(self.glyph.clone()));
        }
        self.take_back()?;
        Ok(Progress::Found(self.glyph.clone()))
    }

    /// Tries the dots that were not tried yet, and those that promised most again: what is
    /// there by now changes what another dot gains.
    fn try_dabs(&mut self) -> Result<(), DeviceFailed> {
        let dabs: Vec<Dab> = self.dabs().collect();
        let promised: Vec<f32> = dabs.iter().map(|dab| -self.gain(dab)).collect();
        let fresh = promised.iter().filter(|&&gain| gain == -NEW).count();
        let tried = order(&promised).into_iter().take(fresh + TRIED).map(|i| dabs[i]);
        let tried: Vec<Dab> = tried.collect();
        let glyphs: Vec<Glyph> = tried.iter().map(|dab| dab.on(&self.glyph)).collect();
        let predictions = self.read(&glyphs)?;
        for ((dab, glyph), prediction) in tried.into_iter().zip(&glyphs).zip(&predictions) {
            let gain = self.margin(prediction) - self.margin;
            self.gains[dab.index()] = gain / (ink_between(&self.glyph, glyph) + STEP_COST);
        }
        Ok(())
    }

    /// Takes changed pixels back, the largest changes first, as long as the answer stays another one.
    fn take_back(&mut self) -> Result<(), DeviceFailed> {
        let by = |i: usize| self.glyph.pixels()[i].abs_diff(self.begun.pixels()[i]);
        let changes: Vec<f32> = (0..PIXELS).map(|i| -f32::from(by(i))).collect();
        for i in order(&changes).into_iter().take_while(|&i| changes[i] < 0.0) {
            let mut pixels = *self.glyph.pixels();
            pixels[i] = self.begun.pixels()[i];
            let glyph = Glyph::new(pixels);
            let read = self.read(std::slice::from_ref(&glyph))?.pop();
            if read.is_some_and(|prediction| self.is_other(&prediction)) {
                self.glyph = glyph;
            }
        }
        Ok(())
    }

    /// The dots that may be set: of ink near ink, of paper on ink.
    fn dabs(&self) -> impl Iterator<Item = Dab> {
        let pixels = *self.glyph.pixels();
        let mut near = [false; PIXELS];
        for i in (0..PIXELS).filter(|&i| pixels[i] > 0) {
            around(i, REACH).for_each(|j| near[j] = true);
        }
        (0..PIXELS).filter(|i| (i % SIDE + i / SIDE).is_multiple_of(2)).flat_map(move |centre| {
            let adds = near[centre] && pixels[centre] < 255;
            let removes = pixels[centre] > 0;
            let dab = move |(may, adds): (bool, bool)| may.then_some(Dab { centre, adds });
            [(adds, true), (removes, false)].into_iter().filter_map(dab)
        })
    }

    fn gain(&self, dab: &Dab) -> f32 {
        self.gains[dab.index()]
    }

    fn read(&self, glyphs: &[Glyph]) -> Result<Vec<Prediction>, DeviceFailed> {
        self.classifier.classify(glyphs)
    }

    /// Whether the answer is another one, and not that it is no label at all.
    fn is_other(&self, prediction: &Prediction) -> bool {
        let is_wanted = match self.target {
            Some(target) => prediction.index == target,
            None => prediction.index != self.answer,
        };
        is_wanted && self.classifier.thresholds().verdict(prediction) != Verdict::NotADigit
    }

    /// By how much another label leads, in logits, over all that it must lead over: the present answer
    /// and rejection as out of distribution.
    fn margin(&self, prediction: &Prediction) -> f32 {
        let known = prediction.in_distribution;
        let logit = |share: f32| share.max(f32::MIN_POSITIVE).ln();
        let wanted = |i: usize| self.target.map_or(i != self.answer, |target| i == target);
        let most = |wins: bool| {
            let all = prediction.probabilities.iter().enumerate();
            let of = all.filter(|&(i, _)| wanted(i) == wins).map(|(_, share)| logit(share * known));
            of.fold(f32::MIN, f32::max)
        };
        most(true) - most(false).max(logit(1.0 - known))
    }
}

impl Dab {
    fn index(self) -> usize {
        2 * self.centre + usize::from(self.adds)
    }

    fn on(self, glyph: &Glyph) -> Glyph {
        let mut pixels = *glyph.pixels();
        for i in around(self.centre, 1) {
            let (dx, dy) = (i % SIDE + 1 - self.centre % SIDE, i / SIDE + 1 - self.centre / SIDE);
            let ink = DAB[3 * dy + dx];
            pixels[i] = if self.adds { pixels[i].max(ink) } else { pixels[i].min(255 - ink) };
        }
        Glyph::new(pixels)
    }
}

/// The pixels at most `reach` columns and rows away.
fn around(centre: usize, reach: usize) -> impl Iterator<Item = usize> {
    let along = move |at: usize| at.saturating_sub(reach)..(at + reach + 1).min(SIDE);
    let (x, y) = (centre % SIDE, centre / SIDE);
    along(y).flat_map(move |y| along(x).map(move |x| y * SIDE + x))
}

/// The ink that differs, in pixels full of ink.
fn ink_between(a: &Glyph, b: &Glyph) -> f32 {
    let by = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b));
    a.pixels().iter().zip(b.pixels()).map(by).sum::<u32>() as f32 / 255.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_kernels::LayerWeights;

    use super::*;

    /// Two labels: the ink above the middle against the ink below it. So the change with the least ink
    /// is known.
    fn scales() -> Classifier {
        let weight = |i: usize| if i / 2 < PIXELS / 2 { [0.1, -0.1] } else { [-0.1, 0.1] };
        let weights = (0..2 * PIXELS).map(|i| weight(i)[i % 2]).collect();
        let linear = LayerWeights::Linear { shape: [PIXELS, 2], weights, bias: vec![0.0; 2] };
        Classifier::of_layers(&[linear], vec!["above".into(), "below".into()]).unwrap()
    }

    fn glyph(ink: impl Fn(usize, usize) -> u8) -> Glyph {
        Glyph::new(std::array::from_fn(|i| ink(i % SIDE, i / SIDE)))
    }

    /// What it finds.
    fn run(search: &mut Search) -> Option<Glyph> {
        loop {
            match search.step().unwrap() {
                Progress::Searching(_) => {}
                Progress::Found(glyph) => return Some(glyph),
                Progress::GivenUp => return None,
            }
        }
    }

    #[test]
    fn what_it_finds_is_read_as_another_label_and_needs_every_change() {
        let classifier = scales();
        // 12 pixels above, 8 below.
        let begun =
            glyph(
                |x, y| if x == 14 && (2..14).contains(&y) || x == 8 && y >= 20 { 255 } else { 0 },
            );
        assert_eq!(classifier.classify(std::slice::from_ref(&begun)).unwrap()[0].index, 0);
        let found = run(&mut Search::new(&classifier, &begun, None).unwrap()).unwrap();
        let index = |glyph: Glyph| classifier.classify(&[glyph]).unwrap()[0].index;
        assert_eq!(index(found.clone()), 1);
        // Four pixels' worth of ink tip the scales.
        let ink = ink_between(&begun, &found);
        assert!((4.0..5.5).contains(&ink), "{ink} {found:?}");
        for i in (0..PIXELS).filter(|&i| found.pixels()[i] != begun.pixels()[i]) {
            let mut pixels = *found.pixels();
            pixels[i] = begun.pixels()[i];
            assert_eq!(index(Glyph::new(pixels)), 0, "pixel {i} is not needed");
        }
    }

    #[test]
    fn it_gives_up_where_ink_changes_nothing() {
        let linear = LayerWeights::Linear {
            shape: [PIXELS, 2],
            weights: vec![0.0; 2 * PIXELS],
            bias: vec![1.0, 0.0],
        };
        let classifier = Classifier::of_layers(&[linear], vec!["a".into(), "b".into()]).unwrap();
        let bar = glyph(|x, _| if x == 14 { 255 } else { 0 });
        assert_eq!(run(&mut Search::new(&classifier, &bar, None).unwrap()), None);
        // Without ink there is nothing near which ink could be added.
        let blank = glyph(|_, _| 0);
        assert_eq!(run(&mut Search::new(&scales(), &blank, Some(1)).unwrap()), None);
    }

    #[test]
    fn dots_stay_on_the_glyph() {
        for centre in [0, SIDE - 1, PIXELS - SIDE, PIXELS - 1] {
            let dotted = Dab { centre, adds: true }.on(&glyph(|_, _| 0));
            assert_eq!(dotted.pixels()[centre], 255);
            assert_eq!(dotted.pixels().iter().filter(|&&ink| ink > 0).count(), 4);
            let erased = Dab { centre, adds: false }.on(&glyph(|_, _| 255));
            assert_eq!(erased.pixels()[centre], 0);
        }
    }
}
