//! Pictures that were cut to their ink, as programs cut symbols out of pages: the ink reaches opposite
//! edges, where things around a sheet of paper are otherwise looked for.

use super::{
    paper::colour::{Rgb, brightness, median},
    picture::Picture,
};

/// The share of the brightness' variance that lies between ink and paper: such a picture has two tones.
const TWO_TONES: f64 = 0.75;
/// The largest square of ink has at most this share of the picture's longer side: strokes are thin.
const STROKE: f32 = 0.4;
/// At least this share of the ink is joined to the edge ...
const JOINED: f32 = 0.9;
/// ... which is covered if this share of it is ink: two such edges are a frame.
const COVERED: f32 = 0.9;
/// A bar fills this share of its box.
const BAR: f32 = 0.9;
/// The ink spans this share of both sides: a table along one edge does not.
const SPANNED: f32 = 0.5;
/// The margin of paper, as a share of the longer side.
const MARGIN: usize = 8;

/// The ink and the colour of the paper of a picture with two tones.
struct TwoTones {
    width: usize,
    height: usize,
    /// Whether each pixel is ink.
    ink: Vec<bool>,
    paper: Rgb,
}

impl Picture {
    /// The same with a margin of paper, and how wide that is, if the picture was cut to its ink. `pixels`
    /// are its colours.
    pub(super) fn with_margin(&self, pixels: &[Rgb]) -> Option<(Self, usize)> {
        let tones = TwoTones::of(pixels, self.size())?;
        tones.is_cut_to_ink().then(|| {
            let (width, height) = self.size();
            let margin = (width.max(height) / MARGIN).max(2);
            (self.padded(margin, tones.paper), margin)
        })
    }
}

impl TwoTones {
    /// `None` if the picture has more tones than two, or one. The ink is the smaller part.
    fn of(pixels: &[Rgb], (width, height): (usize, usize)) -> Option<Self> {
        let light: Vec<u8> =
            pixels.iter().map(|&colour| brightness(colour).round() as u8).collect();
        let between = between(&light)?;
        let dark: Vec<bool> = light.iter().map(|&value| value <= between).collect();
        let is_dark = 2 * dark.iter().filter(|&&dark| dark).count() < dark.len();
        let ink: Vec<bool> = dark.into_iter().map(|dark| dark == is_dark).collect();
        let paper: Vec<Rgb> =
            pixels.iter().zip(&ink).filter(|(_, ink)| !**ink).map(|(&colour, _)| colour).collect();
        Some(Self { width, height, ink, paper: median(&paper) })
    }

    /// Whether strokes reach opposite edges, and next to nothing is written apart from them. A bar is
    /// none.
    fn is_cut_to_ink(&self) -> bool {
        let Self { width, height, ink, .. } = self;
        let (right, bottom) = (width - 1, height - 1);
        let share = |length: usize, at: &dyn Fn(usize) -> usize| {
            (0..length).filter(|&i| ink[at(i)]).count() as f32 / length as f32
        };
        let edges = [
            share(*width, &|x| x),
            share(*width, &|x| bottom * width + x),
            share(*height, &|y| y * width),
            share(*height, &|y| y * width + right),
        ];
        let reaches = |a: usize, b: usize| edges[a] > 0.0 && edges[b] > 0.0;
        let covered = edges.iter().filter(|&&share| share >= COVERED).count();
        (reaches(0, 1) || reaches(2, 3))
            && covered < 2
            && self.largest_square() as f32 <= STROKE * (*width).max(*height) as f32
            && self.joined_to_edge() >= JOINED
            && self.is_spread()
    }

    /// Whether the ink's box spans the picture, and is not filled.
    fn is_spread(&self) -> bool {
        let inked = || (0..self.ink.len()).filter(|&i| self.ink[i]);
        let extent = |places: &mut dyn Iterator<Item = usize>| {
            let (first, last) =
                places.fold((usize::MAX, 0), |(first, last), at| (first.min(at), last.max(at)));
            last.saturating_sub(first) + 1
        };
        let columns = extent(&mut inked().map(|i| i % self.width));
        let rows = extent(&mut inked().map(|i| i / self.width));
        let spans = |extent: usize, side: usize| extent as f32 >= SPANNED * side as f32;
        (inked().count() as f32) < BAR * (columns * rows) as f32
            && spans(columns, self.width)
            && spans(rows, self.height)
    }

    /// The side of the largest square of ink.
    fn largest_square(&self) -> usize {
        // The largest square that ends at each pixel of a row.
        let mut ends = vec![0; self.width];
        let mut largest = 0;
        for row in self.ink.chunks(self.width) {
            let (mut before, mut above_before) = (0, 0);
            for (end, &ink) in ends.iter_mut().zip(row) {
                let above = *end;
                *end = if ink { 1 + above_before.min(above).min(before) } else { 0 };
                (before, above_before) = (*end, above);
                largest = largest.max(*end);
            }
        }
        largest
    }

    /// The share of the ink that is joined to the picture's edge.
    fn joined_to_edge(&self) -> f32 {
        let (width, height) = (self.width, self.height);
        let on_edge = |i: usize| {
            let (x, y) = (i % width, i / width);
            x == 0 || y == 0 || x + 1 == width || y + 1 == height
        };
        let mut left = self.ink.clone();
        let mut open: Vec<usize> = (0..left.len()).filter(|&i| left[i] && on_edge(i)).collect();
        open.iter().for_each(|&i| left[i] = false);
        let mut joined = 0;
        while let Some(i) = open.pop() {
            joined += 1;
            let (x, y) = (i % width, i / width);
            let beside = [
                (x > 0).then(|| i - 1),
                (x + 1 < width).then(|| i + 1),
                (y > 0).then(|| i - width),
                (y + 1 < height).then(|| i + width),
            ];
            for next in beside.into_iter().flatten() {
                if left[next] {
                    left[next] = false;
                    open.push(next);
                }
            }
        }
        joined as f32 / self.ink.iter().filter(|&&ink| ink).count().max(1) as f32
    }
}

/// The value that divides dark from light with the largest variance between them (Otsu 1979). `None`
/// if that is not most of the variance.
fn between(values: &[u8]) -> Option<u8> {
    let mut counts = [0u64; 256];
    values.iter().for_each(|&value| counts[usize::from(value)] += 1);
    let all = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / all;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / all;
    let (mut below, mut sum, mut best) = (0.0, 0.0, (0.0, 0));
    for (value, &count) in (0u8..=255).zip(&counts) {
        below += count as f64 / all;
        sum += count as f64 / all * f64::from(value);
        let apart = below * (1.0 - below);
        if apart > 0.0 {
            let variance = (mean * below - sum).powi(2) / apart;
            if variance > best.0 {
                best = (variance, value);
            }
        }
    }
    (variance > 0.0 && best.0 >= TWO_TONES * variance).then_some(best.1)
}
