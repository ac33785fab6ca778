//! Surfaces in a picture, and which of them was written on.
//!
//! Regions of cells grow from neighbour to neighbour as long as the colour changes slowly, so they
//! follow the light and stop at edges. Regions that are nearly alike where they are close are one
//! surface: a stroke, a ruling or a frame may be between them.

use super::{
    cells::Cells,
    colour::{Rgb, distance},
    corners::is_quadrilateral,
    surroundings::{NONE, connected, surroundings},
};
use crate::order::nth;

/// Neighbouring cells with colours (0–441, in RGB) at most this far apart are the same region.
const STEP: f32 = 10.0;
/// In a grainy picture they may be this many times as far apart as neighbours usually are.
const GRAIN: f32 = 2.5;
/// One in so many neighbours is in the smooth part of the picture at least, where distances are as large as
/// in a picture that is grainy all over if the median is this many times the quantile.
const SMOOTH: usize = 6;
const OF_SMOOTH: f32 = 1.8;
/// Regions smaller than this share of the picture are strokes, marks or texture.
pub(super) const LARGE: f32 = 0.01;
/// Large regions are the same surface if their colours differ by at most this ...
const ALIKE: f32 = 24.0;
/// ... on average of at least this many pairs of cells ...
const ENOUGH: usize = 3;
/// ... that are at most this many cells apart.
const NEAR: usize = 4;
/// A shadow leaves at least this share of the light.
const DARKEST_SHADOW: f32 = 0.35;
/// A cell contains a stroke if its contrast has at least this share of the strongest ones'.
const STROKE: f32 = 0.4;
/// ... and at least this contrast.
const FAINTEST: f32 = 20.0;
/// The strongest contrast is that of the cell with this rank, so that a few specks do not count.
const RANK: usize = 12;
/// Writing, with printed lines, covers at most this share of the cells of a sheet.
const WRITTEN: f32 = 0.8;
/// A second surface belongs to the sheet, under a shadow, if it has this share of its strokes ...
const SHADOW_STROKES: f32 = 0.1;
/// ... and the channels' ratios of its colour to the sheet's differ by at most this factor.
const SHADOW_TINT: f32 = 1.3;
/// One that lies on another surface has more than this share of the other's strokes.
const ON_SHEET: f32 = 0.2;
/// One on another surface covers at least this share.
pub(super) const ON_GROUND: f32 = 0.08;
/// A sheet covers at least this share of the picture.
pub(super) const SMALLEST: f32 = 0.04;

/// The large region and the surface that each cell belongs to, from 0 on; [`NONE`] for cells of small
/// regions.
pub(super) fn surfaces(cells: &Cells) -> (Vec<u32>, Vec<u32>) {
    let step = (GRAIN * typical_step(cells)).max(STEP);
    let alike = |a: usize, b: usize| distance(cells.colours[a], cells.colours[b]) <= step;
    let (mut region, areas) = connected(cells, |_| true, alike);
    let least = LARGE * cells.len() as f32;
    let mut count = 0;
    let number = |&area: &usize| {
        let is_large = area as f32 >= least;
        count += u32::from(is_large);
        if is_large { count - 1 } else { NONE }
    };
    let numbers: Vec<u32> = areas.iter().map(number).collect();
    region.iter_mut().for_each(|id| *id = numbers[*id as usize]);
    let joined = alike_surfaces(cells, &region, count as usize);
    let surface = |&id: &u32| if id == NONE { NONE } else { joined[id as usize] };
    let surface = region.iter().map(surface).collect();
    (region, surface)
}

/// The median distance between the colours of neighbouring cells where they differ least: a table may be
/// far more grainy than the paper on it.
fn typical_step(cells: &Cells) -> f32 {
    let beside = (0..cells.len()).filter(|i| (i + 1) % cells.columns != 0);
    let mut steps: Vec<f32> =
        beside.map(|i| distance(cells.colours[i], cells.colours[i + 1])).collect();
    let [middle, smooth] = [steps.len() / 2, steps.len() / SMOOTH];
    nth(&mut steps, middle).min(OF_SMOOTH * nth(&mut steps, smooth))
}

