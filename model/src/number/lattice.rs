//! Which ink is which digit: the network reads every reasonable grouping of a line's segments into
//! symbols, and the most probable path through these groups wins.
//!
//! Where one digit ends and the next begins cannot be decided from the ink alone: two strokes may
//! be two digits or the parts of a 4. So the ink is cut into more segments than there are digits,
//! and the network, which knows what digits look like, chooses among the ways to put them together.
//! This is the over-segmentation and lattice search of LeCun, Bottou, Bengio and Haffner,
//! "Gradient-Based Learning Applied to Document Recognition" (1998), §V.
//!
//! The cost of a path is a sum of negative log probabilities: for each symbol, that it is one of
//! the labels (from the network, which can also reject it) and has a digit's shape, and for each
//! pair of neighbours, that they are two symbols (from the space between them). A symbol's cost
//! does not depend on the rest of the path, and a pair's only on its two symbols. So the cheapest
//! path to each candidate extends the cheapest path to one of those before it, and dynamic
//! programming finds the best of exponentially many paths with few steps.

use std::ops::Range;

use super::{
    bounds::Bounds,
    pairs::SaidOfPair,
    paths::{Path, Paths, label_cost, text},
    question::{Question, Reader, Step},
    reading::{ReadLine, Reading, Symbol},
    table::{Column, Fit},
};
use crate::{
    glyph::Glyph,
    order::sorted,
    prediction::Prediction,
    preprocess::{Homography, Point},
    verdict::{Thresholds, Verdict},
};

/// The most segments in one symbol.
pub(super) const MAX_SEGMENTS: usize = 10;
/// The most whole pieces of ink in one symbol, if they are in more slices than [`MAX_SEGMENTS`].
const MAX_WHOLE_PIECES: usize = 4;
/// The most work to draw candidates, in pixels.
const MAX_WORK: usize = 12_000_000;

// The following costs are negative natural logarithms, and the sizes are in line heights. They
// were chosen by reasoning and checked on numbers composed of this repository's synthetic digits
// (docs/log.md, 21 November, "Whole numbers").

/// Upper limit of the cost from one of the network's probabilities.
const WORST: f32 = 9.0;
/// Cost of a symbol that is not a digit, for each [`DIGIT_WIDTH`] of its width, at least once: a
/// wide blot takes the place of several digits and must not be cheaper than they are.
const NO_DIGIT: f32 = 4.5;
const DIGIT_WIDTH: f32 = 0.8;
/// Cost of a speck, which is left out.
pub(super) const SPECK: f32 = 1.5;
/// The largest width and height of a speck.
const SPECK_SIZE: f32 = 0.22;
/// Symbols lower than this cost [`LOW`] for each line height that they lack.
const LOW_HEIGHT: f32 = 0.55;
const LOW: f32 = 8.0;
/// Cost of empty columns between the segments of a symbol, per line height.
const LOOSE: f32 = 9.0;
/// Neighbouring symbols may overlap by this share of the narrower one's width. Beyond it they
/// cost up to [`ENTWINED`], the cost of a complete overlap.
const SHARED: f32 = 0.25;
const ENTWINED: f32 = 6.0;
/// The largest width of a symbol of several segments.
pub(super) const WIDEST: f32 = 2.1;
/// A reading that fits what is known of it is unlikely if it costs more than the best one by this.
const UNLIKELY: f32 = 6.0;
/// Widths below this count as this when overlaps are measured, because a share of the width of a
/// thin 1 says little.
const NARROW: f32 = 0.2;

/// A piece of ink that is never divided further.
pub(super) struct Segment {
    /// Identifies it to the function that draws it.
    pub(super) id: usize,
    pub(super) bounds: Bounds,
    /// The cost of cutting the ink before this segment: 0 if the ink is separate there anyway.
    pub(super) cut: f32,
    /// The work of drawing it, in pixels or an equivalent number.
    pub(super) work: usize,
}

/// A line of segments in reading order, and the height of its digits.
pub(super) struct LineOfSegments {
    pub(super) segments: Vec<Segment>,
    pub(super) height: f32,
}

