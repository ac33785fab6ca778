//! Synthetic handwriting: what people draw for each label, and much that they draw
//! that is none of them.
//!
//! ```text
//! shapes/*.txt ─ library ─┬─ of the labels ───┐
//! a user's drawings ──────┘                   ├─ vary ─► strokes ─► glyph
//! letters, signs, several symbols, scribbles ─┘        (model's pen and frame)
//! textures ─────────────────────────────────► picture ─► glyph
//! ```
//!
//! MNIST's pictures, scanned from the paper of one country, are no drawings and lack
//! many shapes that people write; and a network that has seen digits alone takes
//! everything for one. A drawing follows from its number alone.

mod library;
mod others;
mod scribble;
pub mod sheet;
mod texture;
pub mod vary;

use glyphic_model::{
    Glyph,
    checkpoint::sha256,
    preprocess::{Point, Strokes},
};
use rand::seq::IndexedRandom;
use rayon::prelude::*;

use crate::{
    batches::{Purpose, rng},
    data::{
        Example,
        strokes::{Drawing, by_label},
    },
};
use library::{MARKS, Shape, look_alike};
pub use others::Kind;
use vary::Variation;

/// Drawings with a number below this are for checking, never for training.
const CHECKED: u64 = 2_500;
/// Pictures of each kind of what is no label, for checking.
const CHECKED_OTHERS: usize = 200;
/// To be raised whenever the same number gives another picture; the shapes speak for
/// themselves.
const GENERATOR: u32 = 2;

/// What the generator is, as a hash of its shapes: a run goes on only with the same.
pub fn generator() -> String {
    let shapes = library::FILES.concat();
    sha256(format!("{GENERATOR}\n{shapes}").as_bytes())
}

/// What can be drawn for a set of labels, and what is none of them.
#[derive(Clone, Default)]
pub struct Shapes {
    /// The shapes of each label that has any.
    known: Vec<(usize, Vec<Strokes>)>,
    /// Letters, and digits, that are no labels and look like none.
    letters: Vec<Strokes>,
    /// Signs and small pictures.
    marks: Vec<Strokes>,
    /// Labels of the network; what is none of them is numbered next.
    classes: usize,
}

impl Shapes {
    /// The library's shapes of these labels. Shapes that are not, nor look like, one
    /// of them are drawn as none of them.
    pub fn of(labels: &[String]) -> Self {
        let library = library::built_in();
        let others = |of: fn(usize) -> bool| {
            let unlike = |shape: &&Shape| {
                of(shape.file) && !labels.iter().any(|label| look_alike(label, &shape.label))
            };
            library.iter().filter(unlike).map(|shape| shape.strokes.clone()).collect()
        };
        let of_label = |label: &String| -> Vec<Strokes> {
            // A user's "star" or "ring" need not be the library's.
            let own = library.iter().filter(|s| s.label == *label && s.file != MARKS);
            own.map(|shape| shape.strokes.clone()).collect()
        };
        let known = labels.iter().map(of_label).enumerate();
        Self {
            known: known.filter(|(_, shapes)| !shapes.is_empty()).collect(),
            letters: others(|file| file != MARKS),
            marks: others(|file| file == MARKS),
            classes: labels.len(),
        }
    }

    /// Nothing of the library, for so many labels whose names do not say what they stand for.
    pub fn nameless(classes: usize) -> Self {
        Self { classes, ..Self::default() }
    }

    /// Adds a user's drawings of a label, each a shape of its own.
    pub fn add(&mut self, label: usize, drawings: Vec<Strokes>) {
        match self.known.iter_mut().find(|(known, _)| *known == label) {
            Some((_, shapes)) => shapes.extend(drawings),
            None => self.known.push((label, drawings)),
        }
    }

    /// Adds a user's drawings of `labels`; those of other labels are left out.
    pub fn add_all(&mut self, labels: &[String], drawings: Vec<Drawing>) {
        for (label, drawings) in by_label(drawings) {
            if let Some(index) = labels.iter().position(|known| *known == label) {
                self.add(index, drawings);
            }
        }
    }

    /// Whether any label can be drawn.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The labels that can be drawn.
    pub fn labels(&self) -> impl Iterator<Item = usize> {
        self.known.iter().map(|(label, _)| *label)
    }

    /// Drawings of the labels to check on: the same ones each time.
    pub fn to_check_on(&self) -> Vec<Example> {
        self.drawings(0..CHECKED)
    }

    /// About `count` drawings of the labels to train on, none of which is checked on.
    pub fn to_train_on(&self, count: usize) -> Vec<Example> {
        self.drawings(CHECKED..CHECKED + count as u64)
    }

    /// What is no label, to check on: some of each kind, none of which is trained on. Its
    /// label is the number of labels.
    pub fn others_to_check_on(&self) -> Vec<(String, Vec<Example>)> {
        Kind::ALL.map(|kind| (kind.name().to_owned(), self.others_of(kind, CHECKED_OTHERS))).into()
    }

