//! Estimates the paper's colour.
//!
//! The edge of a picture is almost always paper, whatever its colour. If nearly all of the edge
//! has one colour, so has the paper: that is the case for drawings, scans and screenshots, and an
//! exact constant keeps their faint ink. In a photo the light falls unevenly, and no constant
//! fits: a threshold that removes the shadow in one corner would remove ink in another. There a
//! quadratic surface is fitted to the pixels of the paper, which follows the slow change of light
//! but is too smooth to follow strokes.

use super::colour::{Rgb, distance, median};

/// Border pixels within this distance (0–441, in RGB) of the border's median colour are plain
/// paper.
const PLAIN: f32 = 12.0;
/// The share of the border that must be plain for the paper to count as one colour.
const PLAIN_SHARE: f64 = 0.9;
/// The surface is fitted to a grid of at most this many pixels per side.
const SAMPLES: usize = 96;
/// Rounds of fitting the surface and excluding the pixels that differ from it.
const ROUNDS: usize = 6;
/// Ink differs from the paper by at least this many standard deviations of its grain.
pub(super) const GRAIN: f32 = 5.0;

/// A model of the paper: one colour, or a quadratic surface for each channel.
pub(super) struct Background {
    width: f64,
    height: f64,
    /// The coefficients of 1, x, y, x², xy and y² for each channel, with x and y from −1 to 1.
    surface: [[f64; 6]; 3],
    flat: bool,
    noise: f32,
}

impl Background {
    pub(super) fn of(colours: &[Rgb], width: usize, height: usize) -> Self {
        let border: Vec<Rgb> = border(width, height).map(|i| colours[i]).collect();
        let paper = median(&border);
        let mut plain: Vec<f32> =
            border.iter().map(|&c| distance(c, paper)).filter(|&d| d <= PLAIN).collect();
        plain.sort_by(f32::total_cmp);
        // On a clean border nearly all pixels are equal, and the rest is faint ink that crosses it.
        // The ninth decile is the paper's own variation without that ink.
        let common = plain.get(plain.len() * 9 / 10).copied().unwrap_or(0.0);
        let mut background = Self {
            width: width as f64,
            height: height as f64,
            surface: paper.map(|v| [f64::from(v), 0.0, 0.0, 0.0, 0.0, 0.0]),
            flat: plain.len() as f64 >= PLAIN_SHARE * border.len() as f64,
            noise: 2.0 * common,
        };
        if !background.flat {
            background.fit_surface(colours, width, height);
        }
        background
    }

    /// The paper's colour at a pixel.
    pub(super) fn at(&self, x: usize, y: usize) -> Rgb {
        if self.flat {
            return self.surface.map(|c| c[0] as f32);
        }
        let terms = self.terms(x, y);
        self.surface.map(|c| c.iter().zip(terms).map(|(c, t)| c * t).sum::<f64>() as f32)
    }

    /// Whether the paper is of one colour.
    pub(super) fn is_flat(&self) -> bool {
        self.flat
    }

    /// The largest difference (0–441, in RGB) that is still paper.
    pub(super) fn noise(&self) -> f32 {
        self.noise
    }

    /// The terms of the surface at a pixel: 1, x, y, x², xy, y².
    fn terms(&self, x: usize, y: usize) -> [f64; 6] {
        let x = (2.0 * x as f64 + 1.0) / self.width - 1.0;
        let y = (2.0 * y as f64 + 1.0) / self.height - 1.0;
        [1.0, x, y, x * x, x * y, y * y]
    }

    /// Fits the surface by least squares to a grid of pixels, in several rounds. The first fit is
    /// pulled towards the ink; each further one excludes the pixels that differ from the surface
    /// before it, which are ink, so the surface settles on the paper (iterated trimming).
    fn fit_surface(&mut self, colours: &[Rgb], width: usize, height: usize) {
        let step = |side: usize| side.div_ceil(SAMPLES).max(1);
        let samples: Vec<(usize, usize)> = (0..height)
            .step_by(step(height))
            .flat_map(|y| (0..width).step_by(step(width)).map(move |x| (x, y)))
            .collect();
        let mut paper = samples.clone();
        for _ in 0..ROUNDS {
            let surface = self.surface;
            for (channel, fitted) in surface.into_iter().enumerate() {
                let points = paper
                    .iter()
                    .map(|&(x, y)| (self.terms(x, y), f64::from(colours[y * width + x][channel])));
                self.surface[channel] = least_squares(points).unwrap_or(fitted);
            }
            let distances: Vec<f32> = samples
                .iter()
                .map(|&(x, y)| distance(colours[y * width + x], self.at(x, y)))
                .collect();
            let mut sorted = distances.clone();
            let middle = sorted.len() / 2;
            let grain = *sorted.select_nth_unstable_by(middle, f32::total_cmp).1;
            // The median distance is not affected by ink as long as that covers less than half of
            // the picture. For three independent normal channels it is 1.54 standard deviations.
            self.noise = GRAIN * (grain / 1.54).max(1.0);
            let near = samples.iter().zip(&distances).filter(|&(_, &d)| d <= self.noise * 0.6);
            paper = near.map(|(&sample, _)| sample).collect();
        }
    }
}

/// Solves the six normal equations by Gaussian elimination. `None` if they are
/// singular (too few points).
fn least_squares(points: impl Iterator<Item = ([f64; 6], f64)>) -> Option<[f64; 6]> {
    let mut rows = [[0.0; 7]; 6];
    for (terms, value) in points {
        for (row, &term) in rows.iter_mut().zip(&terms) {
            for (cell, &other) in row.iter_mut().zip(terms.iter().chain([&value])) {
                *cell += term * other;
            }
        }
    }
    for pivot in 0..6 {
        let best =
            (pivot..6).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))?;
        rows.swap(pivot, best);
        if rows[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        let lead = rows[pivot];
        for (_, row) in rows.iter_mut().enumerate().filter(|&(i, _)| i != pivot) {
            let factor = row[pivot] / lead[pivot];
            row.iter_mut().zip(lead).for_each(|(cell, lead)| *cell -= factor * lead);
        }
    }
    Some(std::array::from_fn(|i| rows[i][6] / rows[i][i]))
}

/// The indices of the pixels on the edge.
fn border(width: usize, height: usize) -> impl Iterator<Item = usize> {
    (0..width * height).filter(move |i| {
        let (x, y) = (i % width, i / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    })
}