impl LineOfSegments {
    /// The bounds of a group and the ids of its segments.
    pub(super) fn pieces(&self, group: Range<usize>) -> Option<(Bounds, Vec<usize>)> {
        let segments = &self.segments[group];
        let bounds = Bounds::around_all(segments.iter().map(|segment| &segment.bounds))?;
        Some((bounds, segments.iter().map(|segment| segment.id).collect()))
    }

    /// Whether ink is cut beside a group or within it.
    pub(super) fn is_cut(&self, group: Range<usize>) -> bool {
        let from = group.start..(group.end + 1).min(self.segments.len());
        self.segments[from].iter().any(|segment| segment.cut > 0.0)
    }
}

/// All candidates for the symbols on the lines of a drawing or a picture, to be read by a network:
/// see [`Question`].
pub struct Lattice {
    lines: Vec<LineOfCandidates>,
    grouping: Grouping,
    /// From the units of the candidates' bounds to the input's.
    map: Homography,
    /// How the input can be turned, if it may not be upright.
    sides: Option<Box<dyn Sides>>,
    /// Other ways to see the input.
    elsewhere: Option<Box<dyn Elsewhere>>,
    /// How often it was turned clockwise by a quarter.
    turns: usize,
    /// The corners of the sheet of paper in the input, if it was straightened.
    corners: Option<[Point; 4]>,
}

/// The most candidate symbols for one input, so that the cost of any input is bounded. If there would
/// be more, or too much work to draw them, fewer segments are grouped; if even single segments are too
/// many, each line is one symbol.
#[derive(Clone, Copy)]
pub(super) struct Thrift {
    pub(super) candidates: usize,
}

impl Thrift {
    /// For a whole picture or drawing.
    pub(super) const WHOLE: Self = Self { candidates: 768 };
}

/// Whether segments may be grouped into symbols.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Neighbouring segments may form one symbol, and some may be no symbol.
    Free,
    /// Each segment is one symbol.
    Given,
}

/// A line's candidates, in the order of their first segments.
pub(super) struct LineOfCandidates {
    pub(super) segments: usize,
    height: f32,
    pub(super) candidates: Vec<Candidate>,
}

/// Consecutive segments of a line as one symbol.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) group: Range<usize>,
    glyph: Glyph,
    strokes: Option<Vec<usize>>,
    /// What the network for pairs says of it, if it was asked.
    pub(super) pair: Option<SaidOfPair>,
    pub(super) shape: Shape,
    /// The cost of cutting the ink before it.
    cut: f32,
}

/// Groups of up to `most` consecutive segments, and of up to [`MAX_WHOLE_PIECES`] whole pieces, in
/// however many slices they are; in the order of their first segments.
pub(super) fn groups(segments: &[Segment], most: usize) -> Vec<Range<usize>> {
    let begins_piece = |i: usize| segments.get(i).is_none_or(|segment| segment.cut == 0.0);
    let ends = |first: usize| {
        let last = (first + most).min(segments.len());
        let pieces = (first + 1..=segments.len()).filter(|&end| begins_piece(end));
        let pieces = pieces.take(if begins_piece(first) { most.min(MAX_WHOLE_PIECES) } else { 0 });
        (first + 1..=last).chain(pieces.filter(move |&end| end > last))
    };
    (0..segments.len()).flat_map(|first| ends(first).map(move |end| first..end)).collect()
}

/// Whether all groups of up to `most` segments can be drawn and read within the limits.
fn is_affordable(lines: &[LineOfSegments], most: usize, thrift: Thrift) -> bool {
    let (mut count, mut work) = (0, 0);
    for line in lines {
        for group in groups(&line.segments, most) {
            count += 1;
            work += line.segments[group].iter().map(|segment| segment.work).sum::<usize>();
            if count > thrift.candidates || work > MAX_WORK {
                return false;
            }
        }
    }
    true
}

