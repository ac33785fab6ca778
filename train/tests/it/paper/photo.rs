//! Made pictures of numbers on paper: a sheet is drawn, put on a table, and photographed or
//! scanned. Everything that differs between two pictures is drawn from the random generator.

use std::io::Cursor;

use glyphic_model::{
    number::Bounds,
    preprocess::{Picture, Point},
};
use image::{ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder};
use rand::{RngExt, rngs::StdRng};

use crate::numbers::Drawing;

type Rgb = [f32; 3];

/// What makes a picture of numbers hard to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Evenly lit white paper that fills the picture.
    Scan,
    /// Uneven light.
    Photo,
    /// A dark or light line or strip along an edge.
    Strip,
    /// A dark or light strip along all edges, or two opposite ones.
    Letterbox,
    /// A thing lies in the picture.
    Object,
    /// The whole sheet lies on a table, seen from the side.
    Table,
    /// A small sheet in a large picture.
    Small,
    /// Tilted by up to 15 degrees.
    Tilted,
    Turned90,
    Turned180,
    Turned270,
    Dust,
    /// Punched holes at one edge.
    Punched,
    /// A hard shadow over a part of the sheet.
    Shadow,
    /// Chalk on a board, often with its frame.
    Board,
    /// Dark or coloured ink on coloured paper.
    Coloured,
    Ruled,
    Squared,
    /// Faint grey pencil on paper with grain.
    Pencil,
    /// A scan of paper with texture and faint show-through.
    Texture,
    /// A small, strongly compressed JPEG.
    Compressed,
    /// A printed frame around the numbers.
    Frame,
    /// One line, cropped to its ink with a few pixels of margin.
    Tight,
    /// Several of the above at once.
    Mixed,
    /// The sheet lies on tiles with dark joints.
    Tiled,
    /// The sheet was crumpled.
    Creased,
    /// Light from one side, and hardly any on the other.
    HardLight,
}

/// Single-channel raster of ink, 0 to 1.
pub struct Raster {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Raster {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, values: vec![0.0; width * height] }
    }

    /// A round pen's stroke from `a` to `b`.
    pub fn segment(&mut self, a: Point, b: Point, pen: f32, ink: f32) {
        let reach = pen / 2.0 + 1.0;
        let span = |u: f32, v: f32, side: usize| {
            let first = (u.min(v) - reach).max(0.0) as usize;
            first..((u.max(v) + reach).max(0.0) as usize + 1).min(side)
        };
        let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
        let square = (dx * dx + dy * dy).max(1e-9);
        for y in span(a[1], b[1], self.height) {
            for x in span(a[0], b[0], self.width) {
                let [px, py] = [x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]];
                let along = ((px * dx + py * dy) / square).clamp(0.0, 1.0);
                let away = (px - along * dx).hypot(py - along * dy) - pen / 2.0;
                let value = &mut self.values[y * self.width + x];
                *value = value.max((0.5 - away).clamp(0.0, 1.0) * ink);
            }
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let [x, y] = [x - 0.5, y - 0.5];
        let pixel = |x: isize, y: isize| {
            let inside =
                (0..self.width as isize).contains(&x) && (0..self.height as isize).contains(&y);
            if inside { self.values[y as usize * self.width + x as usize] } else { 0.0 }
        };
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let row = |y| pixel(left, y) * (1.0 - u) + pixel(left + 1, y) * u;
        row(top) * (1.0 - v) + row(top + 1) * v
    }
}

/// Smooth noise between -1 and 1 that changes over about `cell` pixels.
struct Clouds {
    cell: [f32; 2],
    columns: usize,
    values: Vec<f32>,
}

impl Clouds {
    fn new(width: usize, height: usize, cell: [f32; 2], rng: &mut StdRng) -> Self {
        let columns = (width as f32 / cell[0]) as usize + 2;
        let rows = (height as f32 / cell[1]) as usize + 2;
        let values = (0..columns * rows).map(|_| rng.random_range(-1.0..1.0)).collect();
        Self { cell, columns, values }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        let [x, y] = [x as f32 / self.cell[0], y as f32 / self.cell[1]];
        let (column, row) = (x as usize, y as usize);
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (u, v) = (smooth(x.fract()), smooth(y.fract()));
        let at = |c: usize, r: usize| self.values[r * self.columns + c];
        let line = |r: usize| at(column, r) * (1.0 - u) + at(column + 1, r) * u;
        line(row) * (1.0 - v) + line(row + 1) * v
    }
}

