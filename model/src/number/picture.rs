//! A picture's connected pieces of ink as segments. Pieces that may be several digits are sliced.

use super::{
    bounds::Bounds,
    components::Components,
    lattice::{Grouping, Lattice, LineOfSegments, Segment},
    lines::{lines, typical_height},
    order::sorted,
    rulings::without_rulings,
    slices::sliced,
};
use crate::{
    glyph::Glyph,
    preprocess::{Picture, Sheet, pieces::NO_PIECE},
};

/// Pieces whose longer side is below this share of the digits' height are dirt.
const DIRT: f32 = 0.08;

/// Pieces are sliced, line by line, until the areas of their boxes sum to this many times the
/// picture's area, so that the work is bounded.
const SLICED: usize = 4;
/// If there are more pieces than this, only the largest are used.
const MAX_PIECES: usize = 512;

/// The candidates in a picture.
pub(super) fn lattice(picture: &Picture, boxes: Option<&[Bounds]>) -> Lattice {
    let Some(Sheet { ink, scale }) = picture.sheet() else { return Lattice::none() };
    let components = Components::of(without_rulings(ink));
    match boxes {
        Some(boxes) => in_boxes(components, boxes, scale as f32),
        None => segmented(components, scale as f32),
    }
}

/// A glyph as the only candidate; none if it is blank.
pub(super) fn of_glyph(glyph: &Glyph) -> Lattice {
    if glyph.is_blank() {
        return Lattice::none();
    }
    let side = crate::glyph::SIDE as f32;
    let bounds = Bounds::from([0.0, 0.0, side, side]);
    let whole = LineOfSegments {
        segments: vec![Segment { id: 0, bounds, cut: 0.0, work: 0 }],
        height: side,
    };
    Lattice::of(&[whole], Grouping::Free, &|_| Some((glyph.clone(), None)))
}

fn segmented(mut components: Components, scale: f32) -> Lattice {
    for id in 0..components.bounds.len() {
        if components.bounds[id].is_some_and(|own| components.is_frame(id as u32, &own)) {
            components.bounds[id] = None;
        }
    }
    let all: Vec<Bounds> = components.bounds.iter().flatten().copied().collect();
    let dirt = DIRT * typical_height(&all);
    let is_clean = |bounds: &Bounds| bounds.width().max(bounds.height()) >= dirt;
    let ids = (0..components.bounds.len() as u32)
        .filter(|&id| components.bounds[id as usize].as_ref().is_some_and(is_clean));
    let size =
        |id: &u32| components.bounds[*id as usize].map_or(0.0, |b| b.width().max(b.height()));
    let mut ids = sorted(ids.collect(), |id| -size(id));
    ids.truncate(MAX_PIECES);
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| components.bounds[id as usize]).collect();
    // The area of boxes that may still be sliced.
    let mut room = SLICED * components.owner.len();
    let mut in_lines = Vec::new();
    for line in lines(&bounds) {
        let mut segments = Vec::new();
        for piece in sorted(line.pieces, |&piece| bounds[piece].middle()[0]) {
            let area = (bounds[piece].width() * bounds[piece].height()) as usize;
            room = room.saturating_sub(area);
            // No piece is wide enough to be sliced on a line of infinite height.
            let height = if room > 0 { line.height } else { f32::INFINITY };
            segments.extend(sliced(&mut components, ids[piece], height));
        }
        in_lines.push(LineOfSegments { segments, height: line.height });
    }
    let draw = |segments: &[Segment]| {
        let bounds = Bounds::around_all(segments.iter().map(|segment| &segment.bounds))?;
        let pieces: Vec<usize> = segments.iter().map(|segment| segment.id).collect();
        Some((components.glyph(&bounds, &pieces)?, None))
    };
    Lattice::of(&in_lines, Grouping::Free, &draw).scaled(scale)
}

/// A piece is in a box that contains at least this share of it; otherwise each of its pixels is
/// assigned to the box that contains it.
const INSIDE: f32 = 0.75;

/// Each box contains one symbol.
fn in_boxes(components: Components, boxes: &[Bounds], scale: f32) -> Lattice {
    let boxes: Vec<Bounds> = boxes.iter().map(|bounds| bounds.scaled(1.0 / scale)).collect();
    let box_of =
        |i: usize| boxes.iter().position(|bounds| bounds.holds(components.pixel(i).middle()));
    let inked: Vec<(usize, Option<usize>)> = (0..components.owner.len())
        .filter(|&i| components.owner[i] != NO_PIECE)
        .map(|i| (i, box_of(i)))
        .collect();
    // For each piece, the only box that can contain more than half of it: the majority vote of
    // Boyer and Moore (1981), which needs no counter per piece and box. The second pass counts how
    // much of the piece that box really contains.
    let pieces = components.bounds.len();
    let mut votes = vec![(None, 0u32); pieces];
    for &(i, at) in &inked {
        let (leader, lead) = &mut votes[components.owner[i] as usize];
        match (*leader == at, *lead) {
            (true, _) => *lead += 1,
            (false, 0) => (*leader, *lead) = (at, 1),
            (false, _) => *lead -= 1,
        }
    }
    let mut counts = vec![(0u32, 0u32); pieces];
    for &(i, at) in &inked {
        let piece = components.owner[i] as usize;
        counts[piece].0 += u32::from(at == votes[piece].0);
        counts[piece].1 += 1;
    }
    let is_in_one_box = |piece: usize| counts[piece].0 as f32 >= INSIDE * counts[piece].1 as f32;
    // Each box's contents become one piece.
    let mut contents = vec![NO_PIECE; components.owner.len()];
    for (i, at) in inked {
        let piece = components.owner[i] as usize;
        let at = if is_in_one_box(piece) { votes[piece].0 } else { at };
        contents[i] = at.map_or(NO_PIECE, |at| at as u32 + 1);
    }
    let contents = Components::with_owners(components.ink, contents, boxes.len() + 1);
    let ids: Vec<usize> =
        (0..contents.bounds.len()).filter(|&id| contents.bounds[id].is_some()).collect();
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| contents.bounds[id]).collect();
    let draw = |at: usize| Some((contents.glyph(&bounds[at], &[ids[at]])?, None));
    super::boxes::lattice(&bounds, &draw).scaled(scale)
}
