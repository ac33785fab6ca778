//! A drawing's strokes as segments. The order in which they were drawn tells what belongs
//! together.

use super::{
    Bounds, Lattice,
    lattice::{Drawn, Grouping, LineOfSegments, Segment},
    lines::lines,
};
use crate::preprocess::{Point, Strokes};

/// What drawing a point costs, beside a pixel of a picture.
const POINT_WORK: usize = 200;
/// A drawing of more strokes is taken for one symbol.
const MOST: usize = 512;
/// Strokes that share this much of the narrower one's width may be parts of one symbol
/// although another one was drawn between them ...
const RETURNED: f32 = 0.5;
/// ... with which they share no more than this.
const APART: f32 = 0.2;
/// Strokes drawn one after the other, one above the other, belong to one line if there is
/// no more room between them than this share of their height.
const STACKED: f32 = 0.08;

/// A stroke, or a part of one.
#[derive(Clone)]
struct Piece {
    points: Vec<Point>,
    /// Its stroke.
    stroke: usize,
    /// Whether that is all of its stroke.
    whole: bool,
    bounds: Bounds,
}

impl Piece {
    fn new(points: Vec<Point>, stroke: usize, whole: bool) -> Option<Self> {
        let bounds = Bounds::around(&points)?;
        Some(Self { points, stroke, whole, bounds })
    }
}

pub(super) fn lattice(strokes: &Strokes, boxes: Option<&[Bounds]>) -> Lattice {
    let whole = |(i, points): (usize, &Vec<Point>)| Piece::new(points.clone(), i, true);
    let pieces: Vec<Piece> = strokes.points().iter().enumerate().filter_map(whole).collect();
    match boxes {
        Some(boxes) => in_boxes(&pieces, boxes),
        None => by_itself(pieces),
    }
}

fn by_itself(pieces: Vec<Piece>) -> Lattice {
    if pieces.len() > MOST {
        let Some(bounds) = around(&pieces) else { return Lattice::none() };
        let whole = [Segment { id: 0, bounds, cut: 0.0, work: 0 }].into();
        let line =
            LineOfSegments { segments: whole, height: bounds.height().max(f32::MIN_POSITIVE) };
        let all: Vec<&Piece> = pieces.iter().collect();
        return Lattice::of(&[line], Grouping::Free, &|_| draw(&all));
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
        // In writing order, whatever the order of the stacks.
        let is_in = |id: &usize| line.pieces.iter().any(|&stack| stacks[stack].contains(id));
        let segments = (0..pieces.len()).filter(is_in).map(segment).collect();
        LineOfSegments { segments, height: line.height }
    });
    let lines: Vec<LineOfSegments> = lines.collect();
    Lattice::of(&lines, Grouping::Free, &|segments| {
        draw(&segments.iter().map(|segment| &pieces[segment.id]).collect::<Vec<_>>())
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

fn draw(pieces: &[&Piece]) -> Option<Drawn> {
    let points = pieces.iter().map(|piece| piece.points.clone()).collect();
    let glyph = Strokes::new(points).ok()?.glyph()?;
    let whole = pieces.iter().map(|piece| piece.whole.then_some(piece.stroke)).collect();
    Some((glyph, whole))
}

/// A stroke that was added to an earlier symbol (the bar of a 7, the stem of a 4, after
/// the whole number was written) goes to where that was drawn.
fn in_writing_order(strokes: Vec<Piece>) -> Vec<Piece> {
    let mut ordered: Vec<Piece> = Vec::with_capacity(strokes.len());
    for stroke in strokes {
        let shares = |other: &Piece| {
            let narrower = stroke.bounds.width().min(other.bounds.width());
            let apart = stroke.bounds.gap_below(&other.bounds) > 0.0;
            let shared = -stroke.bounds.gap_beside(&other.bounds);
            if apart || shared < 0.0 { 0.0 } else { shared / narrower.max(f32::MIN_POSITIVE) }
        };
        let follows = ordered.last().is_none_or(|last| shares(last) > APART);
        let most = (0..ordered.len()).map(|i| (shares(&ordered[i]), i));
        let most = most.max_by(|a, b| a.0.total_cmp(&b.0));
        match most.filter(|&(share, _)| !follows && share >= RETURNED) {
            Some((_, i)) => ordered.insert(i + 1, stroke),
            None => ordered.push(stroke),
        }
    }
    ordered
}

/// Runs of strokes that stand on one line whatever their heights: an 8 of two rings.
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

/// A stroke is in the box that holds this much of it; else it is cut at their edges.
const INSIDE: f32 = 0.75;

fn in_boxes(strokes: &[Piece], boxes: &[Bounds]) -> Lattice {
    let mut held: Vec<Vec<Piece>> = vec![Vec::new(); boxes.len()];
    for stroke in strokes {
        let home = (0..boxes.len()).find(|&i| {
            let inside = stroke.points.iter().filter(|&&point| boxes[i].holds(point)).count();
            inside as f32 >= INSIDE * stroke.points.len() as f32
        });
        if let Some(home) = home {
            held[home].push(stroke.clone());
            continue;
        }
        // Each point is in one box, so that no number of boxes makes more of them.
        let box_of = |&point: &Point| boxes.iter().position(|bounds| bounds.holds(point));
        for part in stroke.points.chunk_by(|a, b| box_of(a) == box_of(b)) {
            let part_box = part.first().and_then(box_of);
            let piece = Piece::new(part.to_vec(), stroke.stroke, false);
            if let (Some(at), Some(piece)) = (part_box, piece) {
                held[at].push(piece);
            }
        }
    }
    of_groups(held)
}
