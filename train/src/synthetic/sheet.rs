//! Contact sheets: many glyphs in one picture, to check what the generator draws.

use anyhow::{Context, Result};
use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
    preprocess::Strokes,
};
use image::{GrayImage, ImageFormat, Luma};

use super::generator::Generator;

/// Side of a glyph's cell on the sheet, in pixels.
const CELL: usize = 2 * SIDE + 4;

/// A sheet's rows: the name of each, and its glyphs.
pub type Rows = Vec<(String, Vec<Glyph>)>;

/// Synthetic pictures of all `labels` that the generator can draw, `columns` of each, and
/// `negatives` rows of negatives.
pub fn variations(
    generator: &Generator,
    labels: &[String],
    columns: usize,
    negatives: usize,
) -> Rows {
    let mut rows: Rows = Vec::new();
    for label in generator.labels() {
        let numbers = 0..columns as u64;
        let examples = numbers.filter_map(|number| generator.example(Some(label), number));
        let glyphs = examples.map(|example| example.glyph).collect();
        rows.push((labels.get(label).cloned().unwrap_or_default(), glyphs));
    }
    let numbers = (0..(columns * negatives) as u64).collect::<Vec<_>>();
    for numbers in numbers.chunks(columns.max(1)) {
        let glyphs = numbers.iter().filter_map(|&number| generator.negative(number)).collect();
        rows.push(("negatives".to_owned(), glyphs));
    }
    rows
}

/// A user's drawings, not varied, at most `columns` of each label.
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
