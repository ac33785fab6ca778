//! A picture's connected pieces of ink as segments. Pieces that may be several digits are sliced.

use std::ops::Range;

use super::{
    bounds::Bounds,
    components::Components,
    elsewhere::OtherWays,
    lattice::{Grouping, Lattice, LineOfSegments, Rendered, Thrift, cost},
    lines::{lines, typical_height},
    pairs::SaidOfPair,
    rulings::without_rulings,
    sides::{FourWays, SAMPLE, SidesOfPage},
    slices::sliced,
    table::without_tables,
};
use crate::{
    order::sorted,
    preprocess::{Homography, Picture, Point, Sheet, WORKING_SIDE, pieces::NO_PIECE},
};

/// Pieces whose longer side is below this share of the digits' height are dirt.
const DIRT: f32 = 0.08;

/// The largest difference between the logarithms of a single symbol's size and the usual size.
const OFF_SIZE: f32 = 0.5;
/// A piece narrower than this share of its length may be a 1 or a dash, and does not tell which side is
/// up.
const TELLING: f32 = 0.33;
/// Pieces of at least this share of the digits' height may be symbols of their own.
const ALSO_WRITING: f32 = 0.5;

/// An outline covers at most this share of its bounds, and at least so many pieces are in it that are at
/// least this share as large.
const HOLLOW: f32 = 0.15;
const ENCLOSED: usize = 2;
const INSIDE_OUTLINE: f32 = 0.06;
/// What is more than this many times as high as the writing is the edge of something, and so is what is
/// straight and as long: its shorter side is at most this share of the longer one.
const OUTLINE: f32 = 3.0;
const STRAIGHT: f32 = 0.15;

/// Lines with these slopes are levelled, if one of them reaches this many heights to either side of its
/// middle: the digits of a level one are not quite beside each other either.
const TILTED: std::ops::RangeInclusive<f32> = 0.05..=0.4;
const LONG: f32 = 1.2;

/// Three digits that touch are wider than this many heights.
const THREE_DIGITS: f32 = 1.2;
/// How much dearer cuts become, for each unit of the cost of a pair.
const DOUBT: f32 = 2.0;

/// Smaller pieces are specks of dust if they are further from these than this many heights.
const NEAR: f32 = 0.5;
/// Pieces this many times as thick as the strokes are holes in the paper, or things on it.
const THICKEST: f32 = 2.2;
/// So are those that fill this share of their bounds, are nearly as wide as high, and not small:
/// shares of the longer side and of the digits' height.
const SOLID: f32 = 0.65;
const ROUND: f32 = 0.6;
const SMALL: f32 = 0.25;

/// Pieces are sliced, line by line, until the areas of their boxes sum to this many times the
/// picture's area, so that the work is bounded.
const SLICED: usize = 4;
/// If there are more pieces than this, only the largest are used.
pub(super) const MAX_PIECES: usize = 512;

/// The candidates in a picture.
pub(super) fn lattice(
    picture: &Picture,
    boxes: Option<&[Bounds]>,
    turns: Option<usize>,
) -> Lattice {
    let Some(sheet) = Sheet::of(picture, WORKING_SIDE) else {
        return Lattice::none();
    };
    if let Some(boxes) = boxes {
        let corners = sheet.corners;
        return in_boxes(Page::of(sheet).turned(turns.unwrap_or(0)), boxes).of_sheet(corners);
    }
    let elsewhere = OtherWays::of(picture, &sheet, turns);
    on_sheet(sheet, turns).or_elsewhere(elsewhere)
}

/// The candidates on a sheet. `turns` is how often it has to be turned clockwise by a quarter to be upright;
/// `None` if that is to be found out.
pub(super) fn on_sheet(sheet: Sheet, turns: Option<usize>) -> Lattice {
    let corners = sheet.corners;
    let page = Page::of(sheet);
    let lattice = match turns {
        Some(turns) => page.turned(turns).lattice(),
        None => {
            let sides = SidesOfPage::of(&page, sample(&page.components));
            page.lattice().or_turned(sides)
        }
    };
    lattice.of_sheet(corners)
}

/// The pieces of ink of a picture as it is read.
#[derive(Clone)]
pub(super) struct Page {
    components: Components,
    /// From the pixels of the pieces to those of the picture.
    map: Homography,
    /// How often it was turned clockwise by a quarter.
    turns: usize,
}

impl Page {
    /// The pieces of ink on a sheet, without rulings, tables and frames.
    fn of(sheet: Sheet) -> Self {
        let mut components = Components::of(without_rulings(sheet.ink));
        if let Some(ink) = without_tables(&components) {
            components = Components::of(ink);
        }
        remove_frames(&mut components);
        remove_outlines(&mut components);
        Self { components, map: sheet.map, turns: 0 }
    }

