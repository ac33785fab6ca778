//! Tables with printed lines: which cells they have, and what is written in each.
//!
//! ```text
//! Picture ─ Sheet ─► ink ─ straight ─ Grid (curves) ─ contents ─► a Lattice for each cell
//! ```

mod boxes;
mod column;
mod contents;
mod curves;
mod erased;
mod given;
mod grid;
mod lines;
mod runs;
mod straight;

pub use column::{Check, Column, Digits};
pub(in crate::number) use erased::without_tables;
pub use lines::{Lines, MAX_GIVEN};

use super::{
    bounds::Bounds,
    components::Components,
    lattice::{Lattice, Thrift},
    picture::{MAX_PIECES, SecondOpinion, sample, segmented},
    question::{Question, Reader, Step},
    reading::Reading,
    sides::{FourWays, is_turned},
};
use crate::{
    glyph::Glyph,
    order::sorted,
    prediction::Prediction,
    preprocess::{Homography, Ink, Picture, Point, Sheet},
};
use boxes::with_boxes;
use contents::{Content, contents};
use curves::LINE;
use grid::{Grid, Place};
use straight::{Straight, straightened, usual_height};

/// Pictures are averaged down until their longest side is at most this, in pixels: an A4 page at 200
/// dots per inch.
const SIDE: usize = 2400;
/// The most cells in a picture.
pub const MAX_CELLS: usize = 4096;
/// The most candidates in all cells of a picture.
const MAX_CANDIDATES: usize = 32_000;
/// In a table with more rows or columns than this, the outermost ones may be headings.
const FEW: usize = 3;
/// In a cell whose largest piece of ink is smaller than this share of the digits' height is nothing but
/// dirt.
const DIRT: f32 = 0.3;

/// Pieces smaller than this share of the largest one are specks.
const SPECK: f32 = 0.08;

/// There are more cells in a picture than are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyCells(pub usize);

impl std::fmt::Display for TooManyCells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the tables have {} cells; at most {MAX_CELLS} are read in a picture", self.0)
    }
}

impl std::error::Error for TooManyCells {}

/// The lines that are given for a table are not on the sheet of paper in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOnSheet;

impl std::fmt::Display for NotOnSheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the lines that are given are not on the sheet of paper in the picture")
    }
}

impl std::error::Error for NotOnSheet {}

/// The tables in a picture, to be read by a network: see [`Question`].
pub struct Tables {
    tables: Vec<Table>,
    /// The ink that they are on, and a sample of its pieces turned clockwise by 0 to 3 quarters, if it
    /// may have to be turned.
    sides: Option<(Page, Vec<FourWays>)>,
    too_many: Option<TooManyCells>,
    /// What is known of each column.
    columns: Vec<Column>,
    turns: usize,
    corners: Option<[Point; 4]>,
}

/// The ink of a picture.
#[derive(Clone)]
struct Page {
    ink: Ink,
    /// From the ink's pixels to the picture's.
    map: Homography,
    corners: Option<[Point; 4]>,
    turns: usize,
}

/// A table whose cells are not read yet.
struct Table {
    bounds: Bounds,
    lines: Option<Lines>,
    rows: usize,
    columns: usize,
    cells: Vec<Cell>,
}

struct Cell {
    place: Place,
    bounds: Bounds,
    lattice: Lattice,
}

/// The tables that were read in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadTables {
    /// From top to bottom.
    pub tables: Vec<ReadTable>,
    /// How often the picture was turned clockwise by a quarter before it was read, 0 to 3.
    pub turns: usize,
    /// The corners of the sheet of paper, clockwise from the upper left one, if it was seen from the
    /// side and straightened.
    pub corners: Option<[Point; 4]>,
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadTable {
    /// Its bounds, in pixels of the picture.
    pub bounds: Bounds,
    /// Its lines in the picture. Boxes that are printed apart have none.
    pub lines: Option<Lines>,
    /// The number of its rows.
    pub rows: usize,
    /// The number of its columns.
    pub columns: usize,
    /// Its cells, row by row.
    pub cells: Vec<ReadCell>,
}

/// A cell that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadCell {
    /// Its row, from 0; the first one if it goes over several.
    pub row: usize,
    /// Its column, from 0; the first one if it goes over several.
    pub column: usize,
    /// How many rows it goes over.
    pub row_span: usize,
    /// How many columns it goes over.
    pub column_span: usize,
    /// Its bounds, up to the middles of its lines, in pixels of the picture.
    pub bounds: Bounds,
    /// What is written in it.
    pub reading: Reading,
    /// How it fits what is known of its column, if anything is.
    pub fit: Option<Fit>,
}

/// How a reading fits what is known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The probability (0–1) that it is this one of all that fit; 0 if none does.
    pub confidence: f32,
    /// Whether it is about as probable as the best reading of all.
    pub is_likely: bool,
}

impl Fit {
    /// Nothing fits.
    pub(in crate::number) const NONE: Self = Self { confidence: 0.0, is_likely: false };
}

