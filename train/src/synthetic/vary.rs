//! Varies a drawing: the same strokes as another writer, or the same one on another day, might
//! write them. It works on strokes and not on pixels, so that the line keeps the width and the
//! edges of a pen however its course changes.

use glyphic_model::{
    Glyph,
    preprocess::{PEN_WIDTH, Point, Strokes},
};
use rand::{RngExt, rngs::StdRng};

use crate::random::signed;

/// How far a drawing may be varied. Lengths are shares of its longer side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// Rotation, degrees either way.
    pub rotation: f32,
    /// Slant, as the tangent of the angle, either way.
    pub slant: f32,
    /// Ratio of width to height, as a share either way.
    pub aspect: f32,
    /// Smooth bending of the whole drawing: the largest displacement.
    pub bend: f32,
    /// Curvature: how far each stroke sways along its path, the largest displacement.
    pub curve: f32,
    /// Haste: a fast pen rounds corners; half the length over which it does, at most.
    pub haste: f32,
    /// Share of drawings (0–1) in which the pen lifts for a moment.
    pub breaks: f32,
    /// Shift of each single stroke.
    pub shift: f32,
    /// Change of size of each single stroke, as a share either way.
    pub size: f32,
    /// Length by which a stroke's ends fall short or overshoot.
    pub ends: f32,
    /// Random displacement of single points.
    pub tremor: f32,
    /// Change of the pen's width, as a factor either way.
    pub pen: f32,
}

impl Default for Variation {
    fn default() -> Self {
        Self {
            rotation: 8.0,
            slant: 0.3,
            aspect: 0.45,
            bend: 0.06,
            curve: 0.025,
            haste: 0.1,
            breaks: 0.08,
            shift: 0.04,
            size: 0.08,
            ends: 0.05,
            tremor: 0.006,
            pen: 1.5,
        }
    }
}

/// Distance between the points that a stroke is resampled to.
const SPACING: f32 = 0.04;
/// Sine waves that add up to a bend.
const WAVES: usize = 3;

impl Variation {
    /// A variation of `strokes` as a glyph. `None` if nothing is drawn.
    pub fn glyph(&self, strokes: &Strokes, rng: &mut StdRng) -> Option<Glyph> {
        let drawing = self.strokes(strokes, rng);
        let pen = PEN_WIDTH * self.pen.powf(signed(rng));
        Strokes::new(drawing).ok()?.glyph_with_pen(pen)
    }

    /// A variation of the strokes, about 1 unit large.
    pub fn strokes(&self, strokes: &Strokes, rng: &mut StdRng) -> Vec<Vec<Point>> {
        let bend = Bend::random(self.bend, rng);
        let haste = self.haste * rng.random::<f32>().powi(2);
        let (sin, cos) = (self.rotation * signed(rng)).to_radians().sin_cos();
        let slant = self.slant * signed(rng);
        let aspect = (1.0 + self.aspect).powf(signed(rng)).sqrt();
        let lines: Vec<Vec<Point>> = unit(strokes)
            .iter()
            .map(|stroke| {
                let sway = Bend::random(self.curve, rng);
                let [cx, cy] = middle(stroke);
                let size = 1.0 + self.size * signed(rng);
                let [dx, dy] = [self.shift * signed(rng), self.shift * signed(rng)];
                let ends = [self.ends * signed(rng), self.ends * signed(rng)];
                let line = hurried(&with_ends(resampled(stroke), ends), haste);
                let last = line.len().max(2) - 1;
                let place = |(i, [x, y]): (usize, Point), rng: &mut StdRng| {
                    let [x, y] = [cx + (x - cx) * size + dx, cy + (y - cy) * size + dy];
                    let ([bx, by], [sx, sy]) =
                        (bend.at([x, y]), sway.at([i as f32 / last as f32, 0.0]));
                    let tremor = [self.tremor * signed(rng), self.tremor * signed(rng)];
                    let (x, y) = (x + bx + sx + tremor[0], y + by + sy + tremor[1]);
                    let (x, y) = (x * aspect, y / aspect);
                    let x = x - slant * y;
                    [cos * x - sin * y, sin * x + cos * y]
                };
                line.into_iter().enumerate().map(|point| place(point, rng)).collect()
            })
            .collect();
        if rng.random::<f32>() < self.breaks { broken(lines, rng) } else { lines }
    }
}

/// A smooth displacement: a few long waves over the drawing.
struct Bend([Wave; WAVES]);

