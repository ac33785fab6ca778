//! Finds printed tables among the pieces of ink, and sees each from straight above.

use super::runs::digit_height;
use crate::{
    number::{bounds::Bounds, components::Components},
    preprocess::{Homography, Ink, Point, pieces::NO_PIECE, quadrilateral},
};

// The sizes are in heights of a digit.

/// A piece may be a table if it is at least this high and wide ...
const LARGE: f32 = 1.0;
/// ... and covers at most this share of its bounds.
const SPARSE: f32 = 0.6;
/// Pieces this close to each other are parts of the same table.
const NEAR: f32 = 0.1;
/// A table is at least this high.
const LOWEST: f32 = 1.6;
/// The room around a table, for what is written over its edge.
const ROOM: f32 = 0.5;
/// The same if its corners are given: the printed lines may be beside them.
const ROOM_OF_GIVEN: f32 = 1.0;
/// A table's sides are seen at this share of their length, within this many heights.
const SEEN: f32 = 0.5;
const BESIDE: f32 = 0.2;
/// The height of a digit if there is none, as a share of the longer side of the ink.
const UNKNOWN: f32 = 0.01;
/// Corners that are given are at most this share of the ink's longer side beside it.
const OUTSIDE: f32 = 0.1;

/// A table that fills its ink.
pub(super) struct Straight {
    pub(super) ink: Ink,
    /// From its pixels to those of the page.
    pub(super) map: Homography,
    /// The height of a digit.
    pub(super) height: f32,
    /// How much of its ink is around it on each side.
    pub(super) room: f32,
}

/// All that may be tables.
pub(super) fn straightened(components: &Components) -> Vec<Straight> {
    let (width, rows) = (components.ink.width(), components.ink.height());
    let height = usual_height(components);
    let group_of = groups(components, height);
    let count = group_of.iter().flatten().max().map_or(0, |most| most + 1);
    let mut spans = vec![vec![(usize::MAX, 0); rows]; count];
    for (i, &piece) in components.owner.iter().enumerate().filter(|&(_, &piece)| piece != NO_PIECE)
    {
        if let Some(group) = group_of[piece as usize] {
            let (first, end) = &mut spans[group][i / width];
            (*first, *end) = ((*first).min(i % width), (*end).max(i % width + 1));
        }
    }
    spans.iter().map(|spans| seen_from_above(&components.ink, spans, height)).collect()
}

/// A table whose corners are given, as seen from above. `height` is a digit's. `None` if it is not on the
/// ink.
pub(super) fn given(ink: &Ink, corners: [Point; 4], height: f32) -> Option<Straight> {
    let reach = OUTSIDE * ink.width().max(ink.height()) as f32;
    let [right, bottom] = [ink.width(), ink.height()].map(|side| side as f32 + reach);
    let is_near = |[x, y]: Point| (-reach..=right).contains(&x) && (-reach..=bottom).contains(&y);
    let room = (ROOM_OF_GIVEN * height).ceil();
    let (ink, map) =
        corners.into_iter().all(is_near).then(|| straight(ink, corners, room)).flatten()?;
    Some(Straight { ink, map, height, room })
}

/// The height of a digit among these pieces.
pub(super) fn usual_height(components: &Components) -> f32 {
    let unknown = UNKNOWN * components.ink.width().max(components.ink.height()) as f32;
    digit_height(components).unwrap_or(unknown).max(unknown / 2.0)
}

