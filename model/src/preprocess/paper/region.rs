//! Which part of a picture is the sheet that was written on.
//!
//! Regions of cells grow from neighbour to neighbour as long as the colour changes slowly, so they
//! follow the light and stop at edges. Regions that are nearly alike where they are close are one
//! surface: a stroke, a ruling or a frame may be between them. The surface with the most strokes is the
//! sheet; what can be reached from the picture's edge without crossing it are its surroundings.

use super::{
    cells::Cells,
    colour::{Rgb, distance},
    corners::is_quadrilateral,
};
use crate::order::{nth, sorted};

/// Neighbouring cells with colours (0–441, in RGB) at most this far apart are the same region.
const STEP: f32 = 10.0;
/// In a grainy picture they may be this many times as far apart as neighbours usually are.
const GRAIN: f32 = 2.5;
/// One in so many neighbours is in the smooth part of the picture at least, where distances are as large as
/// in a picture that is grainy all over if the median is this many times the quantile.
const SMOOTH: usize = 6;
const OF_SMOOTH: f32 = 1.8;
/// Regions smaller than this share of the picture are strokes, marks or texture.
const LARGE: f32 = 0.01;
/// Large regions are the same surface if their colours differ by at most this ...
const ALIKE: f32 = 24.0;
/// ... on average of at least this many pairs of cells ...
const ENOUGH: usize = 3;
/// ... that are at most this many cells apart.
const NEAR: usize = 4;
/// A shadow leaves at least this share of the light.
const DARKEST_SHADOW: f32 = 0.35;
/// A cell is paper if its colour differs from that of the nearest large region of paper by at most this.
const SPOT: f32 = 12.0;
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
/// One on another surface covers at least this share.
const ON_GROUND: f32 = 0.08;
/// A sheet covers at least this share of the picture.
const SMALLEST: f32 = 0.04;

/// At most so many other sheets are looked at, ...
const OTHERS: usize = 3;
/// ... that cover at most this share of the picture, ...
const WHOLE: f32 = 0.9;
/// ... with this part of their length around them.
const ROOM: usize = 10;

/// Surroundings cover at least this share of one edge, ...
const STRIP: f32 = 0.6;
/// ... or are thicker than this many layers of cells around a middle, and than twice the other marks,
/// and at a corner of the picture, ...
const THICK: usize = 2;
/// ... or thick compared with their length, ...
const ROUND: f32 = 0.35;
/// ... or along this share of the picture's whole edge.
const OF_EDGE: f32 = 0.1;

/// A mark at an edge may be a strip if it is at most this share of its length thick.
const THIN: f32 = 0.3;

/// Thin lines are followed where they are this close to the edge, in cells: they are a border.
const ALONG_EDGE: usize = 4;

const NONE: u32 = u32::MAX;

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
    let chosen = written_on(cells, &surface);
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
    let regions = seen(cells, region);
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

