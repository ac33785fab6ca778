//! The built-in shapes of letters, digits and signs, from `shapes/*.txt`.

use std::{array::from_fn, sync::LazyLock};

use glyphic_model::preprocess::{Point, Strokes};
use rand::{RngExt, rngs::StdRng};

/// The library's files; each shape has the index of its own.
pub(super) const FILES: [&str; 3] = [
    include_str!("shapes/digits.txt"),
    include_str!("shapes/letters.txt"),
    include_str!("shapes/signs.txt"),
];
/// Index of the file with signs and small pictures in [`FILES`].
pub(super) const SIGNS: usize = 2;
/// Groups of labels that are written alike, so that a drawing of one may be meant as another.
const LOOK_ALIKE: [&str; 19] = [
    "0Oo", "1Iil!", "2Zz", "5Ss$", "6b", "8B", "9gq", "cC<", "kK", "pP", "uU", "vV", "wW", "xX",
    "yY", "mM", "tT+", "jJ", "nh",
];
/// Straight pieces that approximate the curve between two points.
const PIECES: usize = 6;

/// A shape of the library.
pub(super) struct LibraryShape {
    pub(super) label: String,
    pub(super) form: Form,
    /// Index of its file in [`FILES`].
    pub(super) file: usize,
}

/// A form in which a symbol is written, or a range of them.
#[derive(Clone)]
pub(super) enum Form {
    /// Always the same.
    One(Strokes),
    /// All between two: the strokes' points, the same in number.
    Range([Vec<Vec<Point>>; 2]),
}

impl Form {
    /// One of its drawings. `None` if the points of a range are too many.
    pub(super) fn strokes(&self, rng: &mut StdRng) -> Option<Strokes> {
        let [from, to] = match self {
            Self::One(strokes) => return Some(strokes.clone()),
            Self::Range(ends) => ends,
        };
        let share = rng.random::<f32>();
        let between =
            |(a, b): (&Point, &Point)| from_fn(|axis| a[axis] + share * (b[axis] - a[axis]));
        let stroke = |(a, b): (&Vec<Point>, &Vec<Point>)| {
            curve(&a.iter().zip(b).map(between).collect::<Vec<Point>>())
        };
        Strokes::new(from.iter().zip(to).map(stroke).collect()).ok()
    }
}

/// All shapes of the library.
pub(super) fn built_in() -> &'static [LibraryShape] {
    static LIBRARY: LazyLock<Vec<LibraryShape>> = LazyLock::new(|| {
        let files = FILES.iter().enumerate();
        let lines = files.flat_map(|(file, text)| text.lines().map(move |line| (file, line)));
        lines
            .filter(|(_, line)| is_shape(line))
            .filter_map(|(file, line)| parse(file, line))
            .collect()
    });
    &LIBRARY
}

/// Whether a drawing of one label may be taken for the other.
pub(super) fn look_alike(label: &str, other: &str) -> bool {
    label == other
        || LOOK_ALIKE.iter().any(|alike| {
            [label, other].iter().all(|text| text.chars().count() == 1 && alike.contains(*text))
        })
}

/// Whether a line holds a shape, and is not a comment or empty. `# ` begins a comment, unless
/// points follow: then `#` is the label.
fn is_shape(line: &str) -> bool {
    let numbers = line.split_once(' ').is_some_and(|(_, rest)| {
        rest.starts_with(|first: char| first.is_ascii_digit() || first == '-')
    });
    numbers && parse(0, line).is_some()
}

/// Parses a label and its strokes: points `x,y` in hundredths, `!` after a point that is a
/// corner, `|` between strokes, `~` between the two ends of a range.
fn parse(file: usize, line: &str) -> Option<LibraryShape> {
    let (label, forms) = line.split_once(' ')?;
    let form = match forms.split_once('~') {
        None => {
            let strokes = points(forms)?.iter().map(|points| curve(points)).collect();
            Form::One(Strokes::new(strokes).ok()?)
        }
        Some((from, to)) => {
            let ends = [points(from)?, points(to)?];
            let [from, to] = ends.each_ref().map(|end| end.iter().map(Vec::len));
            if !from.eq(to) {
                return None;
            }
            Form::Range(ends)
        }
    };
    Some(LibraryShape { label: label.to_owned(), form, file })
}

/// The points of some strokes; a corner's are given twice.
fn points(strokes: &str) -> Option<Vec<Vec<Point>>> {
    let stroke = |stroke: &str| {
        let mut points = Vec::new();
        for text in stroke.split_whitespace() {
            let (x, y) = text.trim_end_matches('!').split_once(',')?;
            let point: Point = [x.parse().ok()?, y.parse().ok()?];
            points.push(point);
            if text.ends_with('!') {
                points.push(point);
            }
        }
        Some(points)
    };
    strokes.split('|').map(stroke).collect()
}

/// The Catmull–Rom spline (1974) through the points, [`PIECES`] straight pieces between each
/// two. A point that is given twice is a corner.
pub(super) fn curve(points: &[Point]) -> Vec<Point> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut line: Vec<Point> = points.first().copied().into_iter().collect();
    for i in 0..points.len().saturating_sub(1) as isize {
        let [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        if b == c {
            continue;
        }
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push(from_fn(|axis| {
                let [a, b, c, d] = [a[axis], b[axis], c[axis], d[axis]];
                b + t
                    * ((c - a) / 2.0
                        + t * (a - 2.5 * b + 2.0 * c - d / 2.0
                            + t * ((d - a) / 2.0 + 1.5 * (b - c))))
            }));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_library_is_a_shape() {
        let lines = FILES.iter().flat_map(|text| text.lines());
        let comment = |line: &str| {
            line.is_empty()
                || (line.starts_with("# ") && !line.contains(','))
                || (line.starts_with("# ") && line.contains(|c: char| c.is_ascii_lowercase()))
        };
        let shapes: Vec<&str> = lines.filter(|line| !comment(line)).collect();
        assert_eq!(built_in().len(), shapes.len());
        for digit in 0..10 {
            let own = built_in().iter().filter(|shape| shape.label == digit.to_string());
            assert!(own.count() >= 8, "{digit}");
        }
    }

    #[test]
    fn a_corner_stays_a_corner_and_a_bend_is_a_curve() {
        let bend = curve(&[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]]);
        let corner = curve(&[[0.0, 0.0], [10.0, 0.0], [10.0, 0.0], [10.0, 10.0]]);
        let beyond = |line: &[Point]| line.iter().any(|[x, y]| *x > 10.01 || *y < -0.01);
        assert!(beyond(&bend) && !beyond(&corner));
    }

    #[test]
    fn look_alikes_are_found() {
        assert!(look_alike("0", "o") && look_alike("9", "g") && look_alike("x", "X"));
        assert!(!look_alike("0", "1") && !look_alike("7", "T") && !look_alike("1", "11"));
    }
}
