//! The corners of a sheet that is seen from the side.

use super::cells::Cells;
use crate::{order::sorted, preprocess::Point};

/// A sheet covers at least this share of the quadrilateral that encloses it; otherwise it has
/// another shape, or something lies on it.
const FILLED: f32 = 0.92;
/// The same if its corners are not needed.
const MOSTLY_FILLED: f32 = 0.82;
/// The sheet's sides may be at most this many cells beyond the picture.
const BEYOND: f32 = 2.0;

/// The corners of the sheet in pixels, clockwise from the upper left one. `None` if it is not a
/// quadrilateral inside of the picture.
pub(super) fn corners(cells: &Cells, mask: &[bool]) -> Option<[Point; 4]> {
    let touches = (0..cells.len()).any(|i| mask[i] && cells.on_edge(i));
    if touches {
        return None;
    }
    let quadrilateral = quadrilateral(&corner_points(cells, mask))?;
    let area = mask.iter().filter(|&&on| on).count() as f32;
    if area < FILLED * area_of(&quadrilateral) {
        return None;
    }
    let [right, bottom] = [cells.columns as f32 + BEYOND, cells.rows as f32 + BEYOND];
    let inside = |&[x, y]: &Point| x >= -BEYOND && y >= -BEYOND && x <= right && y <= bottom;
    if !quadrilateral.iter().all(inside) {
        return None;
    }
    Some(quadrilateral.map(|corner| corner.map(|v| v * cells.side as f32)))
}

/// The corners of a quadrilateral around points whose coordinates are whole numbers from 0 to 4095,
/// clockwise from the upper left one. `None` if they are on a line.
pub(crate) fn quadrilateral(points: &[Point]) -> Option<[Point; 4]> {
    let corners = enclosing(hull(points), 4)?;
    let sum = |i: &usize| corners[*i][0] + corners[*i][1];
    let first = (0..4).min_by(|a, b| sum(a).total_cmp(&sum(b)))?;
    Some(std::array::from_fn(|i| corners[(first + i) % 4]))
}

/// Whether the cells of the mask fill a quadrilateral.
pub(super) fn is_quadrilateral(cells: &Cells, mask: &[bool]) -> bool {
    let area = mask.iter().filter(|&&on| on).count() as f32;
    let around = enclosing(hull(&corner_points(cells, mask)), 4);
    around.is_some_and(|around| area >= MOSTLY_FILLED * area_of(&around))
}

/// The corners of the cells in the mask that are first or last in their row, in cells.
fn corner_points(cells: &Cells, mask: &[bool]) -> Vec<Point> {
    let mut points = Vec::new();
    for (row, line) in mask.chunks(cells.columns).enumerate() {
        let (Some(first), Some(last)) =
            (line.iter().position(|&on| on), line.iter().rposition(|&on| on))
        else {
            continue;
        };
        for y in [row as f32, row as f32 + 1.0] {
            points.extend([[first as f32, y], [last as f32 + 1.0, y]]);
        }
    }
    points
}

/// Twice the signed area of a triangle; above 0 if it is clockwise, with y pointing down.
fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// The convex hull of points, clockwise: the monotone chain of Andrew (1979).
fn hull(points: &[Point]) -> Vec<Point> {
    // Their coordinates are whole numbers below this.
    const ROWS: f32 = 4096.0;
    let sorted = sorted(points.to_vec(), |point| point[0] * ROWS + point[1]);
    let chain = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while chain.len() >= 2
                && turn(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut outline = chain(&mut sorted.iter().copied());
    outline.extend(chain(&mut sorted.iter().rev().copied()));
    outline
}

/// A polygon with `sides` sides around a convex one: the side whose neighbours meet closest beyond
/// it is left out, one after the other.
fn enclosing(mut polygon: Vec<Point>, sides: usize) -> Option<Vec<Point>> {
    while polygon.len() > sides {
        let count = polygon.len();
        let without = |i: usize| {
            let at = |offset: usize| polygon[(i + offset) % count];
            // Side i goes from corner 1 to corner 2 of these.
            let meeting = meeting(at(0), at(1), at(3), at(2))?;
            Some((turn(at(1), meeting, at(2)).abs(), i, meeting))
        };
        let least = (0..count).filter_map(without).min_by(|a, b| a.0.total_cmp(&b.0));
        let (_, i, meeting) = least?;
        polygon[(i + 1) % count] = meeting;
        polygon.remove((i + 2) % count);
    }
    (polygon.len() == sides).then_some(polygon)
}

/// Where the ray from `a` through `b` meets the one from `c` through `d`, beyond `b` and `d`.
fn meeting(a: Point, b: Point, c: Point, d: Point) -> Option<Point> {
    let [ux, uy] = [b[0] - a[0], b[1] - a[1]];
    let [vx, vy] = [d[0] - c[0], d[1] - c[1]];
    let across = ux * vy - uy * vx;
    if across.abs() < 1e-6 {
        return None;
    }
    let along = ((c[0] - a[0]) * vy - (c[1] - a[1]) * vx) / across;
    let other = ((c[0] - a[0]) * uy - (c[1] - a[1]) * ux) / across;
    (along >= 1.0 - 1e-4 && other >= 1.0 - 1e-4).then_some([a[0] + along * ux, a[1] + along * uy])
}

fn area_of(polygon: &[Point]) -> f32 {
    let next = |i: usize| polygon[(i + 1) % polygon.len()];
    let part = |(i, &[x, y]): (usize, &Point)| x * next(i)[1] - y * next(i)[0];
    polygon.iter().enumerate().map(part).sum::<f32>().abs() / 2.0
}