/// What the bounds of a candidate's segments tell about it.
#[derive(Clone)]
pub(super) struct Shape {
    bounds: Bounds,
    /// The cost of a digit with this shape.
    cost: f32,
    /// How many digits would be about as wide, at least 1.
    digits: f32,
    /// Whether it may be left out.
    pub(super) speck: bool,
}

/// A group of segments as it is read.
pub(super) struct Rendered {
    pub(super) glyph: Glyph,
    /// The strokes of the group if it consists of whole ones.
    pub(super) strokes: Option<Vec<usize>>,
    /// What the network for pairs says of it, if it is asked.
    pub(super) pair: Option<SaidOfPair>,
}

impl From<Glyph> for Rendered {
    fn from(glyph: Glyph) -> Self {
        Self { glyph, strokes: None, pair: None }
    }
}

impl Lattice {
    /// All groups of consecutive segments on each line that may be a symbol; `draw` renders them.
    pub(super) fn of(
        lines: &[LineOfSegments],
        grouping: Grouping,
        thrift: Thrift,
        draw: &dyn Fn(&LineOfSegments, Range<usize>) -> Option<Rendered>,
    ) -> Self {
        let affordable = |&most: &usize| is_affordable(lines, most, thrift);
        let most = match grouping {
            Grouping::Free => (1..=MAX_SEGMENTS).rev().find(affordable),
            Grouping::Given => Some(1),
        };
        let lines = lines.iter().take(thrift.candidates).map(|line| {
            let candidate = |group: Range<usize>| {
                let segments = &line.segments[group.clone()];
                let shape = Shape::of(segments, line.height, most.is_some())?;
                let cut = segments[0].cut;
                let Rendered { glyph, strokes, pair } = draw(line, group.clone())?;
                Some(Candidate { group, glyph, strokes, pair, shape, cut })
            };
            let groups = match most {
                Some(most) => groups(&line.segments, most),
                // Too many to try: one symbol, which the network will probably reject.
                None => std::iter::once(0..line.segments.len()).collect(),
            };
            let candidates = groups.into_iter().filter_map(candidate).collect();
            LineOfCandidates { segments: line.segments.len(), height: line.height, candidates }
        });
        Self {
            lines: lines.collect(),
            grouping,
            map: Homography::IDENTITY,
            sides: None,
            elsewhere: None,
            turns: 0,
            corners: None,
        }
    }

    /// No candidates: nothing to read.
    pub(super) fn none() -> Self {
        Self::of(&[], Grouping::Free, Thrift::WHOLE, &|_, _| None)
    }

    /// The same with a map from the units of its bounds to those of the input.
    pub(super) fn seen_through(self, map: Homography) -> Self {
        Self { map, ..self }
    }

    /// The same for an input that was turned clockwise by quarter turns.
    pub(super) fn turned(self, turns: usize) -> Self {
        Self { turns, ..self }
    }

    /// The same for a sheet with these corners in the input, if it was straightened.
    pub(super) fn of_sheet(self, corners: Option<[Point; 4]>) -> Self {
        Self { corners, ..self }
    }

    /// The same for an input that may have to be turned.
    pub(super) fn or_turned(self, sides: Option<Box<dyn Sides>>) -> Self {
        Self { sides, ..self }
    }

