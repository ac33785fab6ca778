//! Negatives, out of distribution: letters, signs, several symbols at once, scribbles, and
//! textures such as photos turn into.

use glyphic_model::{
    Glyph,
    preprocess::{Point, Strokes},
};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use rayon::prelude::*;

use super::{
    generator::{Generator, HELD_BACK},
    scribble, texture,
    vary::Variation,
};
use crate::{
    example::Example,
    random::{Purpose, rng},
};

/// Negatives of each kind that are held back from training.
const HELD_BACK_OF_KIND: usize = 200;

/// A kind of negatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegativeKind {
    /// A letter that is no label and does not look like one.
    Letter,
    /// A sign or a small picture.
    Sign,
    /// Two to four symbols beside each other.
    Several,
    /// A scribble.
    Scribble,
    /// Noise, blobs, gradients.
    Texture,
}

impl NegativeKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Letter, Self::Sign, Self::Several, Self::Scribble, Self::Texture];

    /// Its name in cards and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Letter => "letters (synthetic)",
            Self::Sign => "signs (synthetic)",
            Self::Several => "several symbols (synthetic)",
            Self::Scribble => "scribbles (synthetic)",
            Self::Texture => "textures (synthetic)",
        }
    }

    /// A random kind; letters most often, because they are the hardest to tell from digits.
    fn random(rng: &mut StdRng) -> Self {
        match rng.random_range(0..100) {
            0..52 => Self::Letter,
            52..66 => Self::Sign,
            66..78 => Self::Several,
            78..95 => Self::Scribble,
            _ => Self::Texture,
        }
    }
}

impl Generator {
    /// Negatives that are held back from training, by kind. Their label is the number of
    /// labels.
    pub fn held_back_negatives(&self) -> Vec<(String, Vec<Example>)> {
        NegativeKind::ALL
            .map(|kind| (kind.name().to_owned(), self.negatives_of(kind, HELD_BACK_OF_KIND)))
            .into()
    }

    /// About `count` negatives of one kind, none of which is used in training.
    pub fn negatives_of(&self, kind: NegativeKind, count: usize) -> Vec<Example> {
        let negative = |number| {
            // Training uses seed 0.
            let glyph = draw(self, kind, &mut rng(1, Purpose::Negatives, number))?;
            Some(Example { glyph, label: self.classes })
        };
        (0..count as u64).into_par_iter().filter_map(negative).collect()
    }

    /// About `count` negatives of all kinds for training.
    pub fn training_negatives(&self, count: usize) -> Vec<Example> {
        let negative =
            |number| Some(Example { glyph: self.negative(number)?, label: self.classes });
        (HELD_BACK..HELD_BACK + count as u64).into_par_iter().filter_map(negative).collect()
    }

    /// The negative with this number.
    pub(super) fn negative(&self, number: u64) -> Option<Glyph> {
        let mut rng = rng(0, Purpose::Negatives, number);
        draw(self, NegativeKind::random(&mut rng), &mut rng)
    }
}

/// A negative of this kind. `None` if nothing can be seen on it.
fn draw(generator: &Generator, kind: NegativeKind, rng: &mut StdRng) -> Option<Glyph> {
    let Generator { letters, signs, .. } = generator;
    let strokes = match kind {
        // Where every letter or sign is a label, scribbles take their place.
        NegativeKind::Letter if letters.is_empty() => {
            return draw(generator, NegativeKind::Scribble, rng);
        }
        NegativeKind::Sign if signs.is_empty() => {
            return draw(generator, NegativeKind::Scribble, rng);
        }
        NegativeKind::Letter => letters.choose(rng)?.strokes(rng)?,
        NegativeKind::Sign => signs.choose(rng)?.strokes(rng)?,
        NegativeKind::Several => side_by_side(generator, rng)?,
        NegativeKind::Scribble => {
            Strokes::new(scribble::strokes(&any_symbol(generator, rng)?, rng)).ok()?
        }
        NegativeKind::Texture => return texture::glyph(rng).filter(|glyph| !glyph.is_blank()),
    };
    Variation::default().glyph(&strokes, rng).filter(|glyph| !glyph.is_blank())
}

/// A symbol, whether it is a label or not.
fn any_symbol(generator: &Generator, rng: &mut StdRng) -> Option<Strokes> {
    let Generator { of_labels, letters, .. } = generator;
    let form = match rng.random_range(0..3) {
        0 if !letters.is_empty() => letters.choose(rng),
        _ if of_labels.is_empty() => letters.choose(rng),
        _ => of_labels.choose(rng).and_then(|(_, shapes)| shapes.choose(rng)),
    };
    form?.strokes(rng)
}

/// Two to four symbols in a row, apart or touching.
fn side_by_side(generator: &Generator, rng: &mut StdRng) -> Option<Strokes> {
    let mut row: Vec<Vec<Point>> = Vec::new();
    let mut right = 0.0;
    // Half of the rows have three symbols, three of eight have two, the rest four.
    for _ in 0..2 + rng.random_range(0..6) / 3 + rng.random_range(0..4) / 3 {
        let symbol = any_symbol(generator, rng)?;
        let varied = Variation::default().strokes(&symbol, rng);
        let xs = || varied.iter().flatten().map(|point| point[0]);
        let (left, end) = (xs().fold(f32::MAX, f32::min), xs().fold(f32::MIN, f32::max));
        let shift = right - left + rng.random_range(0.02..0.35);
        let lift = rng.random_range(-0.15..0.15);
        row.extend(
            varied
                .into_iter()
                .map(|stroke| stroke.into_iter().map(|[x, y]| [x + shift, y + lift]).collect()),
        );
        right = end + shift;
    }
    Strokes::new(row).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::library;

    #[test]
    fn negatives_have_ink_and_a_label_of_their_own() {
        let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let generator = Generator::of(&digits);
        for (kind, negatives) in generator.held_back_negatives() {
            // Two thirds of the textures are blank paper to preprocessing.
            let least = if kind == NegativeKind::Texture.name() { 20 } else { 95 };
            let count = negatives.len();
            assert!(count > HELD_BACK_OF_KIND * least / 100, "{kind}: {count}");
            assert!(negatives.iter().all(|one| one.label == 10 && !one.glyph.is_blank()));
        }
        assert!(generator.training_negatives(1000).len() > 950);
        // Also where all letters and signs are labels.
        let all: Vec<String> = library::built_in().iter().map(|s| s.label.clone()).collect();
        assert!(Generator::of(&all).training_negatives(1000).len() > 950);
    }
}
