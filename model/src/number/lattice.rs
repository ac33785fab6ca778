//! Which ink is which digit: the network reads every reasonable grouping of a line's segments,
//! and the most probable path through them wins.
//!
//! The cost of a path is a sum of negative log probabilities: that each symbol is one of the
//! labels, from the network, which can also reject it, and that neighbouring symbols are
//! separate, from the space between them. The cheapest path through a line is found by dynamic
//! programming, as in the over-segmentation and lattice search of LeCun, Bottou, Bengio
//! and Haffner, "Gradient-Based Learning Applied to Document Recognition" (1998), §V.

use std::ops::Range;

use super::{Bounds, ReadLine, Reading, Symbol, order::sorted};
use crate::{Glyph, Prediction, Thresholds, Verdict};

/// Most pieces of ink in one symbol.
const MOST_PIECES: usize = 7;
/// Most whole pieces in one symbol.
const MOST_WHOLE: usize = 4;
/// Most symbols that are read for one input, and most work to draw them, so that what an
/// input costs is bounded. Where it would be more, fewer pieces are put together; each
/// line of what is still too much is one symbol.
const MOST_CANDIDATES: usize = 768;
const MOST_WORK: usize = 12_000_000;

// What follows are costs, as negative natural logarithms, and sizes in line heights, set by
// reason and tried on numbers made of the repository's own synthetic digits (docs/log.md,
// 21 November, "Whole numbers").

/// No symbol costs more than this for what the network says.
const WORST: f32 = 9.0;
/// That something among digits is none, if it is not wider than [`DIGIT_WIDTH`]; of
/// what is wider each such width.
const NO_DIGIT: f32 = 4.5;
const DIGIT_WIDTH: f32 = 0.8;
/// That it is a speck, which is not read at all.
const SPECK: f32 = 1.5;
/// A speck is not larger than this.
const SPECK_SIZE: f32 = 0.22;
/// Symbols lower than this cost more, by [`LOW`] a height.
const LOW_HEIGHT: f32 = 0.55;
const LOW: f32 = 8.0;
/// A symbol whose pieces have this much room between them costs [`LOOSE`] a height of it.
const LOOSE: f32 = 9.0;
/// Symbols that share more than this of the narrower one's width cost [`ENTWINED`] for
/// all of it.
const SHARED: f32 = 0.25;
const ENTWINED: f32 = 6.0;
/// A symbol is not wider than this.
const WIDEST: f32 = 1.9;
/// The narrowest width that counts when it is asked how much is shared.
const NARROW: f32 = 0.2;

/// A piece of ink that is never taken apart.
pub(super) struct Segment {
    /// Its number, for who draws it.
    pub(super) id: usize,
    pub(super) bounds: Bounds,
    /// What it costs to divide the ink before it: 0 if it is divided anyway.
    pub(super) cut: f32,
    /// How much drawing it is, in pixels or the like.
    pub(super) work: usize,
}

/// A line of segments in the order in which they are read.
pub(super) struct LineOfSegments {
    pub(super) segments: Vec<Segment>,
    pub(super) height: f32,
}

/// All the symbols that may be on the lines of a drawing or a picture, to be read by a
/// network.
pub struct Lattice {
    lines: Vec<Line>,
    grouping: Grouping,
}

/// Whether segments may be put together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Neighbours may be one symbol; some may be none.
    Free,
    /// Each is a symbol.
    Given,
}

struct Line {
    segments: usize,
    height: f32,
    candidates: Vec<Candidate>,
}

/// Some segments of a line that follow each other, as one symbol.
struct Candidate {
    group: Range<usize>,
    glyph: Glyph,
    strokes: Option<Vec<usize>>,
    shape: Shape,
    /// What dividing before it costs.
    cut: f32,
}

/// Groups of up to `most` neighbours, and of some whole pieces however many slices they
/// are in; in the order of their first segments.
fn groups(segments: &[Segment], most: usize) -> Vec<Range<usize>> {
    let begins_piece = |i: usize| segments.get(i).is_none_or(|segment| segment.cut == 0.0);
    let ends = |first: usize| {
        let last = (first + most).min(segments.len());
        let pieces = (first + 1..=segments.len()).filter(|&end| begins_piece(end));
        let pieces = pieces.take(if begins_piece(first) { most.min(MOST_WHOLE) } else { 0 });
        (first + 1..=last).chain(pieces.filter(move |&end| end > last))
    };
    (0..segments.len()).flat_map(|first| ends(first).map(move |end| first..end)).collect()
}

