//! Draws what was found into a picture.

use glyphic_model::{Verdict, number::Bounds, preprocess::Picture};

use super::found::Found;

/// The colours (red, green, blue) of what is read, unsure, and not a digit.
const READ: [u8; 3] = [30, 150, 60];
const UNSURE: [u8; 3] = [230, 130, 0];
const REJECTED: [u8; 3] = [210, 30, 40];
/// Lines are one pixel thick for each this many of the picture's longer side.
const THIN: usize = 700;

/// The picture with a box around each symbol and each cell.
pub fn marked(picture: &Picture, found: &Found) -> Picture {
    let (width, height) = picture.size();
    let mut rgba = picture.rgba().to_vec();
    let thick = width.max(height).div_ceil(THIN);
    for (bounds, verdict) in boxes(found) {
        let colour = match verdict {
            Verdict::Read => READ,
            Verdict::Unsure => UNSURE,
            Verdict::NotADigit => REJECTED,
            Verdict::Blank => continue,
        };
        let place = |value: f32, most: usize| (value.max(0.0) as usize).min(most);
        let (left, right) = (place(bounds.left, width), place(bounds.right.ceil(), width));
        let (top, bottom) = (place(bounds.top, height), place(bounds.bottom.ceil(), height));
        for y in top..bottom {
            for x in left..right {
                let inside = [x - left, right - 1 - x, y - top, bottom - 1 - y];
                if inside.iter().any(|&distance| distance < thick) {
                    let at = 4 * (y * width + x);
                    rgba[at..at + 3].copy_from_slice(&colour);
                    rgba[at + 3] = 255;
                }
            }
        }
    }
    Picture::new(width, height, rgba).unwrap_or_else(|| picture.clone())
}

/// The boxes of symbols, or of the cells of tables.
fn boxes(found: &Found) -> Vec<(Bounds, Verdict)> {
    match found {
        Found::Text(text) => {
            let symbols = text.lines.iter().flat_map(|line| &line.digits);
            symbols.map(|symbol| (symbol.bounds, symbol.verdict)).collect()
        }
        Found::Sheet(sheet) => {
            let cells = sheet.tables.iter().flat_map(|table| table.rows.iter().flatten());
            cells.map(|cell| (cell.bounds, cell.verdict)).collect()
        }
    }
}
