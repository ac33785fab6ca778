//! Made pictures of forms: a printed table whose cells are filled in by hand, photographed or scanned.

use glyphic_model::{number::Bounds, preprocess::Point};
use rand::{RngExt, rngs::StdRng};

use super::photo::{Kind, Number, Photo, Raster, Setup, Sheet, photographed};

/// How a table is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// Lines around all cells.
    Grid,
    /// Without lines at the left and the right.
    Open,
    /// Thick lines around it.
    Bold,
    /// The first row is one cell, and has a header.
    Header,
    /// A box around each cell, apart from the others.
    Boxes,
}

/// A picture of a form, and what is written in its cells, row by row.
pub struct Form {
    pub photo: Photo,
    pub rows: Vec<Vec<String>>,
}

/// A picture of a form of this kind. `number` writes a number with so many digits.
pub fn form(
    kind: Kind,
    print: Print,
    number: &mut dyn FnMut(usize, &mut StdRng) -> Number,
    rng: &mut StdRng,
) -> Form {
    let mut setup = Setup::plain(rng).with(kind, rng);
    let (rows, columns) = (rng.random_range(3..=12), rng.random_range(2..=7));
    let smaller = if kind == Kind::Small { 0.5 } else { 1.0 };
    setup.height = rng.random_range(20.0..40.0) / smaller;
    setup.pen = setup.height * rng.random_range(0.07..0.13);
    // Printed in the same colour as the pen's ink.
    setup.frame = true;
    let height = setup.height;
    let row_height = height * rng.random_range(1.5..2.4);
    let digits: Vec<usize> = (0..columns).map(|_| rng.random_range(1..=4)).collect();
    let widths: Vec<f32> = digits
        .iter()
        .map(|&digits| height * (1.1 * digits as f32 + rng.random_range(0.6..1.2)))
        .collect();
    let [left, top] = [0, 1].map(|_| height * rng.random_range(1.5..3.0));
    let width: f32 = widths.iter().sum();
    let whole = [left + width + 2.0 * height, top + row_height * rows as f32 + 2.0 * height];
    setup.size = whole.map(|side| side as usize);
    let mut ink = Raster::new(setup.size[0], setup.size[1]);
    let mut lines = Raster::new(setup.size[0], setup.size[1]);
    let thick = (height / 22.0).max(1.0) * rng.random_range(0.8..1.8);
    let strength = rng.random_range(0.5..1.0);
    let mut cells = Vec::new();
    for row in 0..rows {
        let y = top + row_height * row as f32;
        let mut x = left;
        let mut texts = Vec::new();
        for column in 0..columns {
            let own = Bounds { left: x, top: y, right: x + widths[column], bottom: y + row_height };
            x = own.right;
            let is_header = print == Print::Header && row == 0;
            let lined = if is_header { Bounds { left, right: left + width, ..own } } else { own };
            draw(&mut lines, lined, print, [column == 0, column + 1 == columns], thick, strength);
            if rng.random_bool(0.12) || is_header && column > 0 {
                texts.push(String::new());
                continue;
            }
            let room = if print == Print::Boxes { boxed(own) } else { own };
            texts.push(write(
                &mut ink,
                room,
                height,
                setup.pen,
                &mut |rng| number(digits[column], rng),
                rng,
            ));
        }
        cells.push(texts);
    }
    let outer = Bounds { left, top, right: left + width, bottom: top + row_height * rows as f32 };
    if print == Print::Bold {
        outline(&mut lines, outer, 2.5 * thick, strength);
    }
    let sheet = Sheet { ink, print: lines, text: String::new(), writing: outer };
    Form { photo: photographed(sheet, setup, rng), rows: cells }
}

/// The box in a cell.
fn boxed(cell: Bounds) -> Bounds {
    let [across, down] = [0.08 * cell.height(), 0.1 * cell.height()];
    Bounds {
        left: cell.left + across,
        top: cell.top + down,
        right: cell.right - across,
        bottom: cell.bottom - down,
    }
}

fn outline(lines: &mut Raster, own: Bounds, thick: f32, strength: f32) {
    let Bounds { left, top, right, bottom } = own;
    let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    for i in 0..4 {
        lines.segment(corners[i], corners[(i + 1) % 4], thick, strength);
    }
}

/// The lines around a cell that is at the left or the right of the table, or not.
fn draw(
    lines: &mut Raster,
    own: Bounds,
    print: Print,
    [is_left, is_right]: [bool; 2],
    thick: f32,
    strength: f32,
) {
    let Bounds { left, top, right, bottom } = own;
    match print {
        Print::Open => {
            lines.segment([left, top], [right, top], thick, strength);
            lines.segment([left, bottom], [right, bottom], thick, strength);
            if !is_left {
                lines.segment([left, top], [left, bottom], thick, strength);
            }
            if !is_right {
                lines.segment([right, top], [right, bottom], thick, strength);
            }
        }
        Print::Grid | Print::Bold | Print::Header => outline(lines, own, thick, strength),
        Print::Boxes => outline(lines, boxed(own), thick, strength),
    }
}

/// Writes a number into a cell: not always in its middle, but within its lines. Returns its digits.
fn write(
    ink: &mut Raster,
    cell: Bounds,
    height: f32,
    pen: f32,
    number: &mut dyn FnMut(&mut StdRng) -> Number,
    rng: &mut StdRng,
) -> String {
    let (digits, drawing) = number(rng);
    let Some(bounds) = Bounds::around(drawing.iter().flatten()) else { return String::new() };
    let room = pen;
    let size = height
        .min((cell.width() - 2.0 * room) / bounds.width().max(0.01))
        .min((cell.height() - 2.0 * room) / bounds.height().max(0.01));
    let free = [cell.width() - bounds.width() * size, cell.height() - bounds.height() * size];
    let free = free.map(|free| (free - 2.0 * room).max(0.0));
    let [x, y] = [
        cell.left + room + free[0] * rng.random_range(0.05..0.95),
        cell.top + room + free[1] * rng.random_range(0.05..0.95),
    ];
    let place = |&[px, py]: &Point| [x + (px - bounds.left) * size, y + (py - bounds.top) * size];
    for stroke in &drawing {
        let points: Vec<Point> = stroke.iter().map(place).collect();
        ink.segment(points[0], points[0], pen, 0.95);
        for ends in points.windows(2) {
            ink.segment(ends[0], ends[1], pen, 0.95 * rng.random_range(0.9..1.0));
        }
    }
    digits
}
