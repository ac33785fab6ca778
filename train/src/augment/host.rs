//! On the CPU, a picture at a time.

use std::array::from_fn;

use glyphic_model::glyph::{PIXELS, SIDE};

use super::maps::{CONTROL, MAP, centre, gaussian, grid};

/// Does what an [`Augmenter`](super::Augmenter) does, for one picture on the CPU.
///
/// The Gaussian of a control point is the product of one of the row and one of the column.
/// So the displacements of a row's control points are summed up once a row, which saves most
/// of the work.
pub struct HostAugmenter {
    /// For each pixel of a side the weight of each control point of a side.
    reach: Vec<[f32; CONTROL]>,
}

impl HostAugmenter {
    /// An augmenter.
    pub fn new() -> Self {
        let weights = |pixel: usize| from_fn(|control| gaussian(pixel as f32 - centre(control)));
        Self { reach: (0..SIDE).map(weights).collect() }
    }

    /// Changes a picture by its map. The scale stays 0–255; pixels from outside the picture
    /// are 0.
    pub fn apply(&self, ink: &[u8; PIXELS], map: &[f32; MAP], to: &mut [f32; PIXELS]) {
        let (points, _) = map.as_chunks::<2>();
        let (affine, elastic) = points.split_at(3);
        let (lines, _) = elastic.as_chunks::<CONTROL>();
        for (y, row) in to.chunks_exact_mut(SIDE).enumerate() {
            // The displacement of this row by each column of control points.
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
    }
}

impl Default for HostAugmenter {
    fn default() -> Self {
        Self::new()
    }
}

/// The ink between four pixels, weighted by their distances; 0 outside the picture.
fn sample(ink: &[u8; PIXELS], [x, y]: [f32; 2]) -> f32 {
    // `as` rounds towards zero and is cheaper than `floor`; below 0 one more is subtracted.
    let [left, top] = [x, y].map(|at| at as i32 - i32::from(at < 0.0));
    let (right, below) = (x - left as f32, y - top as f32);
    let at = |x: i32, y: i32| {
        let inside = |at: i32| (0..SIDE as i32).contains(&at);
        if inside(x) && inside(y) { f32::from(ink[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    let line = |y| at(left, y) * (1.0 - right) + at(left + 1, y) * right;
    line(top) * (1.0 - below) + line(top + 1) * below
}
