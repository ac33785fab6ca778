//! Tables whose lines are given: what is printed near them is erased, and the cells are those between
//! them.

use super::{
    curves::{Curve, LONG_PART},
    grid::{FEW, Grid, PRINTED, Place, is_printed, printed, seen_all_along},
    lines::Lines,
    straight::Straight,
};
use crate::order::sorted;

/// Lines that are given are up to this many heights of a digit away from the printed ones.
const INEXACT: f32 = 0.4;

impl Grid {
    /// The table with these lines: each is the printed one beside it, where there is one.
    pub(super) fn given(table: &Straight, lines: &Lines) -> Self {
        let Straight { ink, height, room, .. } = table;
        let straight = |shares: &[f32], [side, length]: [usize; 2]| -> Vec<Curve> {
            let place = |share: &f32| room + share * (side as f32 - 2.0 * room);
            shares.iter().map(|share| Curve::unseen(place(share), length)).collect()
        };
        let rows = straight(&lines.rows, [ink.height(), ink.width()]);
        let columns = straight(&lines.columns, [ink.width(), ink.height()]);
        let [mut level, mut upright] = printed(table, LONG_PART);
        level.retain(|line| is_printed(line, &columns));
        upright.retain(|line| is_printed(line, &rows));
        let [own_rows, own_columns] =
            [(&rows, &level), (&columns, &upright)].map(|(own, all)| beside(own, all, *height));
        level.retain(|line| is_of_table(line, &rows, &columns, *height));
        upright.retain(|line| is_of_table(line, &columns, &rows, *height));
        Self {
            rows: own_rows,
            columns: own_columns,
            printed: [level, upright],
            merged: Some(lines.places().collect()),
        }
    }
}

/// These places, and the cells that are in none of them, row by row.
pub(super) fn places_around(merged: &[Place], (rows, columns): (usize, usize)) -> Vec<Place> {
    let mut is_free = vec![true; rows * columns];
    let mut places = Vec::new();
    let single = |i: usize| Place { row: i / columns, column: i % columns, rows: 1, columns: 1 };
    for place in merged.iter().copied().chain((0..rows * columns).map(single)) {
        let own = (place.row..place.row + place.rows).flat_map(|row| {
            (place.column..place.column + place.columns).map(move |i| row * columns + i)
        });
        let own: Vec<usize> = own.collect();
        // Of places that overlap, the first one counts.
        if own.iter().all(|&i| is_free[i]) {
            own.into_iter().for_each(|i| is_free[i] = false);
            places.push(place);
        }
    }
    sorted(places, |place| (place.row * columns + place.column) as f32)
}

/// For each of the given lines, the printed one nearest to it, or itself if none is as near as a line
/// that is only drawn inexactly.
fn beside(given: &[Curve], printed: &[Curve], height: f32) -> Vec<Curve> {
    let middle = |line: &Curve| line.at[line.at.len() / 2];
    let own = |i: usize| {
        let gap = |a: usize, b: usize| Some(middle(given.get(b)?) - middle(given.get(a)?));
        let gaps = [i.checked_sub(1).and_then(|before| gap(before, i)), gap(i, i + 1)];
        let narrowest = gaps.into_iter().flatten().fold(f32::MAX, f32::min);
        // So near that it is no other line's.
        let reach = (INEXACT * height).min(narrowest / 3.0);
        let away = printed.iter().map(|line| (line.away(&given[i]), line));
        let near = away.filter(|(away, _)| *away <= reach).min_by(|a, b| a.0.total_cmp(&b.0));
        near.map_or(&given[i], |(_, line)| line).clone()
    };
    (0..given.len()).map(own).collect()
}

/// Whether a printed line is one of those given, or of a double line, or goes all along the table, so
/// that somebody who left it out wants two rows to be one.
fn is_of_table(line: &Curve, given: &[Curve], across: &[Curve], height: f32) -> bool {
    let is_near = given.iter().any(|other| line.is_double(other, height));
    is_near || across.len() > FEW && seen_all_along(line, across) >= PRINTED
}
