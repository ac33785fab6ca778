//! Symbols whose boxes are given: nothing is to be found out but what they are.

use super::{
    Bounds, Lattice,
    lattice::{Atom, Drawn, Grouping, LineOfAtoms},
    lines::lines,
};

/// Each of `held` is the ink in one box; those without any are left out.
pub(super) fn lattice<H>(
    held: Vec<H>,
    bounds: impl Fn(&H) -> Option<Bounds>,
    draw: impl Fn(&H) -> Option<Drawn>,
) -> Lattice {
    let inked = held.iter().filter_map(|held| Some((bounds(held)?, held)));
    let (bounds, held): (Vec<Bounds>, Vec<&H>) = inked.unzip();
    let lines: Vec<LineOfAtoms<usize>> = lines(&bounds)
        .into_iter()
        .map(|line| LineOfAtoms { atoms: line.pieces, height: line.height })
        .collect();
    let atom = |&i: &usize| Atom { bounds: bounds[i], cut: 0.0 };
    Lattice::of(&lines, Grouping::Given, atom, |group| draw(held[*group.first()?]))
}