/// A sheet with ink on it; one unit is a pixel of the raster.
pub struct Sheet {
    pub ink: Raster,
    /// Printed rulings, in their own colour.
    pub print: Raster,
    pub text: String,
    /// The bounds of the writing.
    pub writing: Bounds,
}

/// A number: its digits and their strokes.
pub type Number = (String, Drawing);

/// Lays out lines of numbers, `height` pixels a digit.
fn sheet(
    side: [usize; 2],
    height: f32,
    pen: f32,
    lines: usize,
    number: &mut dyn FnMut(&mut StdRng) -> Number,
    rng: &mut StdRng,
) -> Sheet {
    let mut ink = Raster::new(side[0], side[1]);
    let mut text: Vec<String> = Vec::new();
    let start = [rng.random_range(0.08..0.25), rng.random_range(0.08..0.25)];
    let left = start[0] * side[0] as f32;
    let mut top = start[1] * side[1] as f32;
    let pitch = height * rng.random_range(1.5..2.2);
    let strength = rng.random_range(0.85..1.0);
    let mut writing: Option<Bounds> = None;
    for _ in 0..lines {
        if top + 1.3 * height > side[1] as f32 {
            break;
        }
        let mut x = left + rng.random_range(-0.3..0.3) * height;
        let mut line = String::new();
        for _ in 0..rng.random_range(1..=2) {
            let (digits, drawing) = number(rng);
            let Some(bounds) = Bounds::around(drawing.iter().flatten()) else { continue };
            if x + bounds.width() * height > side[0] as f32 * 0.95 {
                break;
            }
            let place = |&[px, py]: &Point| {
                [x + (px - bounds.left) * height, top + (py - bounds.top) * height]
            };
            for stroke in &drawing {
                let points: Vec<Point> = stroke.iter().map(place).collect();
                ink.segment(points[0], points[0], pen, strength);
                for ends in points.windows(2) {
                    let pressure = strength * rng.random_range(0.9..1.0);
                    ink.segment(ends[0], ends[1], pen, pressure);
                }
                let own = Bounds::around(&points);
                writing = match (writing, own) {
                    (Some(a), Some(b)) => Some(a.with(&b)),
                    (a, b) => a.or(b),
                };
            }
            line += &digits;
            x += bounds.width() * height + height * rng.random_range(0.9..1.4);
        }
        if !line.is_empty() {
            text.push(line);
        }
        top += pitch;
    }
    let writing = writing.unwrap_or(Bounds::from([0.0, 0.0, 1.0, 1.0]));
    let print = Raster::new(side[0], side[1]);
    Sheet { ink, print, text: text.join("|"), writing }
}

/// Maps a pixel of the picture to a place on the sheet.
#[derive(Clone, Copy)]
struct Homography([f32; 9]);

impl Homography {
    /// The map that takes each of `from` to the point of `to` at the same position.
    fn between(from: [Point; 4], to: [Point; 4]) -> Self {
        let mut rows = [[0.0f64; 9]; 8];
        for i in 0..4 {
            let [x, y] = from[i].map(f64::from);
            let [u, v] = to[i].map(f64::from);
            rows[2 * i] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            rows[2 * i + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        for pivot in 0..8 {
            let best = (pivot..8)
                .max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))
                .unwrap();
            rows.swap(pivot, best);
            let lead = rows[pivot];
            for (i, row) in rows.iter_mut().enumerate() {
                if i != pivot {
                    let factor = row[pivot] / lead[pivot];
                    row.iter_mut().zip(lead).for_each(|(cell, lead)| *cell -= factor * lead);
                }
            }
        }
        let mut map = [1.0; 9];
        for i in 0..8 {
            map[i] = (rows[i][8] / rows[i][i]) as f32;
        }
        Self(map)
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let m = &self.0;
        let w = m[6] * x + m[7] * y + m[8];
        [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w]
    }
}

fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|i| a[i] * (1.0 - share) + b[i] * share)
}

