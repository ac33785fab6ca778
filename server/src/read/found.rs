//! What is written in a picture: tables, or lines of numbers.

use anyhow::Result;
use glyphic_model::{
    Verdict,
    answer::{ReadSheet, ReadText},
    number::table::Column,
    preprocess::Picture,
};
use glyphic_runtime::reader::Reader;

/// A picture is read as a table if there are this many cells in it: a frame around a number is none.
const FEWEST_CELLS: usize = 2;

/// What is asked of every picture.
pub struct Wanted {
    /// By how many quarters it is turned clockwise first; `None` if that is to be found out.
    pub turns: Option<usize>,
    /// Whether all is read as lines of numbers.
    pub only_numbers: bool,
    /// What is known of the first columns of tables.
    pub columns: Vec<Column>,
}

/// What is written in a picture.
pub enum Found {
    /// Tables.
    Sheet(ReadSheet),
    /// Lines of numbers.
    Text(ReadText),
}

impl Found {
    /// Reads a picture.
    pub fn in_picture(reader: &Reader, wanted: &Wanted, picture: &Picture) -> Result<Self> {
        if !wanted.only_numbers {
            let sheet = reader.sheet(picture, wanted.turns, wanted.columns.clone())?;
            let cells = sheet.tables.iter().flat_map(|table| &table.rows).flatten();
            if cells.filter(|cell| cell.part_of.is_none()).count() >= FEWEST_CELLS {
                return Ok(Self::Sheet(sheet));
            }
        }
        Ok(Self::Text(reader.text(picture, wanted.turns)?))
    }

    /// Whether nothing is written in it.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.verdict == Verdict::Blank,
            Self::Sheet(sheet) => {
                let mut cells = sheet.tables.iter().flat_map(|table| table.rows.iter().flatten());
                cells.all(|cell| cell.verdict == Verdict::Blank)
            }
        }
    }

    /// Its rows of texts, each with what is uncertain marked: the cells of tables, or the only text of a
    /// line.
    pub fn rows(&self) -> Vec<Vec<String>> {
        match self {
            Self::Sheet(sheet) => {
                let rows = sheet.tables.iter().flat_map(|table| &table.rows);
                rows.map(|row| row.iter().map(|cell| cell.marked_text()).collect()).collect()
            }
            Self::Text(text) => text.lines.iter().map(|line| vec![line.marked_text()]).collect(),
        }
    }
}
