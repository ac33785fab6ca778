//! The generator of synthetic handwriting for a set of labels.

use glyphic_model::{
    checkpoint::sha256,
    preprocess::{Point, Strokes},
};
use rand::seq::IndexedRandom;
use rayon::prelude::*;

use super::{
    library::{self, Form, LibraryShape, SIGNS, look_alike},
    vary::Variation,
};
use crate::{
    example::Example,
    random::{Purpose, rng},
};

/// Pictures with a number below this are held back from training.
pub(super) const HELD_BACK: u64 = 2_500;
/// To be raised whenever the same number gives another picture; a change of the shapes is
/// noticed by their hash.
const VERSION: u32 = 2;

/// The generator's version and shapes as one hash. A resumed run requires the same one, or it
/// would be trained on other pictures.
pub fn generator_version() -> String {
    let shapes = library::FILES.concat();
    sha256(format!("{VERSION}\n{shapes}").as_bytes())
}

/// Draws the labels that have shapes, and negatives.
#[derive(Clone, Default)]
pub struct Generator {
    /// The shapes of each label that has any.
    pub(super) of_labels: Vec<(usize, Vec<Form>)>,
    /// Letters, and digits, that are no labels and do not look like one.
    pub(super) letters: Vec<Form>,
    /// Signs and small pictures that are no labels and do not look like one.
    pub(super) signs: Vec<Form>,
    /// Labels of the network. It is also the label of negatives: one more than the last.
    pub(super) classes: usize,
}

impl Generator {
    /// Draws these labels from the library. The library's other shapes become negatives,
    /// unless they look like one of the labels.
    pub fn of(labels: &[String]) -> Self {
        let library = library::built_in();
        let negatives = |of: fn(usize) -> bool| {
            let unlike = |shape: &&LibraryShape| {
                of(shape.file) && !labels.iter().any(|label| look_alike(label, &shape.label))
            };
            library.iter().filter(unlike).map(|shape| shape.form.clone()).collect()
        };
        let of_label = |label: &String| -> Vec<Form> {
            // What a user calls "star" or "ring" need not look like the library's.
            let own = library.iter().filter(|s| s.label == *label && s.file != SIGNS);
            own.map(|shape| shape.form.clone()).collect()
        };
        let of_labels = labels.iter().map(of_label).enumerate();
        Self {
            of_labels: of_labels.filter(|(_, shapes)| !shapes.is_empty()).collect(),
            letters: negatives(|file| file != SIGNS),
            signs: negatives(|file| file == SIGNS),
            classes: labels.len(),
        }
    }

    /// Draws nothing from the library, for this number of labels whose names do not say what
    /// they look like.
    pub fn without_library(classes: usize) -> Self {
        Self { classes, ..Self::default() }
    }

    /// Adds a user's drawings of a label, each a shape of its own.
    pub fn add(&mut self, label: usize, drawings: Vec<Strokes>) {
        let drawings = drawings.into_iter().map(Form::One);
        match self.of_labels.iter_mut().find(|(found, _)| *found == label) {
            Some((_, shapes)) => shapes.extend(drawings),
            None => self.of_labels.push((label, drawings.collect())),
        }
    }

    /// Adds a user's drawings by the text of their label; those of other texts than `labels`
    /// are left out.
    pub fn add_all(&mut self, labels: &[String], drawings: Vec<(String, Vec<Strokes>)>) {
        for (label, drawings) in drawings {
            if let Some(index) = labels.iter().position(|text| *text == label) {
                self.add(index, drawings);
            }
        }
    }

    /// Whether there is no label that it can draw.
    pub fn is_empty(&self) -> bool {
        self.of_labels.is_empty()
    }

    /// The labels that it can draw.
    pub fn labels(&self) -> impl Iterator<Item = usize> {
        self.of_labels.iter().map(|(label, _)| *label)
    }

    /// The pictures of the labels that are held back from training, the same ones each time.
    pub fn held_back(&self) -> Vec<Example> {
        self.examples(0..HELD_BACK)
    }