impl Tables {
    /// Finds the tables in a picture. `turns` is how often it has to be turned clockwise by a quarter to
    /// be upright; `None` if that is to be found out.
    pub fn of_picture(picture: &Picture, turns: Option<usize>) -> Self {
        let Some(Sheet { ink, map, corners, .. }) = Sheet::of(picture, SIDE) else {
            return Self::none();
        };
        let page = Page { ink, map, corners, turns: 0 };
        Self::on(page.turned(turns.unwrap_or(0)), turns.is_none())
    }

    /// The tables with these lines in a picture. What is upright in it follows from their corners; `turns`
    /// is only what is answered.
    ///
    /// # Errors
    /// Some of them are not on the sheet of paper.
    pub fn of_lines(
        picture: &Picture,
        given: &[Lines],
        turns: Option<usize>,
    ) -> Result<Self, NotOnSheet> {
        let Some(Sheet { ink, map, corners, .. }) = Sheet::of(picture, SIDE) else {
            return Ok(Self::none());
        };
        let to_ink = map.inverse().ok_or(NotOnSheet)?;
        let height = usual_height(&Components::at_level(ink.clone(), LINE, 2 * LINE));
        let drawn = |lines: &Lines| {
            let corners = lines.corners.map(|corner| to_ink.apply(corner));
            let table = straight::given(&ink, corners, height)?;
            let grid = Grid::given(&table, lines);
            Some(Drawn::with(grid, table))
        };
        let found = given.iter().map(|lines| drawn(lines).ok_or(NotOnSheet));
        let found = found.collect::<Result<Vec<Drawn>, _>>()?;
        let cells = found.iter().map(|table| table.contents.len()).sum();
        let tables = found.into_iter().map(|drawn| drawn.table(&map, thrift(cells)));
        Ok(Self { tables: tables.collect(), turns: turns.unwrap_or(0), corners, ..Self::none() })
    }

    /// The same if something is known of the first columns: of several readings, the best that fits is
    /// taken.
    pub fn with_columns(self, columns: Vec<Column>) -> Self {
        Self { columns, ..self }
    }

    /// No table.
    pub fn none() -> Self {
        Self {
            tables: Vec::new(),
            sides: None,
            too_many: None,
            columns: Vec::new(),
            turns: 0,
            corners: None,
        }
    }

    fn on(page: Page, may_be_turned: bool) -> Self {
        let components = Components::at_level(page.ink.clone(), LINE, 2 * LINE);
        let grids = straightened(&components);
        let grids: Vec<(Grid, Straight)> =
            grids.into_iter().filter_map(|table| Some((Grid::of(&table)?, table))).collect();
        let cells = grids.iter().map(|(grid, _)| grid.places().len()).sum();
        if cells > MAX_CELLS {
            return Self { too_many: Some(TooManyCells(cells)), ..Self::none() };
        }
        let found: Vec<Drawn> =
            grids.into_iter().map(|(grid, table)| Drawn::with(grid, table)).collect();
        let sample: Vec<FourWays> = match may_be_turned {
            true => found.iter().flat_map(Drawn::sample).collect(),
            false => Vec::new(),
        };
        let bounds: Vec<Vec<Bounds>> = found.iter().map(Drawn::bounds).collect();
        let tables = found.into_iter().map(|drawn| drawn.table(&page.map, thrift(cells)));
        Self {
            tables: sorted(with_boxes(tables.collect(), &bounds), |table| table.bounds.top),
            turns: page.turns,
            corners: page.corners,
            sides: (!sample.is_empty()).then_some((page, sample)),
            ..Self::none()
        }
    }
}

impl Question for Tables {
    type Answer = Result<ReadTables, TooManyCells>;

    /// A sample of the pieces from all sides, and those of all candidates.
    fn glyphs(&self) -> Vec<Glyph> {
        let cells = self.tables.iter().flat_map(|table| &table.cells);
        let sides = self.sides.iter().flat_map(|(_, sample)| sample);
        sides
            .flat_map(|piece| piece.glyphs.clone())
            .chain(cells.flat_map(|cell| cell.lattice.glyphs()))
            .collect()
    }

    /// The most probable reading of each cell.
    fn step(self, predictions: Vec<Prediction>, reader: Reader) -> Step<Self> {
        if let Some(too_many) = self.too_many {
            return Step::Answer(Err(too_many));
        }
        let mut predictions = predictions.into_iter();
        if let Some((page, sample)) = self.sides {
            let own: Vec<Prediction> = predictions.by_ref().take(4 * sample.len()).collect();
            if let Some(turns) = is_turned(&sample, &own, reader.thresholds) {
                let columns = self.columns;
                return Step::Again(Box::new(move || {
                    Self::on(page.turned(turns), false).with_columns(columns)
                }));
            }
        }
        let free = Column::default();
        let mut read = |cell: Cell| {
            let own: Vec<Prediction> = predictions.by_ref().take(cell.lattice.count()).collect();
            let column = self.columns.get(cell.place.column).unwrap_or(&free);
            let (reading, fit) = cell.lattice.best_fitting(&own, reader, column);
            ReadCell {
                row: cell.place.row,
                column: cell.place.column,
                row_span: cell.place.rows,
                column_span: cell.place.columns,
                bounds: cell.bounds,
                reading,
                fit,
            }
        };
        let tables = self.tables.into_iter().map(|table| ReadTable {
            bounds: table.bounds,
            lines: table.lines,
            rows: table.rows,
            columns: table.columns,
            cells: table.cells.into_iter().map(&mut read).collect(),
        });
        Step::Answer(Ok(ReadTables {
            tables: tables.collect(),
            turns: self.turns,
            corners: self.corners,
        }))
    }
}