    /// The same turned clockwise by quarters.
    pub(super) fn turned(self, turns: usize) -> Self {
        (0..turns % 4).fold(self, |page, _| {
            let back = Homography::unturned(page.components.ink.height());
            Self {
                map: page.map.after(&back),
                components: page.components.turned(),
                turns: page.turns + 1,
            }
        })
    }

    /// The candidates on it.
    pub(super) fn lattice(self) -> Lattice {
        let page = self.levelled();
        let ids = writing(&page.components);
        segmented(page.components, ids, Thrift::WHOLE, SecondOpinion::OnCuts)
            .seen_through(page.map)
            .turned(page.turns)
    }

    /// The same with lines that are level, if they are tilted.
    fn levelled(self) -> Self {
        let tilt = tilt(&self.components);
        match TILTED.contains(&tilt.abs()).then(|| self.rotated(tilt)).flatten() {
            Some(page) => page,
            None => self,
        }
    }

    /// The same rotated so that what had the slope `tilt` is level.
    fn rotated(&self, tilt: f32) -> Option<Self> {
        let ink = &self.components.ink;
        let length = tilt.hypot(1.0);
        let (cos, sin) = (1.0 / length, tilt / length);
        let [width, height] = [ink.width(), ink.height()].map(|side| side as f32);
        // How far the ink reaches to each side once it is rotated.
        let left = if sin < 0.0 { height * sin } else { 0.0 };
        let top = if sin > 0.0 { -width * sin } else { 0.0 };
        let wide = width * cos + height * sin.abs();
        let high = height * cos + width * sin.abs();
        let corners = [[0.0, 0.0], [wide, 0.0], [wide, high], [0.0, high]];
        let before = corners.map(|[x, y]: Point| {
            let [x, y] = [x + left, y + top];
            [x * cos - y * sin, x * sin + y * cos]
        });
        let back = Homography::between(corners, before)?;
        let level = ink.through(&back, wide.ceil() as usize, high.ceil() as usize);
        let mut components = Components::of(level);
        remove_frames(&mut components);
        remove_outlines(&mut components);
        Some(Self { components, map: self.map.after(&back), turns: self.turns })
    }
}

/// The slope of the lines of writing, down to the right; 0 if they are too short to tell.
fn tilt(components: &Components) -> f32 {
    let ids = writing(components);
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| components.bounds[id as usize]).collect();
    let (mut along, mut down, mut is_long) = (0.0, 0.0, false);
    for line in lines(&bounds) {
        let tall = line.pieces.iter().map(|&piece| bounds[piece]);
        let tall = tall.filter(|own| own.height() >= ALSO_WRITING * line.height);
        let middles: Vec<Point> = tall.map(|own| own.middle()).collect();
        let mean = |axis: usize| {
            middles.iter().map(|middle| middle[axis]).sum::<f32>() / middles.len().max(1) as f32
        };
        let [x, y] = [mean(0), mean(1)];
        for middle in &middles {
            along += (middle[0] - x).powi(2);
            down += (middle[0] - x) * (middle[1] - y);
            is_long |= (middle[0] - x).abs() >= LONG * line.height;
        }
    }
    if is_long { down / along } else { 0.0 }
}

/// Some pieces that are probably single symbols, from whatever side they are seen.
pub(super) fn sample(components: &Components) -> Vec<FourWays> {
    let ids = writing(components);
    let bounds = |id: u32| components.bounds[id as usize];
    let size = |id: &u32| bounds(*id).map_or(0.0, |own| own.width().max(own.height()));
    let sizes = sorted(ids.iter().map(size).collect(), |&size| size);
    let largest = sizes.last().copied().unwrap_or(0.0);
    let tall: Vec<f32> = sizes.into_iter().filter(|size| *size >= ALSO_WRITING * largest).collect();
    let Some(&usual) = tall.get(tall.len() / 2) else { return Vec::new() };
    let off_size = |id: &u32| (size(id) / usual).ln().abs();
    let tells = |id: &u32| {
        bounds(*id).is_some_and(|own| own.width().min(own.height()) >= TELLING * size(id))
    };
    let likely = ids.into_iter().filter(|id| off_size(id) <= OFF_SIZE && tells(id));
    let mut likely = sorted(likely.collect(), off_size);
    likely.truncate(SAMPLE);
    let four_ways = |id: u32| {
        let (bounds, piece) = (bounds(id)?, [id as usize]);
        let glyph = components.glyph(&bounds, &piece)?;
        Some(FourWays::of(glyph, components.of_pieces(&bounds, &piece)?))
    };
    likely.into_iter().filter_map(four_ways).collect()
}

fn remove_frames(components: &mut Components) {
    for id in 0..components.bounds.len() {
        if components.bounds[id].is_some_and(|own| components.is_frame(id as u32, &own)) {
            components.bounds[id] = None;
        }
    }
}

