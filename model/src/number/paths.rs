//! The cheapest paths through a line's candidates: the most probable texts.

use std::ops::Range;

use super::{
    lattice::{Candidate, LineOfCandidates, SPECK, cost, from_left_to_right, reading_cost},
    pairs::{DIGITS, SaidOfPair},
    question::Reader,
    reading::Symbol,
};
use crate::{order::sorted, prediction::Prediction};

/// How many paths are kept at each hop, for what is known of a text. A check digit refuses nine of ten.
const KEPT: usize = 48;
/// How many labels of a symbol are tried, and how many pairs.
const LABELS: usize = 3;

// Chosen on numbers of this repository's synthetic digits (docs/log.md, 30 November 2026, "Touching
// digits").

/// What a pair costs more than its probability says: two digits that are apart are two costs, and each
/// is seldom 0.
const PAIR: f32 = 0.5;
/// The share of the network for pairs in the cost of a digit that is cut from others.
const SHARE: f32 = 0.5;
/// What a cut costs, as a share of what it costs without the network for pairs, which sees what is cut.
const CUT: f32 = 0.15;

/// All ways from one segment of a line to a later one.
pub(super) struct Paths<'a> {
    line: &'a LineOfCandidates,
    predictions: &'a [Prediction],
    hops: Vec<Hop>,
    digits: Option<[usize; DIGITS]>,
}

/// One symbol of a path, or two at once.
struct Hop {
    /// The segments that it takes.
    group: Range<usize>,
    /// The candidates of its first and its last symbol.
    ends: [usize; 2],
    /// The candidate that is both of them, if they are two.
    both: Option<usize>,
    /// What it may mean, and the cost of each.
    meanings: Vec<(Meaning, f32)>,
}

/// What a hop means.
#[derive(Clone, Copy)]
enum Meaning {
    /// A label.
    Label(usize),
    /// Two labels.
    Pair([usize; 2]),
    /// Something that is not a digit.
    NoDigit,
    /// A speck, which is left out.
    Speck,
}

/// A path from a line's first segment to its last one.
pub(super) struct Path {
    /// The negative logarithm of its probability.
    pub(super) cost: f32,
    /// Its hops and what each of them means.
    hops: Vec<(usize, Meaning)>,
}

/// The end of a path: its cost, what its last hop means, and the hop and rank of the path that it
/// extends.
#[derive(Clone, Copy)]
struct End {
    cost: f32,
    meaning: Meaning,
    before: Option<(usize, usize)>,
}

/// The labels that a path reads.
pub(super) fn text(path: &Path, labels: &[String]) -> String {
    let label = |&label: &usize| labels.get(label).map_or("", String::as_str).to_owned();
    let each = path.hops.iter().map(|(_, meaning)| match meaning {
        Meaning::Label(one) => label(one),
        Meaning::Pair(two) => two.iter().map(label).collect(),
        Meaning::NoDigit | Meaning::Speck => String::new(),
    });
    each.collect()
}

impl<'a> Paths<'a> {
    /// Those of a line. `predictions` are those of its candidates.
    pub(super) fn of(
        line: &'a LineOfCandidates,
        predictions: &'a [Prediction],
        reader: Reader,
    ) -> Self {
        let mut hops = Vec::with_capacity(predictions.len());
        let only_specks = line.candidates.iter().all(|candidate| candidate.shape.speck);
        let digits = digits(reader.labels);
        for (i, (candidate, said)) in line.candidates.iter().zip(predictions).enumerate() {
            let meanings = meanings(candidate, said, reader, digits, only_specks);
            hops.push(Hop { group: candidate.group.clone(), ends: [i, i], both: None, meanings });
            if let Some(digits) = digits {
                hops.extend(pairs(line, i, predictions, reader, digits));
            }
        }
        Self { line, predictions, hops, digits }
    }

    /// The symbols of the cheapest path, from left to right.
    pub(super) fn best(&self) -> Vec<Symbol> {
        self.kept(1).first().map_or_else(Vec::new, |path| self.symbols(path))
    }

    /// The cheapest paths, the best one first.
    pub(super) fn cheapest(&self) -> Vec<Path> {
        self.kept(KEPT)
    }