/// The group of each piece that may be a part of a table.
fn groups(components: &Components, height: f32) -> Vec<Option<usize>> {
    let may_be = |(own, area): (&Option<Bounds>, f32)| {
        own.filter(|own| {
            own.width().min(own.height()) >= LARGE * height
                && area <= SPARSE * own.width() * own.height()
        })
    };
    let parts: Vec<Option<Bounds>> =
        components.bounds.iter().zip(components.areas()).map(may_be).collect();
    let mut groups: Vec<(Bounds, Vec<usize>)> = Vec::new();
    for (i, own) in parts.iter().enumerate().filter_map(|(i, own)| Some((i, (*own)?))) {
        let mut all = (own, vec![i]);
        // It may connect groups that were apart.
        let near = |group: &Bounds, own: &Bounds| {
            group.gap_beside(own).max(group.gap_below(own)) <= NEAR * height
        };
        while let Some(at) = groups.iter().position(|(group, _)| near(group, &all.0)) {
            let (bounds, pieces) = groups.swap_remove(at);
            all = (all.0.with(&bounds), [all.1, pieces].concat());
        }
        groups.push(all);
    }
    let mut group_of = vec![None; parts.len()];
    for (group, (_, pieces)) in groups.into_iter().enumerate() {
        pieces.into_iter().for_each(|piece| group_of[piece] = Some(group));
    }
    group_of
}

/// The ink of a table, whose first and last pixels in each row are given. What is not a quadrilateral
/// is taken as it is.
fn seen_from_above(ink: &Ink, spans: &[(usize, usize)], height: f32) -> Straight {
    let rows = spans.iter().filter(|span| span.1 > 0).count();
    let height = height.min(rows as f32 / LOWEST);
    let room = (ROOM * height).ceil();
    let inked = spans.iter().enumerate().filter(|(_, span)| span.1 > 0);
    let points: Vec<Point> = inked
        .flat_map(|(y, &(first, end))| {
            [[first, y], [end, y], [first, y + 1], [end, y + 1]]
                .map(|place| place.map(|v| v as f32))
        })
        .collect();
    let corners = quadrilateral(&points).filter(|corners| are_sides_seen(ink, corners, height));
    if let Some(corners) = corners
        && let Some(table) = straight(ink, corners, room)
    {
        return Straight { ink: table.0, map: table.1, height, room };
    }
    let bounds = Bounds::around(&points).unwrap_or(Bounds::from([0.0; 4]));
    let map = Homography::shift(f64::from(bounds.left - room), f64::from(bounds.top - room));
    let [width, rows] = [bounds.width(), bounds.height()].map(|side| (side + 2.0 * room) as usize);
    Straight { ink: ink.through(&map, width, rows), map, height, room }
}

fn straight(ink: &Ink, corners: [Point; 4], room: f32) -> Option<(Ink, Homography)> {
    let side = |a: usize, b: usize| {
        let ([ax, ay], [bx, by]) = (corners[a], corners[b]);
        (bx - ax).hypot(by - ay)
    };
    let width = side(0, 1).max(side(3, 2)).round().max(1.0);
    let height = side(0, 3).max(side(1, 2)).round().max(1.0);
    let (right, bottom) = (room + width, room + height);
    let map = Homography::between(
        [[room, room], [right, room], [right, bottom], [room, bottom]],
        corners,
    )?;
    Some((ink.through(&map, (right + room) as usize, (bottom + room) as usize), map))
}

/// Whether there are lines along the sides of the quadrilateral.
fn are_sides_seen(ink: &Ink, corners: &[Point; 4], height: f32) -> bool {
    const STEPS: usize = 100;
    let is_inked = |[x, y]: Point| {
        let near = (BESIDE * height).ceil() as i32;
        (-near..=near).any(|off| {
            // Across level and upright sides alike.
            [(off, 0), (0, off)].iter().any(|&(dx, dy)| {
                let (x, y) = (x as i32 + dx, y as i32 + dy);
                let inside = x >= 0 && y >= 0 && x < ink.width() as i32 && y < ink.height() as i32;
                inside && ink.values()[y as usize * ink.width() + x as usize] >= super::curves::LINE
            })
        })
    };
    (0..4).all(|i| {
        let (from, to) = (corners[i], corners[(i + 1) % 4]);
        let place = |step: usize| {
            let share = (step as f32 + 0.5) / STEPS as f32;
            [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]))
        };
        let seen = (0..STEPS).filter(|&step| is_inked(place(step))).count();
        seen as f32 >= SEEN * STEPS as f32
    })
}
