//! What is around a sheet in a picture, and the marks that reach the picture's edge.

use super::cells::Cells;

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

/// Of no part.
pub(super) const NONE: u32 = u32::MAX;

/// The cells that can be reached from the picture's edge without crossing the sheet, and without
/// following thin lines away from the edge: rulings lead to the digits.
pub(super) fn surroundings(cells: &Cells, on_sheet: &[bool]) -> Vec<bool> {
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
pub(super) fn with_marks_at_edge(cells: &Cells, around: &[bool], paper: &[bool]) -> Vec<bool> {
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
pub(super) fn connected(
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