/// A table's surface: wood, cloth or stone.
fn table(width: usize, height: usize, rng: &mut StdRng) -> impl Fn(usize, usize) -> Rgb + use<> {
    let base: Rgb = match rng.random_range(0..4) {
        0 => [90.0, 60.0, 40.0],
        1 => [45.0, 40.0, 38.0],
        2 => [150.0, 110.0, 75.0],
        _ => [110.0, 108.0, 105.0],
    };
    let base = base.map(|v| v * rng.random_range(0.8..1.2));
    let wood = rng.random_bool(0.6);
    let long = rng.random_range(80.0..300.0);
    let short = rng.random_range(4.0..14.0);
    let cell = if wood { [long, short] } else { [short, short] };
    let clouds = Clouds::new(width, height, cell, rng);
    let amount = rng.random_range(3.0..18.0);
    move |x, y| base.map(|v| v + amount * clouds.at(x, y))
}

/// A made picture, and the digits on it; `|` is between lines.
pub struct Photo {
    pub picture: Picture,
    pub text: String,
    /// Its quarter turns counter-clockwise.
    pub turns: usize,
}

/// How a picture is made.
pub struct Setup {
    pub paper: Rgb,
    pub ink: Rgb,
    pub shading: f32,
    pub noise: f32,
    pub blur: usize,
    pub quality: Option<u8>,
    pub tilt: f32,
    pub turns: usize,
    pub on_table: Option<f32>,
    /// How many tiles the table has across.
    pub tiles: Option<f32>,
    /// How much light a crease takes, as a share.
    pub creases: f32,
    pub hard_light: bool,
    pub perspective: f32,
    pub strips: Vec<(usize, usize, Rgb)>,
    pub object: bool,
    pub holes: bool,
    pub shadow: bool,
    pub dust: usize,
    pub ruled: u8,
    pub frame: bool,
    pub tight: Option<f32>,
    pub texture: f32,
    pub strength: f32,
    pub pen: f32,
    pub size: [usize; 2],
    pub height: f32,
    pub lines: usize,
}

fn strip(rng: &mut StdRng, side: usize, most: usize) -> (usize, usize, Rgb) {
    let grey = match rng.random_range(0..3) {
        0 => rng.random_range(0.0..40.0),
        1 => rng.random_range(40.0..150.0),
        _ => rng.random_range(0.0..120.0),
    };
    let tint = [0.0, 8.0, 15.0].map(|t: f32| t * rng.random_range(0.0..1.0));
    (side, rng.random_range(1..=most), std::array::from_fn(|i| grey + tint[i]))
}

impl Setup {
    pub fn plain(rng: &mut StdRng) -> Self {
        let width = rng.random_range(600..1400);
        let size = [width, (width as f32 * rng.random_range(0.6..0.85)) as usize];
        let height = width as f32 * rng.random_range(0.05..0.11);
        let blue = rng.random_bool(0.5);
        Self {
            paper: [1.0, rng.random_range(0.97..1.0), rng.random_range(0.92..1.0)]
                .map(|v| v * rng.random_range(225.0..250.0f32)),
            ink: if blue { [45.0, 50.0, 130.0] } else { [40.0, 40.0, 42.0] },
            shading: 0.0,
            noise: rng.random_range(0.5..3.0),
            blur: rng.random_range(0..=1),
            quality: None,
            tilt: 0.0,
            turns: 0,
            on_table: None,
            tiles: None,
            creases: 0.0,
            hard_light: false,
            perspective: 0.0,
            strips: Vec::new(),
            object: false,
            holes: false,
            shadow: false,
            dust: 0,
            ruled: 0,
            frame: false,
            tight: None,
            texture: 0.0,
            strength: 1.0,
            pen: height * rng.random_range(0.05..0.12),
            size,
            height,
            lines: rng.random_range(1..=4),
        }
    }

    fn photo(mut self, rng: &mut StdRng) -> Self {
        self.shading = rng.random_range(0.1..0.45);
        self.noise = rng.random_range(1.5..6.0);
        self.quality = Some(rng.random_range(60..95));
        self.paper = self.paper.map(|v| v * rng.random_range(0.75..1.0));
        self
    }

