//! Symbols whose boxes are given: the network only has to read them.

use super::{
    bounds::Bounds,
    lattice::{Grouping, Lattice, LineOfSegments, Rendered, Segment, Thrift},
    lines::lines,
};

/// `bounds` are those of the ink in each box; `draw` draws the ink of a box as a glyph.
pub(super) fn lattice(bounds: &[Bounds], draw: &dyn Fn(usize) -> Option<Rendered>) -> Lattice {
    let segment = |id: usize| Segment { id, bounds: bounds[id], cut: 0.0, work: 0 };
    let lines: Vec<LineOfSegments> = lines(bounds)
        .into_iter()
        .map(|line| LineOfSegments {
            segments: line.pieces.into_iter().map(segment).collect(),
            height: line.height,
        })
        .collect();
    Lattice::of(&lines, Grouping::Given, Thrift::WHOLE, &|line, group| {
        draw(line.segments[group.start].id)
    })
}