/// The large region and the surface that each cell belongs to, from 0 on; [`NONE`] for cells of small
/// regions.
fn surfaces(cells: &Cells) -> (Vec<u32>, Vec<u32>) {
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
struct Surface {
    cells: usize,
    /// How many of these contain a stroke.
    strokes: usize,
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
        self.cells > 0 && self.strokes as f32 <= WRITTEN * self.cells as f32
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
fn written_on(cells: &Cells, surface: &[u32]) -> Option<Vec<u32>> {
    let surfaces = seen(cells, surface);
    let least = SMALLEST * cells.len() as f32;
    let is_large = |surface: &Surface| surface.cells as f32 >= least;
    let ground = ground(cells, surface, surfaces.len());
    let can_be_sheet = |&id: &usize| {
        surfaces[id].can_be_paper()
            && is_large(&surfaces[id])
            && ground.is_none_or(|ground| ground == id || is_sheet_on(cells, surface, id as u32))
    };
    let likely = (0..surfaces.len()).filter(can_be_sheet);
    let most_strokes = likely.max_by_key(|&id| (surfaces[id].strokes, surfaces[id].cells));
    let sheet = &surfaces[most_strokes.or(ground)?];
    // The paper within a thick stroke's loop is a surface of its own.
    let is_sheet = |surface: &Surface| {
        let is_shadow = is_large(surface) && surface.is_shadow_of(sheet);
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

/// What is seen of each surface.
fn seen(cells: &Cells, surface: &[u32]) -> Vec<Surface> {
    // Not beside another surface: its edge is no stroke.
    let own = |i: usize, next: usize| surface[next] == surface[i] || surface[next] == NONE;
    let is_inside = |&i: &usize| {
        surface[i] != NONE
            && cells.around(i).all(|near| cells.around(near).all(|next| own(i, next)))
    };
    let inside: Vec<usize> = (0..cells.len()).filter(is_inside).collect();
    let mut contrasts: Vec<f32> = inside.iter().map(|&i| cells.contrast[i]).collect();
    let rank = contrasts.len().saturating_sub(1 + RANK);
    let stroke = (STROKE * nth(&mut contrasts, rank)).max(FAINTEST);
    let count = surface.iter().filter(|&&id| id != NONE).max().map_or(0, |&last| last + 1);
    let mut surfaces = vec![Surface::default(); count as usize];
    for i in inside {
        let seen = &mut surfaces[surface[i] as usize];
        seen.cells += 1;
        seen.at_edge |= cells.on_edge(i);
        seen.strokes += usize::from(cells.contrast[i] >= stroke);
        seen.sum = std::array::from_fn(|channel| seen.sum[channel] + cells.colours[i][channel]);
    }
    surfaces
}

/// The cells that can be reached from the picture's edge without crossing the sheet, and without
/// following thin lines away from the edge: rulings lead to the digits.
fn surroundings(cells: &Cells, on_sheet: &[bool]) -> Vec<bool> {
    let thick = in_squares(cells, |i| !on_sheet[i]);
    let mut reached = vec![false; cells.len()];
    let mut open: Vec<usize> =
        (0..cells.len()).filter(|&i| cells.on_edge(i) && !on_sheet[i]).collect();
    open.iter().for_each(|&i| reached[i] = true);
    while let Some(i) = open.pop() {
        for next in cells.neighbours(i) {
            let may_follow = thick[next] || cells.to_edge(next) < ALONG_EDGE;
            if !on_sheet[next] && !reached[next] && may_follow {
                reached[next] = true;
                open.push(next);
            }
        }
    }
    reached
}

/// Whether each cell is in a square of three by three cells that are all `inside`; those beyond the
/// picture's edge are.
fn in_squares(cells: &Cells, inside: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut squares = vec![false; cells.len()];
    for middle in 0..cells.len() {
        let around: Vec<usize> = cells.around(middle).collect();
        if around.iter().all(|&i| inside(i)) {
            around.into_iter().for_each(|i| squares[i] = true);
        }
    }
    squares
}

/// A connected part of what can be reached from the picture's edge without crossing the sheet.
#[derive(Clone, Default)]
struct Part {
    /// How many layers of cells are around its middle.
    depth: usize,
    /// Its cells along the upper, right, lower and left edge of the picture.
    along: [usize; 4],
    /// Whether it has a corner of the picture.
    at_corner: bool,
    /// Its first and last column and row.
    columns: Option<(usize, usize)>,
    rows: Option<(usize, usize)>,
}

impl Part {
    fn of_each(cells: &Cells, part: &[u32], count: usize, inside: &[bool]) -> Vec<Self> {
        let mut parts = vec![Self::default(); count];
        let depth = depths(cells, |i| inside[i] && !cells.on_edge(i));
        for i in (0..cells.len()).filter(|&i| inside[i]) {
            let own = &mut parts[part[i] as usize];
            let (x, y) = (i % cells.columns, i / cells.columns);
            let sides = [y == 0, x + 1 == cells.columns, y + 1 == cells.rows, x == 0];
            own.along = std::array::from_fn(|side| own.along[side] + usize::from(sides[side]));
            own.at_corner |= (sides[0] || sides[2]) && (sides[1] || sides[3]);
            own.depth = own.depth.max(depth[i]);
            let extended = |span: Option<(usize, usize)>, at: usize| {
                span.map_or((at, at), |(first, last)| (first.min(at), last.max(at)))
            };
            own.columns = Some(extended(own.columns, x));
            own.rows = Some(extended(own.rows, y));
        }
        parts
    }

    /// Whether it is thicker than strokes are: a thing, or the table at a corner of the sheet or
    /// around it. A thick stroke may reach the edge as well, but is long and has little of the edge.
    fn is_thing(&self, cells: &Cells, thickest: usize) -> bool {
        let length =
            |span: Option<(usize, usize)>| span.map_or(0, |(first, last)| last - first + 1);
        let longest = length(self.columns).max(length(self.rows));
        let is_round = 2.0 * self.depth as f32 >= ROUND * longest as f32;
        let of_edge: usize = self.along.iter().sum();
        let edge = 2 * (cells.columns + cells.rows);
        let has_edge = of_edge as f32 >= OF_EDGE * edge as f32;
        self.depth > thickest && (is_round || self.at_corner || has_edge)
    }

    /// The edges of the picture that it covers.
    fn covers(&self, cells: &Cells, side: usize) -> bool {
        let length = [cells.columns, cells.rows][side % 2];
        self.along[side] as f32 >= STRIP * length as f32
    }
}

/// The sheet, with the marks at the picture's edge that are strokes: they are thin, and the edge is
/// not covered with them, unless there are other marks nearly as long.
fn with_marks_at_edge(cells: &Cells, around: &[bool], paper: &[bool]) -> Vec<bool> {
    let (part, areas) = connected(cells, |i| around[i], |_, _| true);
    let parts = Part::of_each(cells, &part, areas.len(), around);
    let others = depths(cells, |i| !around[i] && !paper[i]).into_iter().max().unwrap_or(0);
    let thickest = (2 * others).max(THICK);
    let is_strip = |id: usize| {
        let sides = || (0..4).filter(|&side| parts[id].covers(cells, side));
        let has_longest = || {
            let is_other = |i: usize| !(paper[i] || around[i] && part[i] as usize == id);
            let longest = longest_marks(cells, is_other);
            let lengths = [cells.columns, cells.rows];
            sides().any(|side| (longest[side % 2] as f32) < STRIP * lengths[side % 2] as f32)
        };
        // No digit covers two edges, however long the lines of a table are.
        sides().nth(1).is_some() || sides().next().is_some() && has_longest()
    };
    let is_mark: Vec<bool> =
        (0..parts.len()).map(|id| !parts[id].is_thing(cells, thickest) && !is_strip(id)).collect();
    (0..cells.len()).map(|i| !around[i] || is_mark[part[i] as usize]).collect()
}

/// The largest width and the largest height of the connected parts that are `inside`, without those
/// that may be strips along the picture's edges.
pub(super) fn longest_marks(cells: &Cells, inside: impl Fn(usize) -> bool) -> [usize; 2] {
    let (part, areas) = connected(cells, &inside, |_, _| true);
    let mut bounds = vec![[usize::MAX, 0, usize::MAX, 0]; areas.len()];
    for i in (0..cells.len()).filter(|&i| inside(i)) {
        let (x, y) = (i % cells.columns, i / cells.columns);
        let [left, right, top, bottom] = &mut bounds[part[i] as usize];
        (*left, *right) = ((*left).min(x), (*right).max(x + 1));
        (*top, *bottom) = ((*top).min(y), (*bottom).max(y + 1));
    }
    bounds.iter().fold([0, 0], |[longest, highest], &[left, right, top, bottom]| {
        let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
        let beside = left == 0 || right == cells.columns;
        let over = top == 0 || bottom == cells.rows;
        let around = left == 0 && right == cells.columns && over;
        let is_strip = |at_edge: bool, thick: usize, long: usize| {
            around || at_edge && thick as f32 <= THIN * long as f32
        };
        [
            if is_strip(over, height, width) { longest } else { longest.max(width) },
            if is_strip(beside, width, height) { highest } else { highest.max(height) },
        ]
    })
}

/// How many layers of cells have to be taken away before each cell that is `inside` is at the edge;
/// 0 for others.
fn depths(cells: &Cells, inside: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut left: Vec<bool> = (0..cells.len()).map(inside).collect();
    let mut depth = vec![0; cells.len()];
    while left.contains(&true) {
        depth.iter_mut().zip(&left).for_each(|(depth, &left)| *depth += usize::from(left));
        let next = eroded(cells, &left);
        if next == left {
            break;
        }
        left = next;
    }
    depth
}

/// The cells whose neighbours are all `inside`, also those at corners.
pub(super) fn eroded(cells: &Cells, inside: &[bool]) -> Vec<bool> {
    (0..cells.len()).map(|i| cells.around(i).all(|next| inside[next])).collect()
}

/// Connected parts: the part of each cell that is `inside`, and the number of cells in each part.
fn connected(
    cells: &Cells,
    inside: impl Fn(usize) -> bool,
    joined: impl Fn(usize, usize) -> bool,
) -> (Vec<u32>, Vec<usize>) {
    let mut part = vec![NONE; cells.len()];
    let mut areas = Vec::new();
    let mut open = Vec::new();
    for start in 0..cells.len() {
        if part[start] != NONE || !inside(start) {
            continue;
        }
        let id = areas.len() as u32;
        areas.push(0);
        part[start] = id;
        open.push(start);
        while let Some(i) = open.pop() {
            areas[id as usize] += 1;
            for next in cells.neighbours(i) {
                if part[next] == NONE && inside(next) && joined(i, next) {
                    part[next] = id;
                    open.push(next);
                }
            }
        }
    }
    part.iter_mut().filter(|id| **id == NONE).for_each(|id| *id = 0);
    if areas.is_empty() {
        areas.push(0);
    }
    (part, areas)
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