impl Page {
    /// The same turned clockwise by quarters.
    fn turned(self, turns: usize) -> Self {
        (0..turns % 4).fold(self, |page, _| Self {
            map: page.map.after(&Homography::unturned(page.ink.height())),
            ink: page.ink.turned(),
            turns: page.turns + 1,
            corners: page.corners,
        })
    }
}

/// A table on straightened ink.
struct Drawn {
    grid: Grid,
    /// From the straightened ink's pixels to those of the page.
    map: Homography,
    contents: Vec<Content>,
    /// The height of a digit.
    height: f32,
}

/// How many candidates each of so many cells may have.
fn thrift(cells: usize) -> Thrift {
    let own = MAX_CANDIDATES / cells.max(1);
    Thrift { candidates: own.clamp(1, Thrift::WHOLE.candidates) }
}

impl Drawn {
    fn with(grid: Grid, table: Straight) -> Self {
        let contents = contents(&table.ink, &grid);
        let largest = |content: &Content| {
            content.ink.as_ref().map(|(ink, _)| ink.width().max(ink.height()) as f32)
        };
        let sizes = sorted(contents.iter().filter_map(largest).collect(), |&size| size);
        let height = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
        Self { grid, map: table.map, contents, height }
    }

    /// The bounds of its cells on the page.
    fn bounds(&self) -> Vec<Bounds> {
        let places = self.contents.iter().map(|content| content.place);
        places.map(|place| self.grid.bounds(place).mapped(&self.map)).collect()
    }

    /// Some pieces of ink that are probably single symbols. Headings are printed words, whose letters may look
    /// like digits from another side: they are left out where there are other cells.
    fn sample(&self) -> Vec<FourWays> {
        let (rows, columns) = self.grid.size();
        let is_heading = |place: &Place| {
            rows > FEW && (place.row == 0 || place.row + place.rows == rows)
                || columns > FEW && (place.column == 0 || place.column + place.columns == columns)
        };
        let written = |content: &&Content| content.ink.is_some() && !is_heading(&content.place);
        let mut chosen: Vec<&Content> = self.contents.iter().filter(written).collect();
        if chosen.is_empty() {
            chosen = self.contents.iter().collect();
        }
        let mut pieces = Vec::new();
        for (ink, _) in chosen.iter().filter_map(|content| content.ink.as_ref()) {
            pieces.extend(sample(&Components::of(ink.clone())));
            if pieces.len() >= super::sides::SAMPLE {
                break;
            }
        }
        pieces
    }

    /// The table as it is in the picture that `map` leads to.
    fn table(self, map: &Homography, thrift: Thrift) -> Table {
        let map = map.after(&self.map);
        let (rows, columns) = self.grid.size();
        let whole = self.grid.bounds(Place { row: 0, column: 0, rows, columns });
        let places = self.contents.iter().map(|content| content.place);
        let merged = places.filter(|place| place.rows * place.columns > 1);
        let merged = merged.map(|place| [place.row, place.column, place.rows, place.columns]);
        let lines = self.grid.lines(&map, merged.collect());
        let cell = |content: Content| {
            let lattice = match content.ink {
                Some((ink, [left, top])) => {
                    let map = map.after(&Homography::shift(left as f64, top as f64));
                    in_cell(Components::of(ink), self.height, thrift).seen_through(map)
                }
                None => Lattice::none(),
            };
            let bounds = self.grid.bounds(content.place).mapped(&map);
            Cell { place: content.place, bounds, lattice }
        };
        let cells = self.contents.into_iter().map(cell).collect();
        Table { bounds: whole.mapped(&map), lines, rows, columns, cells }
    }
}

/// The candidates in a cell. `height` is a digit's; in a cell without a piece of ink that is large beside
/// it, there is only dirt.
fn in_cell(components: Components, height: f32, thrift: Thrift) -> Lattice {
    let size = |own: &Bounds| own.width().max(own.height());
    let own = (0..).zip(&components.bounds).filter_map(|(id, own)| Some((id, size(own.as_ref()?))));
    let mut pieces = sorted(own.collect::<Vec<(u32, f32)>>(), |piece| -piece.1);
    let Some(&(_, largest)) = pieces.first().filter(|piece| piece.1 >= DIRT * height) else {
        return Lattice::none();
    };
    pieces.retain(|piece| piece.1 >= SPECK * largest);
    pieces.truncate(MAX_PIECES);
    let pieces = pieces.into_iter().map(|piece| piece.0).collect();
    segmented(components, pieces, thrift, SecondOpinion::OnAll)
}