    /// The cheapest paths, if `kept` of them are remembered at each hop. Hops are in the order of their
    /// first segments, so all that may come before one are done when its turn comes.
    fn kept(&self, kept: usize) -> Vec<Path> {
        let mut ending: Vec<Vec<usize>> = vec![Vec::new(); self.line.segments + 1];
        let mut ends: Vec<Vec<End>> = Vec::with_capacity(self.hops.len());
        for (i, hop) in self.hops.iter().enumerate() {
            let mut before = Vec::new();
            if hop.group.start == 0 {
                before.push((0.0, None));
            }
            for &j in &ending[hop.group.start] {
                let transition = self.transition_cost(j, i);
                let ranked = ends[j].iter().enumerate();
                before.extend(ranked.map(|(rank, end)| (end.cost + transition, Some((j, rank)))));
            }
            let extended = before.iter().flat_map(|&(cost, before)| {
                let end = move |&(meaning, own)| End { cost: cost + own, meaning, before };
                hop.meanings.iter().map(end)
            });
            let mut own = sorted(extended.collect(), |end: &End| end.cost);
            own.truncate(kept);
            ends.push(own);
            ending[hop.group.end].push(i);
        }
        let last = ending[self.line.segments].iter();
        let last = last.flat_map(|&i| (0..ends[i].len()).map(move |rank| (i, rank)));
        let mut last = sorted(last.collect(), |&(i, rank): &(usize, usize)| ends[i][rank].cost);
        last.truncate(kept);
        let whole = |(i, rank): (usize, usize)| {
            let mut hops = Vec::new();
            let mut at = Some((i, rank));
            while let Some((i, rank)) = at {
                hops.push((i, ends[i][rank].meaning));
                at = ends[i][rank].before;
            }
            hops.reverse();
            Path { cost: ends[i][rank].cost, hops }
        };
        last.into_iter().map(whole).collect()
    }

    fn transition_cost(&self, before: usize, after: usize) -> f32 {
        let [before, after] = [self.hops[before].ends[1], self.hops[after].ends[0]];
        let cut = if self.digits.is_some() { CUT } else { 1.0 };
        let [before, after] = [before, after].map(|i| &self.line.candidates[i]);
        self.line.transition_cost(before, after, cut)
    }

    /// The symbols of a path, from left to right.
    pub(super) fn symbols(&self, path: &Path) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        for &(hop, meaning) in &path.hops {
            let hop = &self.hops[hop];
            let candidate = |i: usize| self.line.candidates[i].clone();
            let said = |i: usize| self.predictions[i].clone();
            let [first, _] = hop.ends;
            match meaning {
                Meaning::Speck => {}
                Meaning::NoDigit => symbols.push(candidate(first).symbol(said(first), false)),
                Meaning::Label(index) => {
                    let candidate = candidate(first);
                    let said = match (&candidate.pair, self.digits) {
                        (Some(pair), Some(digits)) => both(&said(first), pair, digits),
                        _ => said(first),
                    };
                    symbols.push(candidate.symbol(Prediction { index, ..said }, true));
                }
                Meaning::Pair(labels) => {
                    let said = self.pair(hop);
                    for ((i, index), said) in hop.ends.into_iter().zip(labels).zip(said) {
                        symbols.push(candidate(i).symbol(Prediction { index, ..said }, true));
                    }
                }
            }
        }
        from_left_to_right(symbols)
    }

    /// The predictions for both digits of a pair.
    fn pair(&self, hop: &Hop) -> Vec<Prediction> {
        let said = hop.both.and_then(|both| self.line.candidates[both].pair.as_ref());
        let classes = self.predictions[hop.ends[0]].probabilities.len();
        let digits = self.digits.unwrap_or_default();
        let on_labels = |said: Prediction| {
            let mut probabilities = vec![0.0; classes];
            for (digit, probability) in said.probabilities.iter().enumerate() {
                probabilities[digits[digit]] = *probability;
            }
            Prediction { probabilities, ..said }
        };
        said.into_iter().flat_map(|said| said.digits()).map(on_labels).collect()
    }
}

/// The places of the ten digits among the labels. `None` if one is missing.
fn digits(labels: &[String]) -> Option<[usize; DIGITS]> {
    let mut digits = [0; DIGITS];
    for (digit, place) in digits.iter_mut().enumerate() {
        *place = labels.iter().position(|label| *label == digit.to_string())?;
    }
    Some(digits)
}