/// For each of `count` regions, the first of those that are the same surface.
fn alike_surfaces(cells: &Cells, region: &[u32], count: usize) -> Vec<u32> {
    // The differences between the colours of nearby cells, for each pair of regions.
    let mut near: Vec<Vec<f32>> = vec![Vec::new(); count * count];
    let mut compare = |a: usize, b: usize| {
        let (first, second) = (region[a].min(region[b]), region[a].max(region[b]));
        if first != second && second != NONE {
            let pair = &mut near[first as usize * count + second as usize];
            pair.push(distance(cells.colours[a], cells.colours[b]));
        }
    };
    for i in 0..cells.len() {
        let (x, y) = (i % cells.columns, i / cells.columns);
        for away in 2..=NEAR {
            if x + away < cells.columns {
                compare(i, i + away);
            }
            if y + away < cells.rows {
                compare(i, i + away * cells.columns);
            }
        }
    }
    let mut joined: Vec<u32> = (0..count as u32).collect();
    for (pair, differences) in near.iter_mut().enumerate() {
        let middle = differences.len() / 2;
        if differences.len() >= ENOUGH && nth(differences, middle) <= ALIKE {
            let (to, from) = (joined[pair / count], joined[pair % count]);
            joined.iter_mut().filter(|id| **id == from).for_each(|id| *id = to);
        }
    }
    joined
}

/// What is seen of a surface away from its edges.
#[derive(Clone, Default)]
pub(super) struct Surface {
    cells: usize,
    /// How many of these have contrast.
    uneven: usize,
    /// How many of these contain a stroke. Between two regions are joints of tiles or boards.
    pub(super) strokes: usize,
    /// The sum of their colours.
    sum: Rgb,
    /// Whether it reaches the picture's edge, from where shadows fall in. A thick stroke hardly does.
    at_edge: bool,
}

impl Surface {
    fn colour(&self) -> Rgb {
        self.sum.map(|channel| channel / self.cells.max(1) as f32)
    }

    /// Where nearly every cell has contrast is a thick stroke, or texture, even beside a form's.
    fn can_be_paper(&self) -> bool {
        self.cells > 0 && self.uneven as f32 <= WRITTEN * self.cells as f32
    }

    /// Whether it may be a part of `sheet` in a shadow: it has strokes too, and its colour is that of
    /// the sheet with less light or more.
    fn is_shadow_of(&self, sheet: &Self) -> bool {
        let (own, paper) = (self.colour(), sheet.colour());
        let ratios: Rgb = std::array::from_fn(|i| (own[i] + 1.0) / (paper[i] + 1.0));
        let least = ratios.into_iter().fold(f32::MAX, f32::min);
        let largest = ratios.into_iter().fold(0.0, f32::max);
        let enough = (SHADOW_STROKES * sheet.strokes as f32).max(2.0);
        let is_lit = (DARKEST_SHADOW..=1.0 / DARKEST_SHADOW).contains(&least);
        (self.at_edge || sheet.at_edge)
            && is_lit
            && self.strokes as f32 >= enough
            && largest <= SHADOW_TINT * least
    }
}

