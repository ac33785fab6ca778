//! Symbols whose boxes are given: nothing is to be found out but what they are.

use super::{
    Bounds, Lattice,
    lattice::{Drawn, Grouping, LineOfSegments, Segment},
    lines::lines,
};

/// Each of `bounds` is around the ink in one box; `draw` draws it.
pub(super) fn lattice(bounds: &[Bounds], draw: &dyn Fn(usize) -> Option<Drawn>) -> Lattice {
    let segment = |id: usize| Segment { id, bounds: bounds[id], cut: 0.0, work: 0 };
    let lines: Vec<LineOfSegments> = lines(bounds)
        .into_iter()
        .map(|line| LineOfSegments {
            segments: line.pieces.into_iter().map(segment).collect(),
            height: line.height,
        })
        .collect();
    Lattice::of(&lines, Grouping::Given, &|segments| draw(segments.first()?.id))
}
