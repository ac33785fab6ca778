//! Pictures without handwriting: noise, blobs and gradients, like photos of things, read
//! through the same preprocessing as any upload.

use glyphic_model::{Glyph, preprocess::Picture};
use rand::{RngExt, rngs::StdRng};

use crate::random::signed;

/// Side of the pictures in pixels.
const SIDE: usize = 56;
/// Sine waves that add up to a texture.
const WAVES: usize = 6;

/// The glyph that preprocessing makes of a random texture; `None` if it finds no ink.
pub(super) fn glyph(rng: &mut StdRng) -> Option<Glyph> {
    let noise = if rng.random_range(0..3) == 0 { 120.0 } else { 12.0 };
    let frequency = rng.random_range(2.0f32..22.0);
    let hard = rng.random::<bool>();
    let waves: [[f32; 4]; WAVES] = std::array::from_fn(|_| {
        let turn = std::f32::consts::TAU * rng.random::<f32>();
        [frequency * signed(rng), frequency * signed(rng), turn, signed(rng)]
    });
    let mut pixels = Vec::with_capacity(SIDE * SIDE * 4);
    for i in 0..SIDE * SIDE {
        let [x, y] = [i % SIDE, i / SIDE].map(|at| at as f32 / SIDE as f32);
        let height: f32 =
            waves.iter().map(|[fx, fy, turn, reach]| reach * (fx * x + fy * y + turn).sin()).sum();
        let value = if hard { 80.0 * height.signum() } else { 60.0 * height };
        let grey = (128.0 + value + noise * signed(rng)).clamp(0.0, 255.0) as u8;
        pixels.extend([grey, grey, grey, 255]);
    }
    Picture::new(SIDE, SIDE, pixels)?.glyph()
}