    /// About `count` pictures of the labels for training, none of which is held back.
    pub fn training(&self, count: usize) -> Vec<Example> {
        self.examples(HELD_BACK..HELD_BACK + count as u64)
    }

    /// The strokes of a label's held-back picture, number 0 to 2,499, about 1 unit large.
    /// `None` for a label without shapes.
    pub fn strokes(&self, label: usize, number: u64) -> Option<Vec<Vec<Point>>> {
        let mut rng = rng(1 + label as u64, Purpose::Synthetic, number % HELD_BACK);
        let (_, shapes) = self.of_labels.iter().find(|(found, _)| *found == label)?;
        let shape = shapes.choose(&mut rng)?.strokes(&mut rng)?;
        Some(Variation::default().strokes(&shape, &mut rng))
    }

    fn examples(&self, numbers: std::ops::Range<u64>) -> Vec<Example> {
        let example = |number| self.example(None, number);
        numbers.into_par_iter().filter_map(example).collect()
    }

    /// The picture with this number of a label; of any label if none is given.
    pub(super) fn example(&self, label: Option<usize>, number: u64) -> Option<Example> {
        let mut rng = rng(label.map_or(0, |label| 1 + label as u64), Purpose::Synthetic, number);
        let (label, shapes) = match label {
            Some(label) => self.of_labels.iter().find(|(found, _)| *found == label)?,
            None => self.of_labels.choose(&mut rng)?,
        };
        let shape = shapes.choose(&mut rng)?.strokes(&mut rng)?;
        let glyph = Variation::default().glyph(&shape, &mut rng)?;
        Some(Example { glyph, label: *label })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn digits() -> Vec<String> {
        (0..10).map(|digit| digit.to_string()).collect()
    }

    #[test]
    fn draws_every_label_and_the_same_each_time() {
        let generator = Generator::of(&digits());
        let held_back = generator.held_back();
        assert_eq!(held_back.len(), HELD_BACK as usize);
        for label in 0..10 {
            assert!(held_back.iter().filter(|example| example.label == label).count() > 180);
        }
        assert!(held_back.iter().all(|example| !example.glyph.is_blank()));
        let again = generator.held_back();
        assert!(held_back.iter().zip(&again).all(|(a, b)| a.glyph == b.glyph));
        let training = generator.training(HELD_BACK as usize);
        assert!(held_back.iter().zip(&training).all(|(a, b)| a.glyph != b.glyph));
    }

    #[test]
    fn letters_are_negatives_until_they_are_labels() {
        let digits = Generator::of(&digits());
        let count = |generator: &Generator| generator.letters.len();
        let with_a = Generator::of(&[self::digits(), vec!["A".to_owned()]].concat());
        assert_eq!(with_a.of_labels.len(), 11);
        assert!(count(&with_a) < count(&digits));
        // Where letters are the labels, digits are negatives; but for a 0 beside an O.
        let letters = Generator::of(&["O".to_owned(), "x".to_owned()]);
        let nothing = Generator::of(&[]);
        let left_out = library::built_in()
            .iter()
            .filter(|shape| ["0", "O", "o", "Q", "x", "X"].contains(&shape.label.as_str()))
            .filter(|shape| look_alike("O", &shape.label) || look_alike("x", &shape.label));
        assert_eq!(letters.of_labels.len(), 2);
        assert_eq!(count(&letters) + left_out.count(), count(&nothing));
    }

    #[test]
    fn a_users_drawings_are_varied_too() {
        let labels = ["0".to_owned(), "hook".to_owned()];
        let mut generator = Generator::of(&labels);
        let hook = Strokes::new(vec![vec![[0.0, 0.0], [0.0, 9.0], [4.0, 9.0]]]).unwrap();
        generator.add(1, vec![hook]);
        let hooks: Vec<_> =
            generator.held_back().into_iter().filter(|example| example.label == 1).collect();
        assert!(hooks.len() > 1000);
        assert!(hooks[0].glyph != hooks[1].glyph);
    }
}