struct Wave {
    frequency: Point,
    phase: f32,
    reach: Point,
}

impl Bend {
    fn random(most: f32, rng: &mut StdRng) -> Self {
        Self(std::array::from_fn(|_| Wave {
            frequency: [4.0 * signed(rng), 4.0 * signed(rng)],
            phase: std::f32::consts::TAU * rng.random::<f32>(),
            reach: [most * signed(rng), most * signed(rng)],
        }))
    }

    fn at(&self, [x, y]: Point) -> Point {
        self.0.iter().fold([0.0, 0.0], |[sum_x, sum_y], wave| {
            let height = (wave.frequency[0] * x + wave.frequency[1] * y + wave.phase).sin();
            [sum_x + wave.reach[0] * height, sum_y + wave.reach[1] * height]
        })
    }
}

/// The strokes around the origin, their longer side 1.
fn unit(strokes: &Strokes) -> Vec<Vec<Point>> {
    let all: Vec<Point> = strokes.points().concat();
    let [left, top] = [0, 1].map(|axis| all.iter().map(|p| p[axis]).fold(f32::MAX, f32::min));
    let [right, bottom] = [0, 1].map(|axis| all.iter().map(|p| p[axis]).fold(f32::MIN, f32::max));
    let side = (right - left).max(bottom - top).max(1e-6);
    let [cx, cy] = [(left + right) / 2.0, (top + bottom) / 2.0];
    let to_unit = |&[x, y]: &Point| [(x - cx) / side, (y - cy) / side];
    strokes.points().iter().map(|stroke| stroke.iter().map(to_unit).collect()).collect()
}

fn middle(stroke: &[Point]) -> Point {
    let count = stroke.len().max(1) as f32;
    [0, 1].map(|axis| stroke.iter().map(|p| p[axis]).sum::<f32>() / count)
}

/// The stroke with points no further than [`SPACING`] apart, so that it can bend between the
/// points it was recorded with.
fn resampled(stroke: &[Point]) -> Vec<Point> {
    let mut line: Vec<Point> = stroke.first().copied().into_iter().collect();
    for pair in stroke.windows(2) {
        let [[ax, ay], [bx, by]] = [pair[0], pair[1]];
        let parts = ((bx - ax).hypot(by - ay) / SPACING).ceil().max(1.0);
        let step = |i: usize| i as f32 / parts;
        line.extend(
            (1..=parts as usize).map(|i| [ax + (bx - ax) * step(i), ay + (by - ay) * step(i)]),
        );
    }
    line
}

/// The line with its first and last piece made longer (above 0) or cut off (below 0). A short
/// line, or a dot, is left as it is.
fn with_ends(mut line: Vec<Point>, ends: [f32; 2]) -> Vec<Point> {
    for amount in ends {
        line.reverse();
        let cut = (-amount / SPACING).round().max(0.0) as usize;
        if line.len() > 6 + cut {
            line.drain(..cut);
        }
        if amount > 0.0 && line.len() > 6 {
            let ([ax, ay], [bx, by]) = (line[3], line[0]);
            let length = (bx - ax).hypot(by - ay).max(1e-6);
            let reach = amount / length;
            line.insert(0, [bx + (bx - ax) * reach, by + (by - ay) * reach]);
        }
    }
    line
}

/// The line of a pen that moves too fast for its corners: each point becomes the mean of the
/// points up to `reach` before and after it. The ends stay.
fn hurried(line: &[Point], reach: f32) -> Vec<Point> {
    let reach = (reach / SPACING).round() as usize;
    let mean = |i: usize| {
        let reach = reach.min(i).min(line.len() - 1 - i);
        let near = &line[i - reach..=i + reach];
        [0, 1].map(|axis| near.iter().map(|p| p[axis]).sum::<f32>() / near.len() as f32)
    };
    (0..line.len()).map(mean).collect()
}

/// The drawing with its longest stroke interrupted somewhere.
fn broken(mut lines: Vec<Vec<Point>>, rng: &mut StdRng) -> Vec<Vec<Point>> {
    let Some(longest) = (0..lines.len()).max_by_key(|&i| lines[i].len()) else { return lines };
    let length = lines[longest].len();
    // Too short to be interrupted.
    if length < 16 {
        return lines;
    }
    let at = rng.random_range(length / 5..length * 4 / 5);
    let gap = 1 + rng.random_range(0..3);
    let rest = lines[longest].split_off(at);
    lines.push(rest[gap.min(rest.len() - 1)..].to_vec());
    lines
}
