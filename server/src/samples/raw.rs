//! An input as it was drawn, photographed or computed, and the glyph in it.

use bytes::Bytes;
use glyphic_model::{
    Glyph,
    glyph::WrongLength,
    number::{
        Bounds, Lattice,
        table::{Lines, NotOnSheet, Tables},
    },
    preprocess::{Pictures, Point, StrokeError, Strokes},
};
use glyphic_runtime::decode::{DecodeError, decode, pixels};
use thiserror::Error;

use super::sample::Form;

/// Most pixels and bytes of a picture that one symbol is made of in a millisecond.
const TINY_PICTURE: (u64, usize) = (1 << 10, 16 << 10);
/// The same in 20 ms. A JPEG may hide many scans in a small picture.
const LIGHT_PICTURE: (u64, usize) = (80_000, 128 << 10);
/// The same of a picture of a number: it is drawn once for each way to group its pieces.
const LIGHT_NUMBER: (u64, usize) = (64 * 64, 16 << 10);
/// Most microseconds of tiny and of light strokes, by the costs below.
const TINY_STROKES: f64 = 700.0;
const LIGHT_STROKES: f64 = 25_000.0;
/// Most strokes of a number that is light: for each, the network reads up to seven glyphs.
const FEW_STROKES: usize = 24;
/// Most neighbouring strokes that are drawn as one symbol.
const GROUPED: usize = 7;
/// What it costs to draw a point, and a line as long as the longer side of a glyph, in microseconds
/// on an Intel Xeon, rounded up.
const COST_OF_POINT: f64 = 3.5;
const COST_OF_SIDE: f64 = 18.0;
/// How much longer than the longer side a line can be: the diagonal.
const DIAGONAL: f64 = std::f64::consts::SQRT_2;

/// What is to be made of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// One glyph, and what is kept of the input.
    Symbol,
    /// All segmentations into a number.
    Number {
        /// Whether the request says where the symbols are.
        boxed: bool,
    },
    /// Tables, with all of their cells.
    Sheet,
}

/// How long work may take, whatever is in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// A millisecond.
    Tiny,
    /// 20 ms.
    Light,
    /// Up to a second.
    Heavy,
}

impl Effort {
    /// That of parsing so many bytes.
    pub fn of_length(bytes: usize) -> Self {
        match bytes {
            0..=0x4000 => Self::Tiny,
            0x4001..=0x4_0000 => Self::Light,
            _ => Self::Heavy,
        }
    }
}

/// An input, without what it was packed in.
#[derive(Clone, Debug)]
pub enum Raw {
    /// An image file.
    Image(Bytes),
    /// Pen strokes.
    Strokes(Strokes),
    /// A glyph.
    Pixels(Box<Glyph>),
}

