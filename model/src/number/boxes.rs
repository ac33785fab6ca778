//! Symbols whose boxes are given: nothing is to be found out but what they are.

use super::{
    Bounds, Lattice,
    lattice::{Atom, Drawn, Grouping, LineOfAtoms},
    lines::lines,
};

/// Each of `bounds` is around the ink in one box; `draw` draws it.
pub(super) fn lattice(bounds: &[Bounds], draw: &dyn Fn(usize) -> Option<Drawn>) -> Lattice {
    let atom = |id: usize| Atom { id, bounds: bounds[id], cut: 0.0, work: 0 };
    let lines: Vec<LineOfAtoms> = lines(bounds)
        .into_iter()
        .map(|line| LineOfAtoms {
            atoms: line.pieces.into_iter().map(atom).collect(),
            height: line.height,
        })
        .collect();
    Lattice::of(&lines, Grouping::Given, &|atoms| draw(atoms.first()?.id))
}
