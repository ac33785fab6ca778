//! What is written in a picture: tables, or lines of numbers.

use anyhow::Result;
use glyphic_model::{
    Glyph, Prediction, Thresholds, Verdict,
    answer::{ReadSheet, ReadText, SURE_CELL},
    number::{self, Question, table::Tables},
    preprocess::{Picture, Pictures},
};

use super::Reader;

/// Glyphs that are classified at once.
const BATCH: usize = 64;
/// A picture is read as a table if there are this many cells in it: a frame around a number is none.
const FEWEST_CELLS: usize = 2;

/// What is written in a picture.
pub enum Found {
    /// Tables.
    Sheet(ReadSheet),
    /// Lines of numbers.
    Text(ReadText),
}

impl Found {
    /// Reads a picture.
    pub fn in_picture(reader: &Reader, picture: &Picture) -> Result<Self> {
        let (classifier, id) = (&reader.classifier, &reader.id);
        let (labels, thresholds) = (classifier.labels(), classifier.thresholds());
        let asked = number::Reader { labels, thresholds };
        let classify = |glyphs: &[Glyph]| -> Result<Vec<Prediction>> {
            let batches = glyphs.chunks(BATCH).map(|batch| classifier.classify(batch));
            Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
        };
        if !reader.only_numbers && reader.pictures == Pictures::Ink {
            let tables = Tables::of_picture(picture, reader.turns)
                .with_columns(reader.columns.clone())
                .read(asked, classify)??;
            let cells: usize = tables.tables.iter().map(|table| table.cells.len()).sum();
            if cells >= FEWEST_CELLS {
                let thresholds = Thresholds { confidence: SURE_CELL, ..thresholds };
                return Ok(Self::Sheet(ReadSheet::new(tables, labels, id, thresholds, |_| None)));
            }
        }
        let lattice = reader.pictures.lattice(picture, None, reader.turns);
        let reading = lattice.read(asked, classify)?;
        Ok(Self::Text(ReadText::new(reading, labels, id, thresholds, |_| None)))
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