    pub fn with(mut self, kind: Kind, rng: &mut StdRng) -> Self {
        match kind {
            Kind::Scan => {}
            Kind::Photo => self = self.photo(rng),
            Kind::Strip => {
                if rng.random_bool(0.5) {
                    self = self.photo(rng);
                }
                let side = rng.random_range(0..4);
                let most = if rng.random_bool(0.5) { 6 } else { 60 };
                self.strips.push(strip(rng, side, most));
            }
            Kind::Letterbox => {
                let all = rng.random_bool(0.5);
                let first = rng.random_range(0..2);
                let (_, thick, colour) = strip(rng, 0, 80);
                for side in (0..4).filter(|side| all || side % 2 == first) {
                    self.strips.push((side, thick, colour));
                }
            }
            Kind::Object => {
                self = self.photo(rng);
                self.object = true;
            }
            Kind::Table => {
                self = self.photo(rng);
                self.on_table = Some(rng.random_range(0.04..0.15));
                self.perspective = rng.random_range(0.0..0.08);
                self.tilt = rng.random_range(-5.0..5.0);
            }
            Kind::Tiled => {
                self = self.with(Kind::Table, rng);
                self.tiles = Some(rng.random_range(4.5..9.0));
            }
            Kind::Creased => {
                self = self.with(Kind::Table, rng);
                self.creases = rng.random_range(0.15..0.35);
            }
            Kind::HardLight => {
                self = self.with(Kind::Table, rng);
                self.hard_light = true;
            }
            Kind::Small => {
                self = self.photo(rng);
                self.size = self.size.map(|side| side * 2);
                self.on_table = Some(rng.random_range(0.2..0.3));
                self.tilt = rng.random_range(-4.0..4.0);
            }
            Kind::Tilted => {
                self = self.photo(rng);
                self.tilt = rng.random_range(4.0..15.0) * if rng.random() { 1.0 } else { -1.0 };
            }
            Kind::Turned90 | Kind::Turned180 | Kind::Turned270 => {
                self = self.photo(rng);
                self.turns = 1 + kind as usize - Kind::Turned90 as usize;
                self.tilt = rng.random_range(-3.0..3.0);
                self.lines = rng.random_range(2..=4);
            }
            Kind::Dust => self.dust = rng.random_range(20..120),
            Kind::Punched => self.holes = true,
            Kind::Shadow => {
                self = self.photo(rng);
                self.shadow = true;
            }
            Kind::Board => {
                self = self.photo(rng);
                let boards = [[28.0, 60.0, 45.0], [35.0, 38.0, 40.0], [20.0, 30.0, 60.0]];
                self.paper = boards[rng.random_range(0..3)];
                self.ink = [215.0, 218.0, 205.0];
                self.shading = rng.random_range(0.0..0.3);
                if rng.random_bool(0.7) {
                    let thick = rng.random_range(8..50);
                    let wood = [150.0, 110.0, 60.0].map(|v: f32| v * rng.random_range(0.8..1.2));
                    self.strips.extend((0..4).map(|side| (side, thick, wood)));
                }
            }
            Kind::Coloured => {
                self = self.photo(rng);
                let papers = [[235.0, 225.0, 110.0], [240.0, 170.0, 190.0], [150.0, 215.0, 150.0]];
                self.paper = papers[rng.random_range(0..3)];
                let inks = [[40.0, 40.0, 40.0], [170.0, 40.0, 50.0], [40.0, 50.0, 150.0]];
                self.ink = inks[rng.random_range(0..3)];
            }
            Kind::Ruled => {
                self = self.photo(rng);
                self.ruled = 1;
            }
            Kind::Squared => {
                self = self.photo(rng);
                self.ruled = 2;
            }
            Kind::Pencil => {
                self.strength = rng.random_range(0.3..0.5);
                self.ink = [70.0, 70.0, 75.0];
                self.noise = rng.random_range(2.0..6.0);
            }
            Kind::Texture => {
                self.paper = [253.0; 3];
                self.texture = rng.random_range(2.0..8.0);
            }
            Kind::Compressed => {
                let shrink = 320.0 / self.size[0] as f32;
                self.size = self.size.map(|side| (side as f32 * shrink) as usize);
                self.height = self.size[0] as f32 * rng.random_range(0.1..0.14);
                self.pen = self.height * rng.random_range(0.08..0.12);
                self.quality = Some(rng.random_range(15..40));
            }
            Kind::Frame => self.frame = true,
            Kind::Tight => {
                self.tight = Some(rng.random_range(0.0..8.0));
                self.lines = 1;
                self.noise = rng.random_range(0.0..1.5);
            }
            Kind::Mixed => {
                let from = [Kind::Strip, Kind::Object, Kind::Table, Kind::Tilted];
                self = self.with(from[rng.random_range(0..4)], rng);
                let on = [Kind::Coloured, Kind::Ruled, Kind::Squared, Kind::Punched, Kind::Shadow];
                self = self.with(on[rng.random_range(0..5)], rng);
                self.turns = if rng.random_bool(0.3) { rng.random_range(1..4) } else { 0 };
            }
        }
        self
    }
}