/// Whether all groups of up to `most` segments can be drawn and read in a reasonable time.
fn is_affordable(lines: &[LineOfSegments], most: usize) -> bool {
    let (mut count, mut work) = (0, 0);
    for line in lines {
        for group in groups(&line.segments, most) {
            count += 1;
            work += line.segments[group].iter().map(|segment| segment.work).sum::<usize>();
            if count > MOST_CANDIDATES || work > MOST_WORK {
                return false;
            }
        }
    }
    true
}

/// What the boxes of a symbol's segments say of it.
struct Shape {
    bounds: Bounds,
    /// What it costs to be a digit of this shape.
    cost: f32,
    /// About how many digits have its width, at least 1.
    digits: f32,
    /// Whether it may be left out.
    speck: bool,
}

/// What a group of segments is drawn as, and the whole strokes that it is made of, if it is.
pub(super) type Drawn = (Glyph, Option<Vec<usize>>);

impl Lattice {
    /// All groups of neighbouring segments on each line that may be a symbol.
    pub(super) fn of(
        lines: &[LineOfSegments],
        grouping: Grouping,
        draw: &dyn Fn(&[Segment]) -> Option<Drawn>,
    ) -> Self {
        let most = match grouping {
            Grouping::Free => (1..=MOST_PIECES).rev().find(|&most| is_affordable(lines, most)),
            Grouping::Given => Some(1),
        };
        let lines = lines.iter().take(MOST_CANDIDATES).map(|line| {
            let candidate = |group: Range<usize>| {
                let segments = &line.segments[group.clone()];
                let shape = Shape::of(segments, line.height, most.is_some())?;
                let (glyph, strokes) = draw(segments)?;
                Some(Candidate { group, glyph, strokes, shape, cut: segments[0].cut })
            };
            let groups = match most {
                Some(most) => groups(&line.segments, most),
                // Too much to try: one symbol, which the network will not know.
                None => std::iter::once(0..line.segments.len()).collect(),
            };
            let candidates = groups.into_iter().filter_map(candidate).collect();
            Line { segments: line.segments.len(), height: line.height, candidates }
        });
        Self { lines: lines.collect(), grouping }
    }

    /// Nothing to be read.
    pub(super) fn none() -> Self {
        Self { lines: Vec::new(), grouping: Grouping::Free }
    }

    /// The same with bounds in a unit `scale` times as small.
    pub(super) fn scaled(mut self, scale: f32) -> Self {
        for line in &mut self.lines {
            line.height *= scale;
            for candidate in &mut line.candidates {
                candidate.shape.bounds = candidate.shape.bounds.scaled(scale);
            }
        }
        self
    }

    /// The symbols that the network should read, in the order in which
    /// [`best`](Self::best) wants its answers.
    pub fn glyphs(&self) -> Vec<Glyph> {
        self.candidates().map(|candidate| candidate.glyph.clone()).collect()
    }

    fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.lines.iter().flat_map(|line| &line.candidates)
    }

    /// The most probable reading of the lines, from the predictions for
    /// [`glyphs`](Self::glyphs).
    pub fn best(self, predictions: Vec<Prediction>, thresholds: Thresholds) -> Reading {
        let mut predictions = predictions.into_iter();
        let lines = self.lines.into_iter().filter_map(|line| {
            let said: Vec<Prediction> = predictions.by_ref().take(line.candidates.len()).collect();
            let symbols = match self.grouping {
                Grouping::Free => in_company(line.best(&said, thresholds.rejects()), thresholds),
                Grouping::Given => line.all(said),
            };
            Bounds::around_all(symbols.iter().map(|symbol| &symbol.bounds))
                .map(|bounds| ReadLine { bounds, symbols })
        });
        Reading { lines: lines.collect() }
    }
}

impl Shape {
    /// `None` if this is no symbol, unless it must be one: it is too wide, or falls apart.
    fn of(segments: &[Segment], height: f32, choosy: bool) -> Option<Self> {
        let mut bounds = segments.first()?.bounds;
        let mut cost = 0.0;
        for segment in &segments[1..] {
            let room = bounds.gap_beside(&segment.bounds).max(0.0) / height;
            cost += LOOSE * room;
            bounds = bounds.with(&segment.bounds);
        }
        let (wide, tall) = (bounds.width() / height, bounds.height() / height);
        if choosy && segments.len() > 1 && (wide > WIDEST || cost > WORST) {
            return None;
        }
        cost += LOW * (LOW_HEIGHT - tall).max(0.0);
        let digits = (wide / DIGIT_WIDTH).max(1.0);
        Some(Self { bounds, cost, digits, speck: wide.max(tall) < SPECK_SIZE })
    }
}

