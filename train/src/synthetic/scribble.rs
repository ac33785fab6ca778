//! Scribbles: strokes that show nothing.

use glyphic_model::preprocess::{Point, Strokes};
use rand::{RngExt, rngs::StdRng};

use super::library::curve;
use crate::random::signed;

/// A scribble about 1 unit large. Some kinds of scribble cross out `symbol`.
pub(super) fn strokes(symbol: &Strokes, rng: &mut StdRng) -> Vec<Vec<Point>> {
    match rng.random_range(0..7) {
        0 => vec![curve(&wander(rng))],
        1 => vec![zigzag(rng)],
        2 => lines(rng),
        3 => hatch(rng),
        4 => vec![loops(rng)],
        5 => (0..rng.random_range(2..4)).map(|_| curve(&wander(rng))).collect(),
        _ => crossed_out(symbol, rng),
    }
}

/// Random points, too many and too far apart to look like a digit.
fn wander(rng: &mut StdRng) -> Vec<Point> {
    let count = rng.random_range(7..16);
    (0..count).map(|_| [rng.random(), rng.random()]).collect()
}

/// Back and forth, from the top to the bottom or from left to right.
fn zigzag(rng: &mut StdRng) -> Vec<Point> {
    let (count, sideways) = (rng.random_range(6..16), rng.random::<bool>());
    let points = (0..count).map(|i| {
        let along = (i as f32 + 0.5 * signed(rng)) / (count - 1) as f32;
        let across = (i % 2) as f32 + 0.2 * signed(rng);
        if sideways { [along, across] } else { [across, along] }
    });
    let points: Vec<Point> = points.collect();
    if rng.random() { curve(&points) } else { points }
}

/// Straight lines in random places.
fn lines(rng: &mut StdRng) -> Vec<Vec<Point>> {
    let mut point = || [rng.random::<f32>(), rng.random::<f32>()];
    let all: Vec<Vec<Point>> = (0..8).map(|_| vec![point(), point()]).collect();
    all[..rng.random_range(4..9)].to_vec()
}

/// Lines beside each other, straight or slanted, sometimes crossed by others.
fn hatch(rng: &mut StdRng) -> Vec<Vec<Point>> {
    let (count, slant) = (rng.random_range(4..9), signed(rng));
    let mut set = |turned: bool| -> Vec<Vec<Point>> {
        let line = |i: usize| {
            let at = i as f32 / (count - 1) as f32 + 0.06 * signed(rng);
            let ends = [[at, 0.1 * signed(rng)], [at + slant, 1.0 + 0.1 * signed(rng)]];
            ends.map(|[x, y]| if turned { [y, x] } else { [x, y] }).to_vec()
        };
        (0..count).map(line).collect()
    };
    let mut all = set(false);
    all.extend(set(true));
    if rng.random() {
        all.truncate(count);
    }
    all
}

/// A pen that goes round and round (a drifting Lissajous figure).
fn loops(rng: &mut StdRng) -> Vec<Point> {
    // With equal frequencies it would be a ring, which is a 0, or a straight line, a 1.
    let across = rng.random_range(2.0f32..5.0);
    let (down, phase) = (across * rng.random_range(1.3f32..2.2), 3.0 * rng.random::<f32>());
    let drift = 0.8 * signed(rng);
    let count = 90;
    let at = |i: usize| i as f32 / count as f32;
    (0..count)
        .map(|i| {
            let angle = std::f32::consts::TAU * at(i);
            [(across * angle).sin() + drift * at(i), (down * angle + phase).sin()]
        })
        .collect()
}

/// A symbol with a scribble over it.
fn crossed_out(symbol: &Strokes, rng: &mut StdRng) -> Vec<Vec<Point>> {
    // The library's shapes are 100 wide and 140 high; a user's drawings have any size.
    let points = || symbol.points().iter().flatten();
    let bounds = |axis: usize| {
        let values = || points().map(move |point| point[axis]);
        (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max))
    };
    let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
    let side = (right - left).max(bottom - top).max(1e-3);
    let over = [zigzag(rng)];
    let place = |&[x, y]: &Point| [left + x * side, top + y * side];
    let over = over.iter().map(|stroke| stroke.iter().map(place).collect());
    symbol.points().iter().cloned().chain(over).collect()
}