/// A picture of this kind.
pub fn photo(kind: Kind, number: &mut dyn FnMut(&mut StdRng) -> Number, rng: &mut StdRng) -> Photo {
    let setup = Setup::plain(rng).with(kind, rng);
    let mut sheet = sheet(setup.size, setup.height, setup.pen, setup.lines, number, rng);
    rule(&mut sheet, &setup, rng);
    photographed(sheet, setup, rng)
}

/// A picture of a sheet.
pub fn photographed(sheet: Sheet, setup: Setup, rng: &mut StdRng) -> Photo {
    let (pixels, size) = taken(&sheet, &setup, rng);
    let (pixels, size) = turned(pixels, size, setup.turns);
    let [width, height] = size;
    let bytes: Vec<u8> =
        pixels.iter().flatten().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    let bytes = match setup.quality {
        Some(quality) => compressed(bytes, size, quality),
        None => bytes,
    };
    let rgba = bytes.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let picture = Picture::new(width, height, rgba).unwrap();
    Photo { picture, text: sheet.text, turns: setup.turns }
}

fn rule(sheet: &mut Sheet, setup: &Setup, rng: &mut StdRng) {
    let [width, height] = setup.size.map(|side| side as f32);
    let thick = (setup.size[0] as f32 / 600.0).max(1.0) * rng.random_range(0.8..1.6);
    if setup.ruled > 0 {
        let pitch = setup.height
            * if setup.ruled == 1 {
                rng.random_range(0.9..1.5)
            } else {
                rng.random_range(0.35..0.7)
            };
        let strength = rng.random_range(0.25..0.5);
        let mut y = pitch * rng.random_range(0.2..1.0);
        while y < height {
            sheet.print.segment([0.0, y], [width, y], thick, strength);
            y += pitch;
        }
        let mut x = pitch * rng.random_range(0.2..1.0);
        while setup.ruled == 2 && x < width {
            sheet.print.segment([x, 0.0], [x, height], thick, strength);
            x += pitch;
        }
    }
    if setup.frame {
        let room = setup.height * rng.random_range(0.25..0.6);
        let Bounds { left, top, right, bottom } = sheet.writing;
        let (left, top, right, bottom) = (left - room, top - room, right + room, bottom + room);
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
        for i in 0..4 {
            sheet.print.segment(corners[i], corners[(i + 1) % 4], 1.5 * thick, 0.9);
        }
    }
}