/// The surface with the most strokes, its parts in a shadow, and those of the same colour.
pub(super) fn written_on(cells: &Cells, region: &[u32], surface: &[u32]) -> Option<Vec<u32>> {
    let surfaces = seen(cells, region, surface);
    let least = SMALLEST * cells.len() as f32;
    let is_large = |surface: &Surface| surface.cells as f32 >= least;
    let ground = ground(cells, surface, surfaces.len());
    let can_be_sheet = |&id: &usize| {
        surfaces[id].can_be_paper()
            && is_large(&surfaces[id])
            && ground.is_none_or(|ground| ground == id || is_sheet_on(cells, surface, id as u32))
    };
    let likely = (0..surfaces.len()).filter(can_be_sheet);
    // The strokes of what it lies on may be the joints of tiles.
    let lies_on = |id: usize| {
        let share = |ground: usize| ON_SHEET * surfaces[ground].strokes as f32;
        ground.is_some_and(|ground| ground != id && surfaces[id].strokes as f32 > share(ground))
    };
    let most_strokes =
        likely.max_by_key(|&id| (lies_on(id), surfaces[id].strokes, surfaces[id].cells));
    let id = most_strokes.or(ground)?;
    let sheet = &surfaces[id];
    // What lies whole on a table has no parts beside it.
    let is_whole = !sheet.at_edge && is_sheet_on(cells, surface, id as u32);
    // The paper within a thick stroke's loop is a surface of its own.
    let is_sheet = |surface: &Surface| {
        let is_shadow = !is_whole && is_large(surface) && surface.is_shadow_of(sheet);
        let is_alike = distance(surface.colour(), sheet.colour()) <= ALIKE;
        surface.can_be_paper() && (is_shadow || is_alike)
    };
    Some((0..).zip(&surfaces).filter(|(_, surface)| is_sheet(surface)).map(|(id, _)| id).collect())
}

/// The surface that has most of the picture's edge, if there is one: usually the paper, but it may be
/// what a sheet lies on.
fn ground(cells: &Cells, surface: &[u32], count: usize) -> Option<usize> {
    let mut along = vec![0; count];
    let edge = (0..cells.len()).filter(|&i| cells.on_edge(i));
    edge.clone().filter(|&i| surface[i] != NONE).for_each(|i| along[surface[i] as usize] += 1);
    let all = edge.count();
    (0..count).find(|&id| 2 * along[id] >= all)
}

/// Whether a surface may be a sheet on another one: not small, and a quadrilateral. Thick strokes are
/// surfaces as well.
fn is_sheet_on(cells: &Cells, surface: &[u32], id: u32) -> bool {
    let own: Vec<bool> = surface.iter().map(|&other| other == id).collect();
    let filled: Vec<bool> = surroundings(cells, &own).iter().map(|&reached| !reached).collect();
    let area = filled.iter().filter(|&&inside| inside).count();
    area as f32 >= ON_GROUND * cells.len() as f32 && is_quadrilateral(cells, &filled)
}

/// What is seen of each surface, which consists of regions.
pub(super) fn seen(cells: &Cells, region: &[u32], surface: &[u32]) -> Vec<Surface> {
    // Not beside another one: its edge is no stroke.
    let is_inside = |of: &[u32], i: usize| {
        let own = |next: usize| of[next] == of[i] || of[next] == NONE;
        cells.around(i).all(|near| cells.around(near).all(own))
    };
    let inside = (0..cells.len()).filter(|&i| surface[i] != NONE && is_inside(surface, i));
    let inside: Vec<usize> = inside.collect();
    let mut contrasts: Vec<f32> = inside.iter().map(|&i| cells.contrast[i]).collect();
    let rank = contrasts.len().saturating_sub(1 + RANK);
    let stroke = (STROKE * nth(&mut contrasts, rank)).max(FAINTEST);
    let count = surface.iter().filter(|&&id| id != NONE).max().map_or(0, |&last| last + 1);
    let mut surfaces = vec![Surface::default(); count as usize];
    for i in inside {
        let seen = &mut surfaces[surface[i] as usize];
        seen.cells += 1;
        seen.at_edge |= cells.on_edge(i);
        let is_uneven = cells.contrast[i] >= stroke;
        seen.uneven += usize::from(is_uneven);
        seen.strokes += usize::from(is_uneven && is_inside(region, i));
        seen.sum = std::array::from_fn(|channel| seen.sum[channel] + cells.colours[i][channel]);
    }
    surfaces
}
