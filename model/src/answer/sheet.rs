//! The answer for a picture of tables as JSON.

use serde::Serialize;

use super::ReadSymbol;
use crate::{
    glyph::Glyph,
    number::{
        Bounds, Symbol,
        table::{Lines, ReadCell, ReadTable, ReadTables},
    },
    preprocess::Point,
    verdict::{Thresholds, Verdict},
};

/// A cell is read from this confidence on, unless another one is asked for: nobody looks at what was
/// written beside each of a thousand texts. On a made sheet of 1,150 cells it halves the wrong ones among
/// those that are accepted, of which there are 2 % less (docs/log.md, 29 November 2026).
pub const SURE_CELL: f32 = 0.95;

/// The tables in a picture, and what they were read by.
#[derive(Clone, Debug, Serialize)]
pub struct ReadSheet {
    /// The tables, from top to bottom.
    pub tables: Vec<SheetTable>,
    /// By how many degrees the picture was turned clockwise before it was read: 0, 90, 180 or 270.
    pub orientation: usize,
    /// The corners of the sheet of paper in the picture, clockwise from the upper left one, if it was
    /// seen from the side and straightened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corners: Option<[Point; 4]>,
    /// The labels, in the order of the probabilities.
    pub labels: Vec<String>,
    /// The id of the checkpoint that answered.
    pub model: String,
    /// The thresholds that the verdicts were decided by.
    pub thresholds: Thresholds,
}

/// A table.
#[derive(Clone, Debug, Serialize)]
pub struct SheetTable {
    /// Its outermost lines.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// Its lines, unless it consists of boxes that are printed apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
    /// Its cells: all rows have the same number of them.
    pub rows: Vec<Vec<SheetCell>>,
}

/// A cell.
#[derive(Clone, Debug, Serialize)]
pub struct SheetCell {
    /// What is written in it; several lines are separated by spaces.
    pub text: String,
    /// The product of its digits' confidences (0–1), or how probable it is among the texts that fit its
    /// column; 1 if it is blank.
    pub confidence: f32,
    /// [`Verdict::Blank`] if it is empty.
    pub verdict: Verdict,
    /// Its place, up to the middles of the lines around it.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// Its symbols, line by line.
    pub digits: Vec<ReadSymbol>,
    /// The row and the column, from 0, of the cell that it is a part of, if several are printed as one:
    /// what is written is in that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<[usize; 2]>,
}

impl ReadSheet {
    /// Tables that were read by the checkpoint `model` with these labels. `seen` makes a data URL of each
    /// glyph that the network read, if the answer is to contain them.
    pub fn new(
        read: ReadTables,
        labels: &[String],
        model: &str,
        thresholds: Thresholds,
        seen: impl Fn(&Glyph) -> Option<String>,
    ) -> Self {
        let digit = |symbol: Symbol| ReadSymbol {
            seen: seen(&symbol.glyph),
            ..ReadSymbol::of(symbol, labels, thresholds)
        };
        let table = |table| SheetTable::new(table, labels, thresholds, &digit);
        Self {
            tables: read.tables.into_iter().map(table).collect(),
            orientation: 90 * read.turns,
            corners: read.corners,
            labels: labels.to_vec(),
            model: model.to_owned(),
            thresholds,
        }
    }
}

impl SheetTable {
    fn new(
        table: ReadTable,
        labels: &[String],
        thresholds: Thresholds,
        digit: &impl Fn(Symbol) -> ReadSymbol,
    ) -> Self {
        let mut cells: Vec<Option<SheetCell>> = vec![None; table.rows * table.columns];
        for cell in table.cells {
            let (first_row, first_column) = (cell.row, cell.column);
            let (rows, columns) = (cell.row_span, cell.column_span);
            let own = SheetCell::new(cell, labels, thresholds, digit);
            for row in first_row..(first_row + rows).min(table.rows) {
                for column in first_column..(first_column + columns).min(table.columns) {
                    cells[row * table.columns + column] =
                        Some(match (row, column) == (first_row, first_column) {
                            true => own.clone(),
                            false => SheetCell {
                                part_of: Some([first_row, first_column]),
                                ..SheetCell::blank(own.bounds)
                            },
                        });
                }
            }
        }
        // Boxes that are missing among others in rows and columns.
        let nowhere = Bounds::from([0.0; 4]);
        let each = cells.into_iter().map(|cell| cell.unwrap_or(SheetCell::blank(nowhere)));
        let each: Vec<SheetCell> = each.collect();
        Self {
            bounds: table.bounds,
            lines: table.lines,
            rows: each.chunks(table.columns.max(1)).map(<[SheetCell]>::to_vec).collect(),
        }
    }
}

impl SheetCell {
    fn new(
        cell: ReadCell,
        labels: &[String],
        thresholds: Thresholds,
        digit: &impl Fn(Symbol) -> ReadSymbol,
    ) -> Self {
        let reading = cell.reading;
        let text = reading.text(labels).replace('\n', " ");
        let is_all_read = reading.lines.iter().flat_map(|line| &line.symbols).all(|s| s.counts);
        let (verdict, fit) = match reading.verdict(thresholds) {
            Verdict::Read if !is_all_read => (Verdict::Unsure, cell.fit),
            verdict => (verdict, cell.fit),
        };
        // What is known of the column decides, where anything is written.
        let verdict = match fit.filter(|_| verdict != Verdict::Blank) {
            Some(fit) if fit.is_likely && fit.confidence >= thresholds.confidence => Verdict::Read,
            Some(_) => Verdict::Unsure,
            None => verdict,
        };
        let symbols: Vec<_> = reading.lines.into_iter().flat_map(|line| line.symbols).collect();
        let confidences = symbols
            .iter()
            .filter(|symbol| symbol.counts)
            .map(|symbol| symbol.prediction.confidence());
        Self {
            text,
            confidence: fit.map_or(confidences.product(), |fit| fit.confidence),
            verdict,
            bounds: cell.bounds,
            digits: symbols.into_iter().map(digit).collect(),
            part_of: None,
        }
    }

    /// The text; with a question mark at the end if it is unsure, and alone if it is not a digit.
    pub fn marked_text(&self) -> String {
        let is_sure = matches!(self.verdict, Verdict::Read | Verdict::Blank);
        self.text.clone() + if is_sure { "" } else { "?" }
    }

    fn blank(bounds: Bounds) -> Self {
        Self {
            text: String::new(),
            confidence: 1.0,
            verdict: Verdict::Blank,
            bounds,
            digits: Vec::new(),
            part_of: None,
        }
    }
}
