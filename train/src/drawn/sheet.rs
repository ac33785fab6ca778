//! Contact sheets: many glyphs in one picture, to be judged by eye.

use anyhow::{Context, Result};
use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
    preprocess::Strokes,
};
use image::{GrayImage, ImageFormat, Luma};

use super::Shapes;

/// Side of a glyph's cell on the sheet, in pixels.
const CELL: usize = 2 * SIDE + 4;

/// A sheet's rows: what each is of, and its glyphs.
pub type Rows = Vec<(String, Vec<Glyph>)>;

/// Variations of all that can be drawn for `labels`, `columns` each, and `others` rows
/// of what is no label.
pub fn variations(shapes: &Shapes, labels: &[String], columns: usize, others: usize) -> Rows {
    let mut rows: Rows = Vec::new();
    for label in shapes.labels() {
        let numbers = 0..columns as u64;
        let drawn = numbers.filter_map(|number| shapes.drawing(Some(label), number));
        let drawn = drawn.map(|example| example.glyph).collect();
        rows.push((labels.get(label).cloned().unwrap_or_default(), drawn));
    }
    let numbers = (0..(columns * others) as u64).collect::<Vec<_>>();
    for numbers in numbers.chunks(columns.max(1)) {
        let drawn = numbers.iter().filter_map(|&number| shapes.other(number)).collect();
        rows.push(("none of them".to_owned(), drawn));
    }
    rows
}

/// Drawings as they are, `columns` of each label at most.
pub fn as_drawn(drawings: &[(String, Vec<Strokes>)], columns: usize) -> Rows {
    let glyphs =
        |strokes: &[Strokes]| strokes.iter().filter_map(Strokes::glyph).take(columns).collect();
    drawings.iter().map(|(label, strokes)| (label.clone(), glyphs(strokes))).collect()
}

/// The sheet as a PNG file: a row for each entry, black ink on white.
pub fn png(rows: &Rows) -> Result<Vec<u8>> {
    let columns = rows.iter().map(|(_, glyphs)| glyphs.len()).max().unwrap_or(0).max(1);
    let (width, height) = (columns * CELL, rows.len().max(1) * CELL);
    let mut sheet = GrayImage::from_pixel(width as u32, height as u32, Luma([255]));
    for (row, (_, glyphs)) in rows.iter().enumerate() {
        for (column, glyph) in glyphs.iter().enumerate() {
            for i in 0..4 * PIXELS {
                let (x, y) = (i % (2 * SIDE), i / (2 * SIDE));
                let ink = glyph.pixels()[y / 2 * SIDE + x / 2];
                let (x, y) = (column * CELL + 2 + x, row * CELL + 2 + y);
                sheet.put_pixel(x as u32, y as u32, Luma([255 - ink]));
            }
        }
    }
    let mut file = std::io::Cursor::new(Vec::new());
    sheet.write_to(&mut file, ImageFormat::Png).context("the sheet cannot be encoded")?;
    Ok(file.into_inner())
}
