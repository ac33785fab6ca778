//! Which part of a picture is the sheet that was written on: the surface with the most strokes. What can be
//! reached from the picture's edge without crossing it are its surroundings.

use super::{
    cells::Cells,
    colour::{Rgb, distance},
    corners::is_quadrilateral,
    surfaces::{LARGE, ON_GROUND, SMALLEST, seen, surfaces, written_on},
    surroundings::{NONE, surroundings, with_marks_at_edge},
};
use crate::order::sorted;

/// A cell is paper if its colour differs from that of the nearest large region of paper by at most this.
const SPOT: f32 = 12.0;

/// At most so many other sheets are looked at, ...
const OTHERS: usize = 3;
/// ... that cover at most this share of the picture, ...
const WHOLE: f32 = 0.9;
/// ... with this part of their length around them.
const ROOM: usize = 10;

/// The sheet among the cells of a picture.
pub(super) struct Found {
    /// Whether each cell belongs to the sheet.
    pub(super) mask: Vec<bool>,
    /// Whether each cell is paper rather than a stroke.
    pub(super) paper: Vec<bool>,
    /// Rectangles of cells around what may be other sheets, the most likely one first: left, top, right
    /// and bottom.
    pub(super) others: Vec<[usize; 4]>,
}

impl Found {
    /// All cells are paper.
    pub(super) fn all(cells: &Cells) -> Self {
        Self { mask: vec![true; cells.len()], paper: vec![true; cells.len()], others: Vec::new() }
    }
}

/// Finds the sheet; all cells if it cannot be told from its surroundings.
pub(super) fn sheet(cells: &Cells) -> Found {
    let (region, surface) = surfaces(cells);
    let chosen = written_on(cells, &region, &surface);
    let is_chosen = |i: usize| chosen.as_ref().is_some_and(|chosen| chosen.contains(&surface[i]));
    let others = other_sheets(cells, &region, is_chosen);
    let Some(chosen) = chosen else { return Found { others, ..Found::all(cells) } };
    let known: Vec<bool> = surface.iter().map(|&id| id != NONE && chosen.contains(&id)).collect();
    // Small spots of paper between strokes.
    let near = spread(cells, known.clone());
    let is_paper = |i: usize| known[i] || distance(cells.colours[i], near[i]) <= SPOT;
    let paper: Vec<bool> = (0..cells.len()).map(is_paper).collect();
    let mask = with_marks_at_edge(cells, &surroundings(cells, &paper), &paper);
    let area = mask.iter().filter(|&&on| on).count();
    if (area as f32) < SMALLEST * mask.len() as f32 {
        return Found { others, ..Found::all(cells) };
    }
    Found { mask, paper, others }
}

/// Rectangles of cells around the regions that may be sheets besides what was chosen, those with the most
/// strokes first: quadrilaterals with all that is on them, or large. Sheets that touch are one surface.
fn other_sheets(
    cells: &Cells,
    region: &[u32],
    is_chosen: impl Fn(usize) -> bool,
) -> Vec<[usize; 4]> {
    let regions = seen(cells, region, region);
    let mut chosen = vec![false; regions.len()];
    (0..cells.len())
        .filter(|&i| region[i] != NONE && is_chosen(i))
        .for_each(|i| chosen[region[i] as usize] = true);
    let alone = chosen.iter().filter(|&&is_chosen| is_chosen).count() == 1;
    let others = (0..regions.len()).filter(|&id| !(alone && chosen[id]) && regions[id].strokes > 0);
    let others = sorted(others.collect(), |&id| -(regions[id].strokes as f32));
    let part = |id: usize| {
        let own: Vec<bool> = region.iter().map(|&other| other == id as u32).collect();
        let filled: Vec<bool> = surroundings(cells, &own).iter().map(|&reached| !reached).collect();
        let area = filled.iter().filter(|&&inside| inside).count() as f32 / cells.len() as f32;
        let is_sheet = area >= LARGE && is_quadrilateral(cells, &filled) || area >= ON_GROUND;
        (is_sheet && area < WHOLE).then(|| with_room(cells, &filled))
    };
    others.into_iter().filter_map(part).take(OTHERS).collect()
}

/// The rectangle of cells around those that are `inside`, with some room.
fn with_room(cells: &Cells, inside: &[bool]) -> [usize; 4] {
    let mut bounds = [usize::MAX, usize::MAX, 0, 0];
    for i in (0..cells.len()).filter(|&i| inside[i]) {
        let (x, y) = (i % cells.columns, i / cells.columns);
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x + 1), bounds[3].max(y + 1)];
    }
    let [left, top, right, bottom] = bounds;
    let room = (right.saturating_sub(left)).max(bottom.saturating_sub(top)) / ROOM + 1;
    [
        left.saturating_sub(room),
        top.saturating_sub(room),
        (right + room).min(cells.columns),
        (bottom + room).min(cells.rows),
    ]
}

/// The cells' colours, with those that are not known from the nearest that are.
pub(super) fn spread(cells: &Cells, mut known: Vec<bool>) -> Vec<Rgb> {
    let mut colours = cells.colours.clone();
    let mut edge: Vec<usize> = (0..cells.len()).filter(|&i| known[i]).collect();
    while !edge.is_empty() {
        let mut reached = Vec::new();
        for i in edge {
            for next in cells.neighbours(i) {
                if !known[next] {
                    known[next] = true;
                    colours[next] = colours[i];
                    reached.push(next);
                }
            }
        }
        edge = reached;
    }
    colours
}