/// Removes what is left of the edges of things, such as a sheet's shadow: pieces that are much larger than
/// the writing, and around it or straight.
fn remove_outlines(components: &mut Components) {
    let pieces = components.thickness();
    let size = |own: &Bounds| own.width().max(own.height());
    let mut all: Vec<(usize, Bounds)> =
        (0..).zip(&components.bounds).filter_map(|(id, own)| Some((id, (*own)?))).collect();
    let area = |id: usize| pieces[id].1;
    let is_around = |id: usize, own: &Bounds| {
        let is_inside = |other: &&(usize, Bounds)| {
            other.0 != id
                && own.holds(other.1.middle())
                && size(&other.1) >= INSIDE_OUTLINE * size(own)
        };
        area(id) <= HOLLOW * own.width() * own.height()
            && all.iter().filter(is_inside).count() >= ENCLOSED
    };
    let mut outlines: Vec<usize> =
        all.iter().filter(|(id, own)| is_around(*id, own)).map(|(id, _)| *id).collect();
    all.retain(|(id, _)| !outlines.contains(id));
    let is_straight = |own: &Bounds| own.width().min(own.height()) <= STRAIGHT * size(own);
    let curved = all.iter().filter(|(_, own)| !is_straight(own));
    let height = usual(&curved.map(|(id, own)| (own.height(), area(*id))).collect::<Vec<_>>());
    let is_usual = |own: &Bounds| (0.5 * height..2.0 * height).contains(&own.height());
    if all.iter().filter(|(_, own)| is_usual(own)).count() > ENCLOSED {
        let is_large = |own: &Bounds| {
            own.height() > OUTLINE * height || is_straight(own) && size(own) > OUTLINE * height
        };
        outlines.extend(all.iter().filter(|(_, own)| is_large(own)).map(|(id, _)| *id));
    }
    outlines.into_iter().for_each(|id| components.bounds[id] = None);
}

/// What the network for pairs is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondOpinion {
    /// What may be cut from something else.
    OnCuts,
    /// All ink: a digit on which both networks agree is seldom wrong.
    OnAll,
}

/// The candidates among these pieces.
pub(super) fn segmented(
    mut components: Components,
    ids: Vec<u32>,
    thrift: Thrift,
    second: SecondOpinion,
) -> Lattice {
    let mut lines = segments(&mut components, ids);
    for line in &mut lines {
        doubt_cuts(line, &components);
    }
    let draw = |line: &LineOfSegments, group: Range<usize>| {
        let (bounds, pieces) = line.pieces(group.clone())?;
        let glyph = components.glyph(&bounds, &pieces)?;
        let is_asked = second == SecondOpinion::OnAll || line.is_cut(group);
        let ink = is_asked.then(|| components.of_pieces(&bounds, &pieces)).flatten();
        Some(Rendered { glyph, strokes: None, pair: ink.and_then(|ink| SaidOfPair::of(&ink)) })
    };
    Lattice::of(&lines, Grouping::Free, thrift, &draw)
}

/// Makes cuts dearer in a piece that is not as wide as three digits, if the network for pairs sees no pair
/// in it: a letter or a sign can be cut into strokes that look like ones.
fn doubt_cuts(line: &mut LineOfSegments, components: &Components) {
    let begins: Vec<usize> =
        (0..line.segments.len()).filter(|&i| line.segments[i].cut == 0.0).collect();
    let ends = begins.iter().skip(1).copied().chain([line.segments.len()]);
    for (begin, end) in begins.iter().copied().zip(ends) {
        let Some((bounds, pieces)) = line.pieces(begin..end) else { continue };
        if end - begin < 2 || bounds.width() > THREE_DIGITS * line.height {
            continue;
        }
        let said = components.of_pieces(&bounds, &pieces).and_then(|ink| SaidOfPair::of(&ink));
        let doubt = cost(said.map_or(0.0, |said| said.any_pair()));
        line.segments[begin + 1..end].iter_mut().for_each(|segment| segment.cut += DOUBT * doubt);
    }
}

/// These pieces in lines, sliced where they may be several digits.
pub(super) fn segments(components: &mut Components, ids: Vec<u32>) -> Vec<LineOfSegments> {
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| components.bounds[id as usize]).collect();
    // The area of boxes that may still be sliced.
    let mut room = SLICED * components.owner.len();
    let mut in_lines = Vec::new();
    for line in lines(&bounds) {
        let mut segments = Vec::new();
        for piece in sorted(line.pieces, |&piece| bounds[piece].middle()[0]) {
            let area = (bounds[piece].width() * bounds[piece].height()) as usize;
            room = room.saturating_sub(area);
            // No piece is wide enough to be sliced on a line of infinite height.
            let height = if room > 0 { line.height } else { f32::INFINITY };
            segments.extend(sliced(components, ids[piece], height));
        }
        in_lines.push(LineOfSegments { segments, height: line.height });
    }
    in_lines
}

