//! Texts as cells of a CSV file. People open such files with a spreadsheet, which computes a cell
//! that begins like a formula, and a formula can send what is beside it anywhere. So an apostrophe
//! is written before such a text, by which spreadsheets know that it is one, and read back without.

use std::borrow::Cow;

/// What formulas begin with, also in the width of Chinese and Japanese characters, and what some
/// programs pass over before them.
const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A text as a cell.
///
/// ```
/// use glyphic_runtime::cells::{of_cell, to_cell};
///
/// assert_eq!(to_cell("=1+1"), "'=1+1");
/// assert_eq!(of_cell("'=1+1"), "=1+1");
/// assert_eq!(of_cell(&to_cell("7")), "7");
/// ```
pub fn to_cell(text: &str) -> Cow<'_, str> {
    match is_risky(text) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// The text of a cell.
pub fn of_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_risky(text)).unwrap_or(cell)
}

/// Whether a text begins like a formula. Apostrophes before that do not count, so that no two texts
/// become the same cell.
fn is_risky(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(BEGINNINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula_and_every_text_comes_back() {
        for text in [
            "", "7", "a=b", "'", "'a", "''a", "=1", "'=1", "''=1", "+", "-5", "@x", "\tx", "\rx",
            "\n=1", "＝1", " =1", "π",
        ] {
            let cell = to_cell(text);
            assert!(!cell.starts_with(BEGINNINGS), "{cell}");
            assert_eq!(of_cell(&cell), text);
        }
        assert_eq!(to_cell("-5"), "'-5");
        assert_eq!(to_cell("'a"), "'a");
    }
}