    /// The same for a picture that may be seen in other ways.
    pub(super) fn or_elsewhere(self, elsewhere: Box<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// How many candidates there are.
    pub(super) fn count(&self) -> usize {
        self.lines.iter().map(|line| line.candidates.len()).sum()
    }

    /// The most probable reading of each line, given one prediction for each candidate, in their order.
    pub(super) fn best(&self, predictions: &[Prediction], reader: Reader) -> Reading {
        let mut rest = predictions;
        let best = |line: &LineOfCandidates| {
            let (own, after) = rest.split_at(line.candidates.len().min(rest.len()));
            rest = after;
            let symbols = match self.grouping {
                Grouping::Free => {
                    let symbols = Paths::of(line, own, reader).best();
                    reject_without_digits(symbols, reader.thresholds)
                }
                Grouping::Given => line.all(own),
            };
            self.placed(symbols)
        };
        let lines = self.lines.iter().filter_map(best).collect();
        Reading { lines, turns: self.turns, corners: self.corners }
    }

    /// The most probable reading that fits `column`, and how sure that is; the most probable one if none
    /// fits. Several lines cannot fit.
    pub(super) fn best_fitting(
        &self,
        predictions: &[Prediction],
        reader: Reader,
        column: &Column,
    ) -> (Reading, Option<Fit>) {
        let Some(line) = self.lines.first().filter(|_| !column.is_free()) else {
            return (self.best(predictions, reader), None);
        };
        let paths = Paths::of(line, predictions, reader);
        let all = if self.lines.len() == 1 { paths.cheapest() } else { Vec::new() };
        let text = |path: &Path| text(path, reader.labels);
        let fitting: Vec<_> = all.iter().filter(|one| column.fits(&text(one))).collect();
        let Some(&first) = fitting.first() else {
            return (self.best(predictions, reader), Some(Fit::NONE));
        };
        let others = fitting.iter().filter(|one| text(one) != text(first));
        let weights = others.map(|one| (first.cost - one.cost).exp());
        let fit = Fit {
            confidence: 1.0 / (1.0 + weights.sum::<f32>()),
            is_likely: first.cost - all[0].cost <= UNLIKELY,
        };
        let lines = self.placed(paths.symbols(first)).into_iter().collect();
        (Reading { lines, turns: self.turns, corners: self.corners }, Some(fit))
    }

    /// A line of symbols where they are in the input. `None` without any.
    fn placed(&self, symbols: Vec<Symbol>) -> Option<ReadLine> {
        let place = |symbol: Symbol| Symbol { bounds: symbol.bounds.mapped(&self.map), ..symbol };
        let symbols: Vec<Symbol> = symbols.into_iter().map(place).collect();
        let bounds = Bounds::around_all(symbols.iter().map(|symbol| &symbol.bounds))?;
        Some(ReadLine { bounds, symbols })
    }
}

/// The sides of an input that may not be upright. Drawings have none: a program that reads drawings alone
/// is linked without the code for pictures, which is why this is a trait.
pub(super) trait Sides: Send {
    /// A sample of the input's pieces from all sides.
    fn glyphs(&self) -> Vec<Glyph>;

    /// The candidates of the input as it has to be turned, given one prediction for each of
    /// [`glyphs`](Self::glyphs). `None` if it is upright.
    fn turned(self: Box<Self>, predictions: &[Prediction], thresholds: Thresholds)
    -> Option<Later>;
}

/// Other ways to see an input.
pub(super) trait Elsewhere: Send {
    /// What follows from a reading: it is the answer, or the input is seen in another way.
    fn after(self: Box<Self>, reading: Reading, thresholds: Thresholds) -> Step<Lattice>;
}

/// Candidates that take some time to make.
pub(super) type Later = Box<dyn FnOnce() -> Lattice + Send>;

impl Question for Lattice {
    type Answer = Reading;

    /// Those of all candidates, and a sample of the pieces from all sides.
    fn glyphs(&self) -> Vec<Glyph> {
        let candidates = self.lines.iter().flat_map(|line| &line.candidates);
        let turned = self.sides.iter().flat_map(|sides| sides.glyphs());
        candidates.map(|candidate| candidate.glyph.clone()).chain(turned).collect()
    }