/// What a candidate may mean as one symbol.
fn meanings(
    candidate: &Candidate,
    said: &Prediction,
    reader: Reader,
    digits: Option<[usize; DIGITS]>,
    only_specks: bool,
) -> Vec<(Meaning, f32)> {
    let rejects = reader.thresholds.rejects();
    let label = |label: usize| {
        let mut own = candidate.label_cost(said, label, rejects);
        let digit = digits.and_then(|digits| digits.iter().position(|&place| place == label));
        if let (Some(digit), Some(pair)) = (digit, &candidate.pair) {
            own += SHARE * (cost(pair.single(digit)) - own);
        }
        (Meaning::Label(label), own)
    };
    let speck = (candidate.shape.speck && !only_specks).then_some((Meaning::Speck, SPECK));
    let other = (Meaning::NoDigit, candidate.no_digit_cost(said, rejects));
    labels(said).into_iter().map(label).chain([other]).chain(speck).collect()
}

/// What both networks say of a digit: the geometric mean of the probabilities. What is no digit has only
/// those of the first one.
fn both(said: &Prediction, pair: &SaidOfPair, digits: [usize; DIGITS]) -> Prediction {
    let mut probabilities = said.probabilities.clone();
    let among_digits: f32 = digits.iter().map(|&place| probabilities[place]).sum();
    let singles: f32 = (0..DIGITS).map(|digit| pair.single(digit)).sum();
    for (digit, &place) in digits.iter().enumerate() {
        let other = among_digits * pair.single(digit) / singles.max(f32::MIN_POSITIVE);
        probabilities[place] = probabilities[place].powf(1.0 - SHARE) * other.powf(SHARE);
    }
    let sum: f32 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|probability| *probability /= sum.max(f32::MIN_POSITIVE));
    let in_distribution = said.in_distribution.max(pair.in_distribution());
    Prediction { probabilities, in_distribution, ..*said }
}

/// A candidate as a pair of digits: the box of each is where a cut gives two candidates that look most
/// like them.
fn pairs(
    line: &LineOfCandidates,
    both: usize,
    predictions: &[Prediction],
    reader: Reader,
    digits: [usize; DIGITS],
) -> Vec<Hop> {
    let candidate = &line.candidates[both];
    let Some(said) = &candidate.pair else { return Vec::new() };
    let group = &candidate.group;
    let of_group = |group: Range<usize>| line.candidates.iter().position(|one| one.group == group);
    let cuts: Vec<[usize; 2]> = group
        .clone()
        .skip(1)
        .filter_map(|cut| Some([of_group(group.start..cut)?, of_group(cut..group.end)?]))
        .collect();
    // What is apart needs no cut.
    if cuts.iter().any(|&[_, last]| !line.candidates[last].is_cut()) {
        return Vec::new();
    }
    let rejects = reader.thresholds.rejects();
    let hop = |(pair, probability): ([usize; 2], f32)| {
        let labels = pair.map(|digit| digits[digit]);
        let looks = |&[first, last]: &[usize; 2]| {
            let each = [(first, labels[0]), (last, labels[1])];
            let each = each.map(|(i, label)| label_cost(&predictions[i], label, rejects));
            let [first, last] = [first, last].map(|i| &line.candidates[i]);
            each.iter().sum::<f32>() + line.transition_cost(first, last, CUT)
        };
        let ends = cuts.iter().min_by(|a, b| looks(a).total_cmp(&looks(b)))?;
        let meanings = vec![(Meaning::Pair(labels), cost(probability) + PAIR)];
        Some(Hop { group: group.clone(), ends: *ends, both: Some(both), meanings })
    };
    said.pairs(LABELS).into_iter().filter_map(hop).collect()
}

/// The most probable labels of a prediction.
fn labels(said: &Prediction) -> Vec<usize> {
    let all = (0..said.probabilities.len()).collect();
    let mut labels = sorted(all, |&label| -said.probabilities[label]);
    labels.truncate(LABELS);
    labels
}

/// The cost of taking a glyph for a label.
pub(super) fn label_cost(said: &Prediction, label: usize, rejects: bool) -> f32 {
    let own = Prediction { index: label, ..said.clone() };
    reading_cost(&own, rejects)
}