    /// About `count` pictures of one kind of what is no label, none of which is trained on.
    pub fn others_of(&self, kind: Kind, count: usize) -> Vec<Example> {
        let other = |number| {
            let glyph = others::glyph(self, kind, &mut rng(1, Purpose::Others, number))?;
            Some(Example { glyph, label: self.classes })
        };
        (0..count as u64).into_par_iter().filter_map(other).collect()
    }

    /// About `count` pictures of what is no label, to train on.
    pub fn others_to_train_on(&self, count: usize) -> Vec<Example> {
        let other = |number| Some(Example { glyph: self.other(number)?, label: self.classes });
        (CHECKED..CHECKED + count as u64).into_par_iter().filter_map(other).collect()
    }

    /// The strokes of a label's drawing to check on, number 0 to 2,499, about 1 unit
    /// large. `None` for a label without shapes.
    pub fn strokes(&self, label: usize, number: u64) -> Option<Vec<Vec<Point>>> {
        let mut rng = rng(1 + label as u64, Purpose::Drawn, number % CHECKED);
        let (_, shapes) = self.known.iter().find(|(known, _)| *known == label)?;
        Some(Variation::default().strokes(shapes.choose(&mut rng)?, &mut rng))
    }

    fn drawings(&self, numbers: std::ops::Range<u64>) -> Vec<Example> {
        let drawing = |number| self.drawing(None, number);
        numbers.into_par_iter().filter_map(drawing).collect()
    }

    /// A label's drawing of this number; of any label if none is given.
    fn drawing(&self, label: Option<usize>, number: u64) -> Option<Example> {
        let mut rng = rng(label.map_or(0, |label| 1 + label as u64), Purpose::Drawn, number);
        let (label, shapes) = match label {
            Some(label) => self.known.iter().find(|(known, _)| *known == label)?,
            None => self.known.choose(&mut rng)?,
        };
        let glyph = Variation::default().glyph(shapes.choose(&mut rng)?, &mut rng)?;
        Some(Example { glyph, label: *label })
    }

    /// The picture of this number of what is no label.
    fn other(&self, number: u64) -> Option<Glyph> {
        let mut rng = rng(0, Purpose::Others, number);
        others::glyph(self, Kind::random(&mut rng), &mut rng)
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
        let shapes = Shapes::of(&digits());
        let drawn = shapes.to_check_on();
        assert_eq!(drawn.len(), CHECKED as usize);
        for label in 0..10 {
            assert!(drawn.iter().filter(|example| example.label == label).count() > 180);
        }
        assert!(drawn.iter().all(|example| !example.glyph.is_blank()));
        let again = shapes.to_check_on();
        assert!(drawn.iter().zip(&again).all(|(a, b)| a.glyph == b.glyph));
        let trained = shapes.to_train_on(CHECKED as usize);
        assert!(drawn.iter().zip(&trained).all(|(a, b)| a.glyph != b.glyph));
    }

    #[test]
    fn what_is_no_label_has_ink_and_a_number_of_its_own() {
        let shapes = Shapes::of(&digits());
        for (kind, others) in shapes.others_to_check_on() {
            // Two thirds of the textures are blank paper to preprocessing.
            let least = if kind == Kind::Texture.name() { 20 } else { 95 };
            assert!(others.len() > CHECKED_OTHERS * least / 100, "{kind}: {}", others.len());
            assert!(others.iter().all(|other| other.label == 10 && !other.glyph.is_blank()));
        }
        assert!(shapes.others_to_train_on(1000).len() > 950);
        // Also where all letters and signs are labels.
        let all: Vec<String> = library::built_in().iter().map(|s| s.label.clone()).collect();
        assert!(Shapes::of(&all).others_to_train_on(1000).len() > 950);
    }

    #[test]
    fn letters_are_others_until_they_are_labels() {
        let digits = Shapes::of(&digits());
        let count = |shapes: &Shapes| shapes.letters.len();
        let with_a = Shapes::of(&[self::digits(), vec!["A".to_owned()]].concat());
        assert_eq!(with_a.known.len(), 11);
        assert!(count(&with_a) < count(&digits));
        // Where letters are the labels, digits are others; but for a 0 beside an O.
        let letters = Shapes::of(&["O".to_owned(), "x".to_owned()]);
        let nothing = Shapes::of(&[]);
        let left_out = library::built_in()
            .iter()
            .filter(|shape| ["0", "O", "o", "Q", "x", "X"].contains(&shape.label.as_str()))
            .filter(|shape| look_alike("O", &shape.label) || look_alike("x", &shape.label));
        assert_eq!(letters.known.len(), 2);
        assert_eq!(count(&letters) + left_out.count(), count(&nothing));
    }

    #[test]
    fn a_users_drawings_are_varied_too() {
        let labels = ["0".to_owned(), "hook".to_owned()];
        let mut shapes = Shapes::of(&labels);
        let hook = Strokes::new(vec![vec![[0.0, 0.0], [0.0, 9.0], [4.0, 9.0]]]).unwrap();
        shapes.add(1, vec![hook]);
        let hooks: Vec<_> =
            shapes.to_check_on().into_iter().filter(|example| example.label == 1).collect();
        assert!(hooks.len() > 1000);
        assert!(hooks[0].glyph != hooks[1].glyph);
    }
}
