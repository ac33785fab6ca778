//! Texts as cells of a CSV file. People open such files with a spreadsheet, which computes a cell
//! that begins like a formula, and a formula can send what is beside it anywhere. So an apostrophe
//! is written before such a text, by which spreadsheets know that it is one, and read back without.
//! Where the comma is the sign of fractions, spreadsheets divide lines at semicolons, and some at tabs:
//! what follows one of them begins a cell too.

use std::borrow::Cow;

/// What formulas begin with, also in the width of Chinese and Japanese characters, and what some
/// programs pass over before them.
const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What some spreadsheets divide lines at, beside commas, because of which a cell is in quotes.
const SEPARATORS: [char; 2] = [';', '\t'];

/// A text as a cell.
///
/// ```
/// use glyphic_runtime::cells::{of_cell, to_cell};
///
/// assert_eq!(to_cell("=1+1"), "'=1+1");
/// assert_eq!(of_cell("'=1+1"), "=1+1");
/// assert_eq!(to_cell("a;=1+1"), "a;'=1+1");
/// assert_eq!(of_cell(&to_cell("7")), "7");
/// ```
pub fn to_cell(text: &str) -> Cow<'_, str> {
    match parts(text).any(is_risky) {
        true => {
            parts(text).flat_map(|part| [if is_risky(part) { "'" } else { "" }, part]).collect()
        }
        false => text.into(),
    }
}

/// The text of a cell.
pub fn of_cell(cell: &str) -> Cow<'_, str> {
    let bare = |part| str::strip_prefix(part, '\'').filter(|text| is_risky(text));
    match parts(cell).any(|part| bare(part).is_some()) {
        true => parts(cell).map(|part| bare(part).unwrap_or(part)).collect(),
        false => cell.into(),
    }
}

/// What may become cells of their own.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(SEPARATORS)
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
            "\n=1", "＝1", " =1", "π", "a;=1", "a;'=1", "a;;'", "a\t@x;-1", "=1;=1", ";", "a;\t=1",
        ] {
            let cell = to_cell(text);
            assert!(!cell.split(SEPARATORS).any(|part| part.starts_with(BEGINNINGS)), "{cell}");
            assert_eq!(of_cell(&cell), text);
        }
        assert_eq!(to_cell("-5"), "'-5");
        assert_eq!(to_cell("'a"), "'a");
    }
}