/// The sheet as the camera sees it, before it is turned.
fn taken(sheet: &Sheet, setup: &Setup, rng: &mut StdRng) -> (Vec<Rgb>, [usize; 2]) {
    let [sheet_width, sheet_height] = setup.size.map(|side| side as f32);
    let (crop, size) = match setup.tight {
        Some(margin) => {
            let room = margin + setup.pen / 2.0;
            let b = sheet.writing;
            let side = [b.width() + 2.0 * room, b.height() + 2.0 * room].map(|v| v as usize + 1);
            ([b.left - room, b.top - room], side)
        }
        None => ([0.0, 0.0], setup.size),
    };
    let [width, height] = size;
    let (w, h) = (width as f32, height as f32);
    // Where the sheet's corners are in the picture.
    let margin = setup.on_table.unwrap_or(0.0);
    let (sine, cosine) = setup.tilt.to_radians().sin_cos();
    let corner = |u: f32, v: f32, rng: &mut StdRng| {
        let scale = 1.0 - 2.0 * margin;
        let [x, y] = [(u - 0.5) * w * scale, (v - 0.5) * h * scale];
        let mut jitter = |side: f32| side * rng.random_range(-1.0..1.0) * setup.perspective;
        let [jx, jy] = [jitter(w), jitter(h)];
        [w / 2.0 + x * cosine - y * sine + jx, h / 2.0 + x * sine + y * cosine + jy]
    };
    let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(u, v)| corner(u, v, rng));
    let on_sheet = match setup.tight {
        Some(_) => {
            [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]].map(|[x, y]| [x + crop[0], y + crop[1]])
        }
        None => [[0.0, 0.0], [sheet_width, 0.0], [sheet_width, sheet_height], [0.0, sheet_height]],
    };
    let map = Homography::between(corners, on_sheet);
    // A tilted picture without a table shows more of the same paper around the sheet.
    let endless = setup.on_table.is_none();
    let table = table(width, height, rng);
    let rules = mix(setup.paper, [90.0, 120.0, 190.0], rng.random_range(0.4..1.0));
    let grain = Clouds::new(width, height, [2.5, 2.5], rng);
    let dust: Vec<(Point, f32)> = (0..setup.dust)
        .map(|_| {
            let at = [rng.random_range(0.0..w), rng.random_range(0.0..h)];
            (at, rng.random_range(0.4..0.045 * setup.height.max(30.0)))
        })
        .collect();
    let mut specks = Raster::new(width, height);
    for (at, radius) in dust {
        specks.segment(at, at, 2.0 * radius, rng.random_range(0.5..1.0));
    }
    let hole = rng.random_range(0.012..0.02) * w;
    let hole_x = hole * rng.random_range(1.8..2.5);
    let holes: Vec<Point> = (0..4).map(|i| [hole_x, h * (0.14 + 0.24 * i as f32)]).collect();
    let thing = {
        let dark = rng.random_bool(0.7);
        let grey = if dark { rng.random_range(10.0..70.0) } else { rng.random_range(90.0..160.0) };
        let finger = rng.random_bool(0.4);
        let colour = if finger { [205.0, 150.0, 120.0] } else { [grey, grey, grey + 5.0] };
        let share = rng.random_range(0.12..0.25);
        (colour, finger, share, rng.random_range(0.3..0.9))
    };
    let shadow_angle = rng.random_range(-0.5..0.5f32);
    let shadow_at = rng.random_range(0.3..0.7) * w;
    let shadow_depth = rng.random_range(0.45..0.7);
    let soft = rng.random_range(1.0..6.0);
    let light_from = rng.random_range(0.0..std::f32::consts::TAU);
    let (lx, ly) = (light_from.cos(), light_from.sin());
    let folds = (setup.creases > 0.0).then(|| Clouds::new(width, height, [w / 5.0; 2], rng));
    let tiles = setup.tiles.map(|across| (w / across, rng.random_range(0.0..w), w / 250.0));
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let at = [x as f32 + 0.5, y as f32 + 0.5];
            let [u, v] = map.apply(at);
            let inside = (0.0..=sheet_width).contains(&u) && (0.0..=sheet_height).contains(&v);
            let mut colour = if inside || endless {
                let paper =
                    setup.paper.map(|value| value + setup.texture * grain.at(x, y).min(0.3));
                let ruled = mix(paper, rules, sheet.print.at(u, v));
                let print =
                    if setup.frame { mix(paper, setup.ink, sheet.print.at(u, v)) } else { ruled };
                mix(print, setup.ink, sheet.ink.at(u, v) * setup.strength)
            } else if let Some((side, shift, joint)) = tiles {
                let is_joint = at.iter().any(|place| (place + shift) % side < joint);
                if is_joint { [55.0; 3] } else { [128.0, 132.0, 135.0] }
            } else {
                table(x, y)
            };
            if let Some(folds) = folds.as_ref().filter(|_| inside) {
                let fold = (1.0 - folds.at(x, y).abs() * 12.0).max(0.0);
                colour = colour.map(|value| value * (1.0 - setup.creases * fold));
            }
            if setup.holes && holes.iter().any(|c| (at[0] - c[0]).hypot(at[1] - c[1]) < hole) {
                colour = table(x, y);
            }
            colour = mix(colour, [60.0; 3], specks.values[y * width + x] * 0.9);
            if setup.shadow {
                let side = at[0] - shadow_at + shadow_angle * (at[1] - h / 2.0);
                let share = (side / soft + 0.5).clamp(0.0, 1.0);
                colour = colour.map(|value| value * (1.0 - (1.0 - shadow_depth) * share));
            }
            let along = ((at[0] / w - 0.5) * lx + (at[1] / h - 0.5) * ly).clamp(-0.7, 0.7);
            let light = 1.0 - setup.shading * (along + 0.5).clamp(0.0, 1.0);
            let light = if setup.hard_light {
                light * ((0.55 - along) / 0.5).clamp(0.02, 1.0)
            } else {
                light
            };
            pixels.push(colour.map(|value| value * light));
        }
    }
    if setup.object {
        let (colour, finger, share, place) = thing;
        for y in 0..height {
            for x in 0..width {
                let [u, v] = [x as f32 / w, y as f32 / h];
                let hit = if finger {
                    let [dx, dy] = [(u - place) * w, ((v - 1.0).min(0.0)) * h];
                    dx.hypot(dy * 0.6) < 0.06 * w
                } else {
                    v > 1.0 - share && (u - place).abs() < 0.3
                };
                if hit && !covers(sheet, &map, [x as f32, y as f32], setup.height * 0.3) {
                    pixels[y * width + x] = colour;
                }
            }
        }
    }
    for &(side, thick, colour) in &setup.strips {
        let thick = thick.min(width / 12).min(height / 12);
        for y in 0..height {
            for x in 0..width {
                let depth = [y, width - 1 - x, height - 1 - y, x][side];
                if depth < thick {
                    pixels[y * width + x] = colour;
                }
            }
        }
    }
    for _ in 0..setup.blur {
        pixels = blurred(&pixels, width, height);
    }
    for pixel in &mut pixels {
        let common: f32 = rng.random_range(-1.0..1.0) * 1.7;
        *pixel = pixel.map(|v| v + setup.noise * (common + 0.3 * rng.random_range(-1.0..1.0)));
    }
    (pixels, size)
}

