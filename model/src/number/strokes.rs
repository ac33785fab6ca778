//! A drawing's strokes as segments. Strokes of one symbol are usually drawn one after the other.

use super::{
    bounds::Bounds,
    lattice::{Grouping, Lattice, LineOfSegments, Rendered, Segment, Thrift},
    lines::lines,
};
use crate::preprocess::{Point, Strokes};

/// The work of drawing a point, in pixels of a picture.
const POINT_WORK: usize = 200;
/// A drawing with more strokes than this is taken for one symbol.
const MAX_STROKES: usize = 512;
/// A stroke belongs to an earlier symbol if it overlaps one of that symbol's strokes by at least
/// this share of the narrower one's width ...
const RETURNED: f32 = 0.5;
/// ... and overlaps the stroke drawn just before by at most this share.
const APART: f32 = 0.2;
/// Consecutive strokes that are above each other belong to one line if the gap between them is at
/// most this share of their common height.
const STACKED: f32 = 0.08;

/// A stroke, or a part of one.
#[derive(Clone)]
struct Piece {
    points: Vec<Point>,
    /// The index of its stroke.
    stroke: usize,
    /// Whether it is the whole stroke.
    whole: bool,
    bounds: Bounds,
}

impl Piece {
    fn new(points: Vec<Point>, stroke: usize, whole: bool) -> Option<Self> {
        let bounds = Bounds::around(&points)?;
        Some(Self { points, stroke, whole, bounds })
    }
}

/// The candidates in a drawing.
pub(super) fn lattice(strokes: &Strokes, boxes: Option<&[Bounds]>) -> Lattice {
    let whole = |(i, points): (usize, &Vec<Point>)| Piece::new(points.clone(), i, true);
    let pieces: Vec<Piece> = strokes.points().iter().enumerate().filter_map(whole).collect();
    match boxes {
        Some(boxes) => in_boxes(&pieces, boxes),
        None => segmented(pieces),
    }
}

fn segmented(pieces: Vec<Piece>) -> Lattice {
    if pieces.len() > MAX_STROKES {
        let Some(bounds) = around(&pieces) else { return Lattice::none() };
        let whole = [Segment { id: 0, bounds, cut: 0.0, work: 0 }].into();
        let line =
            LineOfSegments { segments: whole, height: bounds.height().max(f32::MIN_POSITIVE) };
        let all: Vec<&Piece> = pieces.iter().collect();
        return Lattice::of(&[line], Grouping::Free, Thrift::WHOLE, &|_, _| draw(&all));
    }
    let pieces = in_writing_order(pieces);
    let stacks = stacks(&pieces);
    let bounds: Vec<Bounds> = stacks
        .iter()
        .filter_map(|stack| Bounds::around_all(stack.iter().map(|&i| &pieces[i].bounds)))
        .collect();
    let segment = |id: usize| {
        let Piece { bounds, ref points, .. } = pieces[id];
        Segment { id, bounds, cut: 0.0, work: POINT_WORK * points.len() }
    };
    let lines = lines(&bounds).into_iter().map(|line| {
        // The segments are in writing order, not in the order of the stacks.
        let is_in = |id: &usize| line.pieces.iter().any(|&stack| stacks[stack].contains(id));
        let segments = (0..pieces.len()).filter(is_in).map(segment).collect();
        LineOfSegments { segments, height: line.height }
    });
    let lines: Vec<LineOfSegments> = lines.collect();
    Lattice::of(&lines, Grouping::Free, Thrift::WHOLE, &|line, group| {
        draw(&line.segments[group].iter().map(|segment| &pieces[segment.id]).collect::<Vec<_>>())
    })
}

/// Each group is one symbol.
fn of_groups(groups: Vec<Vec<Piece>>) -> Lattice {
    let inked = groups.iter().filter_map(|group| Some((around(group)?, group)));
    let (bounds, groups): (Vec<Bounds>, Vec<&Vec<Piece>>) = inked.unzip();
    super::boxes::lattice(&bounds, &|i| draw(&groups[i].iter().collect::<Vec<_>>()))
}