    /// The most probable reading of the lines.
    fn step(mut self, mut predictions: Vec<Prediction>, reader: Reader) -> Step<Self> {
        let of_sides = predictions.split_off(self.count().min(predictions.len()));
        let (corners, elsewhere) = (self.corners, self.elsewhere.take());
        match self.sides.take().and_then(|sides| sides.turned(&of_sides, reader.thresholds)) {
            Some(turned) => {
                Step::Again(Box::new(move || Self { elsewhere, ..turned().of_sheet(corners) }))
            }
            None => {
                let reading = self.best(&predictions, reader);
                match elsewhere {
                    Some(elsewhere) => elsewhere.after(reading, reader.thresholds),
                    None => Step::Answer(reading),
                }
            }
        }
    }
}

/// The cost of taking a glyph for the label that the network says.
pub(super) fn reading_cost(said: &Prediction, rejects: bool) -> f32 {
    let in_distribution = if rejects { said.in_distribution } else { 1.0 };
    cost(in_distribution * said.confidence())
}

/// The negative logarithm of a probability, within its limit.
pub(super) fn cost(probability: f32) -> f32 {
    (-probability.ln()).min(WORST)
}

impl Shape {
    /// `None` if the segments are too wide or too far apart to be one symbol. If not `selective`,
    /// they are taken for one anyway.
    fn of(segments: &[Segment], height: f32, selective: bool) -> Option<Self> {
        let mut bounds = segments.first()?.bounds;
        let mut cost = 0.0;
        for segment in &segments[1..] {
            let room = bounds.gap_beside(&segment.bounds).max(0.0) / height;
            cost += LOOSE * room;
            bounds = bounds.with(&segment.bounds);
        }
        let [width, own_height] = [bounds.width(), bounds.height()].map(|side| side / height);
        if selective && segments.len() > 1 && (width > WIDEST || cost > WORST) {
            return None;
        }
        cost += LOW * (LOW_HEIGHT - own_height).max(0.0);
        let digits = (width / DIGIT_WIDTH).max(1.0);
        Some(Self { bounds, cost, digits, speck: width.max(own_height) < SPECK_SIZE })
    }
}

impl Candidate {
    pub(super) fn symbol(self, prediction: Prediction, counts: bool) -> Symbol {
        let Self { shape, glyph, strokes, .. } = self;
        Symbol { bounds: shape.bounds, glyph, strokes, prediction, counts }
    }

    /// Whether the ink before it was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.cut > 0.0
    }

    /// The cost of taking it for a label.
    pub(super) fn label_cost(&self, said: &Prediction, label: usize, rejects: bool) -> f32 {
        label_cost(said, label, rejects) + self.shape.cost
    }

    /// The cost of taking it for something that is not a digit.
    pub(super) fn no_digit_cost(&self, said: &Prediction, rejects: bool) -> f32 {
        let in_distribution = if rejects { said.in_distribution } else { 1.0 };
        cost(1.0 - in_distribution) + NO_DIGIT * self.shape.digits
    }
}

impl LineOfCandidates {
    /// The cost of one symbol following another, with this share of what a cut costs.
    pub(super) fn transition_cost(&self, before: &Candidate, after: &Candidate, cut: f32) -> f32 {
        let (before, own) = (before.shape.bounds, after.shape.bounds);
        let shared = -before.gap_beside(&own) / self.height;
        let narrower = before.width().min(own.width()) / self.height;
        let share = shared / narrower.max(NARROW);
        cut * after.cut + ENTWINED * ((share - SHARED) / (1.0 - SHARED)).max(0.0)
    }

    /// Each candidate as a symbol, from left to right.
    fn all(&self, predictions: &[Prediction]) -> Vec<Symbol> {
        let read = self.candidates.iter().cloned().zip(predictions);
        let symbols = read.map(|(candidate, said)| candidate.symbol(said.clone(), true));
        from_left_to_right(symbols.collect())
    }
}

/// Where most symbols are rejected as not a digit, none of the rejected ones counts. Among digits a
/// rejected symbol that was the cheapest path still counts: it is probably a badly written digit.
fn reject_without_digits(mut symbols: Vec<Symbol>, thresholds: Thresholds) -> Vec<Symbol> {
    let is_digit = |symbol: &Symbol| thresholds.verdict(&symbol.prediction) != Verdict::NotADigit;
    let digits = symbols.iter().filter(|symbol| is_digit(symbol)).count();
    if 2 * digits < symbols.len() {
        symbols.iter_mut().for_each(|symbol| symbol.counts &= is_digit(symbol));
    }
    symbols
}

pub(super) fn from_left_to_right(symbols: Vec<Symbol>) -> Vec<Symbol> {
    sorted(symbols, |symbol| symbol.bounds.middle()[0])
}