/// Whether a place in the picture is near the writing.
fn covers(sheet: &Sheet, map: &Homography, at: Point, room: f32) -> bool {
    let [u, v] = map.apply(at);
    let b = sheet.writing;
    (b.left - room..b.right + room).contains(&u) && (b.top - room..b.bottom + room).contains(&v)
}

fn blurred(pixels: &[Rgb], width: usize, height: usize) -> Vec<Rgb> {
    let at = |x: isize, y: isize| {
        let x = x.clamp(0, width as isize - 1) as usize;
        pixels[y.clamp(0, height as isize - 1) as usize * width + x]
    };
    let weights = [(-1, 0.25), (0, 0.5), (1, 0.25)];
    let mean = |x: isize, y: isize| {
        let mut sum = [0.0; 3];
        for (dx, wx) in weights {
            for (dy, wy) in weights {
                let pixel = at(x + dx, y + dy);
                (0..3).for_each(|i| sum[i] += wx * wy * pixel[i]);
            }
        }
        sum
    };
    (0..height as isize)
        .flat_map(|y| (0..width as isize).map(move |x| (x, y)))
        .map(|(x, y)| mean(x, y))
        .collect()
}

/// Turned by quarters, counter-clockwise.
fn turned(pixels: Vec<Rgb>, size: [usize; 2], turns: usize) -> (Vec<Rgb>, [usize; 2]) {
    (0..turns).fold((pixels, size), |(pixels, [width, height]), _| {
        let turned = (0..width)
            .flat_map(|y| (0..height).map(move |x| (x, y)))
            .map(|(x, y)| pixels[x * width + (width - 1 - y)])
            .collect();
        (turned, [height, width])
    })
}

fn compressed(bytes: Vec<u8>, [width, height]: [usize; 2], quality: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut file, quality)
        .write_image(&bytes, width as u32, height as u32, image::ExtendedColorType::Rgb8)
        .unwrap();
    let picture: RgbImage = image::load_from_memory(file.get_ref()).unwrap().to_rgb8();
    picture.into_raw()
}