/// The pieces that may be symbols or parts of them, the largest first.
fn writing(components: &Components) -> Vec<u32> {
    let size = |own: &Bounds| own.width().max(own.height());
    let all = (0..).zip(&components.bounds);
    let all: Vec<(u32, Bounds)> = all.filter_map(|(id, own)| Some((id, (*own)?))).collect();
    let height = typical_height(&all.iter().map(|(_, own)| *own).collect::<Vec<_>>());
    let thickness = components.thickness();
    let usual = usual(&all.iter().map(|&(id, _)| thickness[id as usize]).collect::<Vec<_>>());
    let is_stroke = |&(id, own): &(u32, Bounds)| {
        let (thickness, area) = thickness[id as usize];
        let is_round = own.width().min(own.height()) >= ROUND * size(&own);
        let is_solid = is_round && area >= SOLID * own.width() * own.height();
        thickness <= THICKEST * usual && !(is_solid && size(&own) >= SMALL * height)
    };
    let strokes = all.iter().copied().filter(|(_, own)| size(own) >= DIRT * height);
    let mut strokes = sorted(strokes.filter(is_stroke).collect(), |(_, own)| -size(own));
    strokes.truncate(MAX_PIECES);
    let tall = strokes.iter().take_while(|(_, own)| size(own) >= ALSO_WRITING * height).count();
    let is_near = |own: &Bounds| {
        let away =
            |other: &Bounds| own.gap_beside(other).max(0.0).hypot(own.gap_below(other).max(0.0));
        strokes[..tall].iter().any(|(_, other)| away(other) <= NEAR * height)
    };
    strokes.iter().filter(|(_, own)| is_near(own)).map(|&(id, _)| id).collect()
}

/// The value, a thickness or a size, that half of the ink has at least. Each piece has one and an area.
fn usual(pieces: &[(f32, f32)]) -> f32 {
    let pieces = sorted(pieces.to_vec(), |piece| piece.0);
    let all: f32 = pieces.iter().map(|piece| piece.1).sum();
    let mut below = 0.0;
    let half = pieces.iter().find(|piece| {
        below += piece.1;
        2.0 * below >= all
    });
    half.map_or(0.0, |piece| piece.0)
}

/// A piece is in a box that contains at least this share of it; otherwise each of its pixels is
/// assigned to the box that contains it.
const INSIDE: f32 = 0.75;

/// Each box contains one symbol.
fn in_boxes(page: Page, boxes: &[Bounds]) -> Lattice {
    let Page { components, map, turns } = page;
    let box_of = |i: usize| {
        boxes.iter().position(|bounds| bounds.holds(map.apply(components.pixel(i).middle())))
    };
    let inked: Vec<(usize, Option<usize>)> = (0..components.owner.len())
        .filter(|&i| components.owner[i] != NO_PIECE)
        .map(|i| (i, box_of(i)))
        .collect();
    // For each piece, the only box that can contain more than half of it: the majority vote of
    // Boyer and Moore (1981), which needs no counter per piece and box. The second pass counts how
    // much of the piece that box really contains.
    let pieces = components.bounds.len();
    let mut votes = vec![(None, 0u32); pieces];
    for &(i, at) in &inked {
        let (leader, lead) = &mut votes[components.owner[i] as usize];
        match (*leader == at, *lead) {
            (true, _) => *lead += 1,
            (false, 0) => (*leader, *lead) = (at, 1),
            (false, _) => *lead -= 1,
        }
    }
    let mut counts = vec![(0u32, 0u32); pieces];
    for &(i, at) in &inked {
        let piece = components.owner[i] as usize;
        counts[piece].0 += u32::from(at == votes[piece].0);
        counts[piece].1 += 1;
    }
    let is_in_one_box = |piece: usize| counts[piece].0 as f32 >= INSIDE * counts[piece].1 as f32;
    // Each box's contents become one piece.
    let mut contents = vec![NO_PIECE; components.owner.len()];
    for (i, at) in inked {
        let piece = components.owner[i] as usize;
        let at = if is_in_one_box(piece) { votes[piece].0 } else { at };
        contents[i] = at.map_or(NO_PIECE, |at| at as u32 + 1);
    }
    let contents = Components::with_owners(components.ink, contents, boxes.len() + 1);
    let ids: Vec<usize> =
        (0..contents.bounds.len()).filter(|&id| contents.bounds[id].is_some()).collect();
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| contents.bounds[id]).collect();
    let draw = |at: usize| Some(contents.glyph(&bounds[at], &[ids[at]])?.into());
    super::boxes::lattice(&bounds, &draw).seen_through(map).turned(turns)
}