/// What a symbol is taken for.
#[derive(Clone, Copy)]
enum Taken {
    Digit,
    NoDigit,
    Speck,
}

impl Candidate {
    fn symbol(self, prediction: Prediction, counts: bool) -> Symbol {
        let Self { shape, glyph, strokes, .. } = self;
        Symbol { bounds: shape.bounds, glyph, strokes, prediction, counts }
    }

    /// What it is taken for, and what that costs.
    fn taken(&self, said: &Prediction, rejects: bool, only_specks: bool) -> (Taken, f32) {
        let known = if rejects { said.in_distribution } else { 1.0 };
        let cost = |probability: f32| (-probability.ln()).min(WORST);
        let digit = (Taken::Digit, cost(known * said.confidence()) + self.shape.cost);
        let other = (Taken::NoDigit, cost(1.0 - known) + NO_DIGIT * self.shape.digits);
        let speck = (self.shape.speck && !only_specks).then_some((Taken::Speck, SPECK));
        let cheapest = [Some(digit), Some(other), speck].into_iter().flatten();
        cheapest.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(digit)
    }
}

impl Line {
    /// What it costs that one symbol follows another.
    fn joint(&self, before: &Candidate, after: &Candidate) -> f32 {
        let (before, own) = (before.shape.bounds, after.shape.bounds);
        let shared = -before.gap_beside(&own) / self.height;
        let narrower = before.width().min(own.width()) / self.height;
        let share = shared / narrower.max(NARROW);
        after.cut + ENTWINED * ((share - SHARED) / (1.0 - SHARED)).max(0.0)
    }

    /// Each candidate as a symbol, from left to right.
    fn all(self, said: Vec<Prediction>) -> Vec<Symbol> {
        let symbols = self.candidates.into_iter().zip(said);
        from_left_to_right(symbols.map(|(candidate, said)| candidate.symbol(said, true)).collect())
    }

    /// The symbols of the cheapest path from the first segment to the last one, from left to
    /// right.
    fn best(self, said: &[Prediction], rejects: bool) -> Vec<Symbol> {
        let only_specks = self.candidates.iter().all(|candidate| candidate.shape.speck);
        let taken: Vec<(Taken, f32)> = self
            .candidates
            .iter()
            .zip(said)
            .map(|(candidate, said)| candidate.taken(said, rejects, only_specks))
            .collect();
        // The cheapest path that ends with each candidate: its cost, and the one before.
        let mut paths: Vec<(f32, Option<usize>)> = Vec::with_capacity(taken.len());
        for (i, &(_, own)) in taken.iter().enumerate() {
            let candidate = &self.candidates[i];
            let before = (0..i).filter(|&j| self.candidates[j].group.end == candidate.group.start);
            let cheapest = before
                .map(|j| (paths[j].0 + self.joint(&self.candidates[j], candidate), Some(j)))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let begun = if candidate.group.start == 0 { Some((0.0, None)) } else { cheapest };
            let (cost, before) = begun.unwrap_or((f32::INFINITY, None));
            paths.push((cost + own, before));
        }
        let ends = (0..paths.len()).filter(|&i| self.candidates[i].group.end == self.segments);
        let mut next = ends.min_by(|&a, &b| paths[a].0.total_cmp(&paths[b].0));
        let mut chosen = Vec::new();
        while let Some(i) = next {
            chosen.push(i);
            next = paths[i].1;
        }
        let symbols = self
            .candidates
            .into_iter()
            .zip(said)
            .enumerate()
            .filter(|(i, _)| chosen.contains(i))
            .filter_map(|(i, (candidate, said))| match taken[i].0 {
                Taken::Digit => Some(candidate.symbol(said.clone(), true)),
                Taken::NoDigit => Some(candidate.symbol(said.clone(), false)),
                Taken::Speck => None,
            });
        from_left_to_right(symbols.collect())
    }
}

/// A doubtful symbol passes for a digit among digits, and only there.
fn in_company(mut symbols: Vec<Symbol>, thresholds: Thresholds) -> Vec<Symbol> {
    let is_digit = |symbol: &Symbol| thresholds.verdict(&symbol.prediction) != Verdict::NotADigit;
    let digits = symbols.iter().filter(|symbol| is_digit(symbol)).count();
    if 2 * digits < symbols.len() {
        symbols.iter_mut().for_each(|symbol| symbol.counts &= is_digit(symbol));
    }
    symbols
}

fn from_left_to_right(symbols: Vec<Symbol>) -> Vec<Symbol> {
    sorted(symbols, |symbol| symbol.bounds.middle()[0])
}
