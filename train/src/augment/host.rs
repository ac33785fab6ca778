//! On the CPU, a picture at a time.

use std::array::from_fn;

use glyphic_model::glyph::{PIXELS, SIDE};

use super::{CONTROL, MAP, WARP, centre, gaussian, grains, grid};
use crate::config::Augmentation;

/// What an [`Augmenter`](super::Augmenter) does, for one picture on the CPU. Gaussians of a
/// grid are products of one of the row and one of the column, which saves most of the work.
pub struct HostAugmenter {
    /// For each pixel of a side the weight of each control point of a side.
    reach: Vec<[f32; CONTROL]>,
    /// Pictures of grain, one after the other; none if none is asked for.
    grains: Vec<f32>,
}

impl HostAugmenter {
    /// An augmenter for maps within these ranges.
    pub fn new(ranges: &Augmentation) -> Self {
        let weights = |pixel: usize| from_fn(|control| gaussian(pixel as f32 - centre(control)));
        let grains = if ranges.noise > 0.0 { grains() } else { Vec::new() };
        Self { reach: (0..SIDE).map(weights).collect(), grains }
    }

    /// Changes a picture by its map. It stays on the scale 0–255; what comes from outside
    /// is 0.
    pub fn apply(&self, ink: &[u8; PIXELS], map: &[f32; MAP], to: &mut [f32; PIXELS]) {
        let (warp, changes) = map.split_at(WARP);
        let (points, _) = warp.as_chunks::<2>();
        let (affine, elastic) = points.split_at(3);
        let (lines, _) = elastic.as_chunks::<CONTROL>();
        for (y, row) in to.chunks_exact_mut(SIDE).enumerate() {
            // The row's own displacements: what each column of control points does to it.
            let mut bent = [[0.0; 2]; CONTROL];
            for (line, weight) in lines.iter().zip(self.reach[y]) {
                for (bent, point) in bent.iter_mut().zip(line) {
                    bent[0] += weight * point[0];
                    bent[1] += weight * point[1];
                }
            }
            for (x, (to, reach)) in row.iter_mut().zip(&self.reach).enumerate() {
                let place: [f32; 2] = from_fn(|axis| {
                    let line = affine[0][axis] * grid(x) + affine[1][axis] * grid(y);
                    let elastic = bent.iter().zip(reach).map(|(bent, weight)| bent[axis] * weight);
                    line + affine[2][axis] + elastic.sum::<f32>()
                });
                *to = sample(ink, place.map(|at| ((at + 1.0) * SIDE as f32 - 1.0) / 2.0));
            }
        }
        if let &[thickness, blur, left, top, right, bottom, coarse, which] = changes {
            thicken(to, thickness);
            smooth(to, blur);
            let within = |from: f32, to: f32| from as usize..to as usize;
            for row in to.chunks_exact_mut(SIDE).take(bottom as usize).skip(top as usize) {
                row[within(left, right)].fill(0.0);
            }
            self.roughen(to, coarse, which as usize);
        }
    }

    /// Adds grain.
    fn roughen(&self, pixels: &mut [f32], coarse: f32, which: usize) {
        let grain = self.grains.chunks_exact(PIXELS).nth(which).filter(|_| coarse > 0.0);
        for (pixel, grain) in pixels.iter_mut().zip(grain.into_iter().flatten()) {
            *pixel = (*pixel + coarse * grain).clamp(0.0, 255.0);
        }
    }
}

/// Moves the ink towards the most of its neighbours', or the least.
fn thicken(pixels: &mut [f32], by: f32) {
    if by == 0.0 {
        return;
    }
    let before = pixels.to_vec();
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let extreme = neighbours(&before, i).into_iter().fold(*pixel, |extreme, ink| match by {
            ..0.0 => extreme.min(ink),
            _ => extreme.max(ink),
        });
        *pixel += by.abs() * (extreme - *pixel);
    }
}

/// 1 2 1 along the rows, then along the columns; `share` of it.
fn smooth(pixels: &mut [f32], share: f32) {
    if share == 0.0 {
        return;
    }
    let rows: Vec<f32> = (0..PIXELS)
        .map(|i| {
            let [left, right, ..] = neighbours(pixels, i);
            (left + right + 2.0 * pixels[i]) / 4.0
        })
        .collect();
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let [_, _, above, below] = neighbours(&rows, i);
        *pixel += share * ((above + below + 2.0 * rows[i]) / 4.0 - *pixel);
    }
}

/// The pixels left of one, right of it, above and below; 0 outside.
fn neighbours(pixels: &[f32], i: usize) -> [f32; 4] {
    let (x, y) = (i % SIDE, i / SIDE);
    let ink = |inside: bool, at: usize| if inside { pixels[at] } else { 0.0 };
    [
        ink(x > 0, i.wrapping_sub(1)),
        ink(x + 1 < SIDE, i + 1),
        ink(y > 0, i.wrapping_sub(SIDE)),
        ink(y + 1 < SIDE, i + SIDE),
    ]
}

/// The ink between four pixels, by their distances; 0 outside.
fn sample(ink: &[u8; PIXELS], [x, y]: [f32; 2]) -> f32 {
    let [left, top] = [x, y].map(|at| at as i32 - i32::from(at < 0.0));
    let (right, below) = (x - left as f32, y - top as f32);
    let at = |x: i32, y: i32| {
        let inside = |at: i32| (0..SIDE as i32).contains(&at);
        if inside(x) && inside(y) { f32::from(ink[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    let line = |y| at(left, y) * (1.0 - right) + at(left + 1, y) * right;
    line(top) * (1.0 - below) + line(top + 1) * below
}