fn around(pieces: &[Piece]) -> Option<Bounds> {
    Bounds::around_all(pieces.iter().map(|piece| &piece.bounds))
}

fn draw(pieces: &[&Piece]) -> Option<Rendered> {
    let points = pieces.iter().map(|piece| piece.points.clone()).collect();
    let glyph = Strokes::new(points).ok()?.glyph()?;
    let whole = pieces.iter().map(|piece| piece.whole.then_some(piece.stroke)).collect();
    Some(Rendered { glyph, strokes: whole, pair: None })
}

/// The strokes in the order drawn, except that a stroke added later to an earlier symbol follows
/// that symbol's strokes. Many people write the whole number before they add the bar of a 7 or
/// the stem of a 4, but only consecutive segments can form a symbol.
fn in_writing_order(strokes: Vec<Piece>) -> Vec<Piece> {
    let mut ordered: Vec<Piece> = Vec::with_capacity(strokes.len());
    for stroke in strokes {
        let overlap = |other: &Piece| {
            let narrower = stroke.bounds.width().min(other.bounds.width());
            let apart = stroke.bounds.gap_below(&other.bounds) > 0.0;
            let shared = -stroke.bounds.gap_beside(&other.bounds);
            if apart || shared < 0.0 { 0.0 } else { shared / narrower.max(f32::MIN_POSITIVE) }
        };
        let follows = ordered.last().is_none_or(|last| overlap(last) > APART);
        let most = (0..ordered.len()).map(|i| (overlap(&ordered[i]), i));
        let most = most.max_by(|a, b| a.0.total_cmp(&b.0));
        match most.filter(|&(share, _)| !follows && share >= RETURNED) {
            Some((_, i)) => ordered.insert(i + 1, stroke),
            None => ordered.push(stroke),
        }
    }
    ordered
}

/// Runs of consecutive strokes that are one above the other on the same line, such as the two rings
/// of an 8. By their heights alone, the rings would be two lines of small zeros.
fn stacks(strokes: &[Piece]) -> Vec<Vec<usize>> {
    let mut stacks: Vec<(Vec<usize>, Bounds)> = Vec::new();
    for (i, stroke) in strokes.iter().enumerate() {
        let own = stroke.bounds;
        if let Some((stack, bounds)) = stacks.last_mut() {
            let height = bounds.with(&own).height();
            let narrower = own.width().min(bounds.width());
            let below = bounds.gap_below(&own);
            let shared = -bounds.gap_beside(&own) >= RETURNED * narrower;
            if shared && below <= STACKED * height {
                stack.push(i);
                *bounds = bounds.with(&own);
                continue;
            }
        }
        stacks.push((vec![i], own));
    }
    stacks.into_iter().map(|(stack, _)| stack).collect()
}

/// A stroke is in a box that contains at least this share of its points; otherwise it is cut at the
/// boxes' edges.
const INSIDE: f32 = 0.75;

/// Each box contains one symbol.
fn in_boxes(strokes: &[Piece], boxes: &[Bounds]) -> Lattice {
    let mut contents: Vec<Vec<Piece>> = vec![Vec::new(); boxes.len()];
    for stroke in strokes {
        let own_box = (0..boxes.len()).find(|&i| {
            let inside = stroke.points.iter().filter(|&&point| boxes[i].holds(point)).count();
            inside as f32 >= INSIDE * stroke.points.len() as f32
        });
        if let Some(own_box) = own_box {
            contents[own_box].push(stroke.clone());
            continue;
        }
        // Each point is in the first box that contains it, so many overlapping boxes do not
        // multiply the points.
        let box_of = |&point: &Point| boxes.iter().position(|bounds| bounds.holds(point));
        for part in stroke.points.chunk_by(|a, b| box_of(a) == box_of(b)) {
            let part_box = part.first().and_then(box_of);
            let piece = Piece::new(part.to_vec(), stroke.stroke, false);
            if let (Some(at), Some(piece)) = (part_box, piece) {
                contents[at].push(piece);
            }
        }
    }
    of_groups(contents)
}