/// Why an input cannot be read.
#[derive(Debug, Error)]
pub enum RawError {
    /// The image cannot be decoded.
    #[error(transparent)]
    Image(#[from] DecodeError),
    /// The strokes cannot be drawn.
    #[error(transparent)]
    Strokes(#[from] StrokeError),
    /// The pixels are not a glyph.
    #[error(transparent)]
    Pixels(#[from] WrongLength),
    /// A table is to be read, and this is no picture.
    #[error("tables are read in pictures")]
    NoPicture,
    /// The lines of a table that are given are elsewhere.
    #[error(transparent)]
    NotOnSheet(#[from] NotOnSheet),
}

impl Raw {
    /// How long it may take to make this of it.
    pub fn effort(&self, aim: Aim) -> Effort {
        match self {
            Self::Image(bytes) => match pixels(bytes) {
                Ok(pixels) => picture_effort(pixels, bytes.len(), aim),
                // What is no image is refused at once.
                Err(_) => Effort::Tiny,
            },
            Self::Strokes(strokes) => strokes_effort(strokes, aim),
            Self::Pixels(_) => Effort::Tiny,
        }
    }

    /// Decodes, and makes a glyph for a checkpoint of these pictures. `None` if it is blank. A large
    /// image may take some hundred milliseconds: do not call this on the async runtime's threads.
    pub fn glyph(&self, pictures: Pictures) -> Result<Option<Glyph>, RawError> {
        match self {
            Self::Image(bytes) => Ok(pictures.glyph(&decode(bytes)?)),
            Self::Strokes(strokes) => Ok(strokes.glyph()),
            Self::Pixels(glyph) => Ok((!glyph.is_blank()).then(|| Glyph::clone(glyph))),
        }
    }

    /// All segmentations of it, into a number or a single digit, for a checkpoint of these pictures;
    /// `boxes` and `turns` as for [`Lattice`]. It is as slow as [`glyph`](Self::glyph).
    pub fn lattice(
        &self,
        pictures: Pictures,
        boxes: Option<&[Bounds]>,
        turns: Option<usize>,
    ) -> Result<Lattice, RawError> {
        Ok(match self {
            Self::Image(bytes) => pictures.lattice(&decode(bytes)?, boxes, turns),
            Self::Strokes(strokes) => Lattice::of_strokes(strokes, boxes),
            Self::Pixels(glyph) => Lattice::of_glyph(glyph),
        })
    }

    /// The tables in it, those with these lines if any are given; `turns` as for [`Tables`].
    pub fn tables(
        &self,
        given: Option<&[Lines]>,
        turns: Option<usize>,
    ) -> Result<Tables, RawError> {
        let Self::Image(bytes) = self else { return Err(RawError::NoPicture) };
        let picture = decode(bytes)?;
        match given {
            Some(given) => Ok(Tables::of_lines(&picture, given, turns)?),
            None => Ok(Tables::of_picture(&picture, turns)),
        }
    }

    /// Its form.
    pub fn form(&self) -> Form {
        match self {
            Self::Image(_) => Form::Image,
            Self::Strokes(_) => Form::Strokes,
            Self::Pixels(_) => Form::Pixels,
        }
    }

    /// Its form, and its bytes as they are kept.
    pub fn into_bytes(self) -> (Form, Vec<u8>) {
        let form = self.form();
        let bytes = match self {
            Self::Image(bytes) => bytes.into(),
            Self::Strokes(strokes) => serde_json::to_vec(&strokes).unwrap_or_default(),
            Self::Pixels(glyph) => glyph.pixels().to_vec(),
        };
        (form, bytes)
    }
}

fn picture_effort(pixels: u64, bytes: usize, aim: Aim) -> Effort {
    let is_within = |(most_pixels, most_bytes)| pixels <= most_pixels && bytes <= most_bytes;
    match aim {
        Aim::Symbol if is_within(TINY_PICTURE) => Effort::Tiny,
        Aim::Symbol if is_within(LIGHT_PICTURE) => Effort::Light,
        Aim::Number { .. } if is_within(LIGHT_NUMBER) => Effort::Light,
        _ => Effort::Heavy,
    }
}

/// By what it costs to draw the strokes, in as many groups as they are drawn in.
fn strokes_effort(strokes: &Strokes, aim: Aim) -> Effort {
    let strokes = strokes.points();
    let cost: f64 = match aim {
        // They are refused.
        Aim::Sheet => return Effort::Tiny,
        Aim::Symbol => strokes.iter().map(|stroke| cost(stroke)).sum(),
        Aim::Number { boxed: false } => {
            let groups = groups(strokes.len()) as f64;
            strokes.iter().map(|stroke| groups * cost(stroke)).sum()
        }
        // A box may contain a small part of a stroke, which is drawn as large as a whole one.
        Aim::Number { boxed: true } => {
            let points: usize = strokes.iter().map(Vec::len).sum();
            points as f64 * (COST_OF_POINT + COST_OF_SIDE * DIAGONAL)
        }
    };
    let are_few = aim == Aim::Symbol || strokes.len() <= FEW_STROKES;
    match cost {
        cost if cost <= TINY_STROKES && are_few => Effort::Tiny,
        cost if cost <= LIGHT_STROKES && are_few => Effort::Light,
        _ => Effort::Heavy,
    }
}

/// Most groups of neighbours that one of so many strokes belongs to: of each size, there are as many
/// as it has members, or as there are of that size.
fn groups(strokes: usize) -> usize {
    (1..=strokes.min(GROUPED)).map(|size| size.min(strokes - size + 1)).sum()
}

/// What it costs at most to draw a stroke: so large that it fills the glyph. With others, it is drawn
/// smaller.
fn cost(stroke: &[Point]) -> f64 {
    let length: f64 = stroke.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    let side = Bounds::around(stroke).map_or(0.0, |all| f64::from(all.width().max(all.height())));
    let sides = if side > 0.0 { length / side } else { 0.0 };
    stroke.len() as f64 * COST_OF_POINT + sides * COST_OF_SIDE
}

fn distance(from: Point, to: Point) -> f64 {
    let [x, y] = [0, 1].map(|axis| f64::from(to[axis]) - f64::from(from[axis]));
    x.hypot(y)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_model::glyph::PIXELS;

    use super::*;

    const NUMBER: Aim = Aim::Number { boxed: false };

    /// So many strokes that run so many times from one corner to the other.
    fn zigzags(strokes: usize, times: usize) -> Raw {
        let point = |i: usize| [(i % 2 * 900) as f32, (i % 2 * 900) as f32];
        Raw::Strokes(Strokes::new(vec![(0..times).map(point).collect(); strokes]).unwrap())
    }

    /// As many strokes as people write, of points that lie close together.
    fn written(strokes: usize) -> Raw {
        let point = |i: usize| [20.0 * (i as f32 / 8.0).cos(), 4.0 * i as f32];
        Raw::Strokes(Strokes::new(vec![(0..40).map(point).collect(); strokes]).unwrap())
    }

    #[test]
    fn what_people_write_is_not_heavy_and_one_symbol_is_tiny() {
        assert_eq!([1, 2, 3, 5, 13, 99].map(groups), [1, 2, 4, 9, 28, 28]);
        assert_eq!(written(1).effort(NUMBER), Effort::Tiny);
        assert_eq!(written(2).effort(NUMBER), Effort::Tiny);
        assert_eq!(written(3).effort(Aim::Symbol), Effort::Tiny);
        assert_eq!(written(5).effort(NUMBER), Effort::Light);
        assert_eq!(Raw::Pixels(Box::new(Glyph::new([0; PIXELS]))).effort(NUMBER), Effort::Tiny);
    }

    #[test]
    fn what_is_drawn_many_times_is_heavy_though_it_has_few_points() {
        assert_eq!(zigzags(48, 85).effort(NUMBER), Effort::Heavy);
        assert_eq!(zigzags(10, 85).effort(NUMBER), Effort::Heavy);
        assert_eq!(zigzags(1, 4000).effort(Aim::Symbol), Effort::Heavy);
        assert_eq!(zigzags(1, 800).effort(Aim::Number { boxed: true }), Effort::Light);
        assert_eq!(zigzags(1, 2000).effort(Aim::Number { boxed: true }), Effort::Heavy);
        assert_eq!(zigzags(25, 2).effort(NUMBER), Effort::Heavy);
    }

    #[test]
    fn a_picture_is_light_only_if_it_is_small_and_of_a_number_only_if_it_is_tiny() {
        assert_eq!(picture_effort(28 * 28, 500, Aim::Symbol), Effort::Tiny);
        assert_eq!(picture_effort(28 * 28, 500, NUMBER), Effort::Light);
        assert_eq!(picture_effort(250 * 250, 9000, Aim::Symbol), Effort::Light);
        assert_eq!(picture_effort(250 * 250, 9000, NUMBER), Effort::Heavy);
        assert_eq!(picture_effort(28 * 28, 200 << 10, Aim::Symbol), Effort::Heavy);
        assert_eq!(picture_effort(4000 * 3000, 9000, Aim::Symbol), Effort::Heavy);
    }
}
