//! A picture's connected pieces of ink as atoms, those that may be several digits in
//! slices.

use super::{
    Bounds, Lattice,
    lattice::{Atom, Grouping, LineOfAtoms},
    lines::{lines, typical_height},
    order::sorted,
    rulings::without_rulings,
    slices::sliced,
};
use crate::{
    Glyph,
    preprocess::{
        Ink, Picture, Sheet, frame,
        pieces::{NO_PIECE, neighbours, pieces},
        thicken,
    },
};

/// Ink from this value on connects ...
const CORE: u8 = 40;
/// ... and what connects is a line if some of it has this much: else it is a shade.
const LINE: u8 = 128;
/// The soft edge of a line is not wider than this.
const FRINGE: usize = 2;
/// Pieces smaller than this share of the digits' height are dirt.
const DIRT: f32 = 0.08;

/// A frame is within this share of its sides of its edges, and holds something of this
/// share of its height.
const FRAME_MARGIN: f32 = 0.12;
const FRAMED: f32 = 0.03;
/// It is around this share of the picture.
const FRAME_SHARE: f32 = 0.05;
/// Slices are cut of pieces whose boxes have this many times the picture's area in all.
const SLICED: usize = 4;
/// Of more pieces only the largest are looked at.
const MOST: usize = 512;

/// Ink whose pixels each belong to one piece, or to none.
pub(super) struct Owned {
    pub(super) ink: Ink,
    /// The piece that each pixel belongs to.
    pub(super) owner: Vec<u32>,
    /// Around each piece, in pixels; none for one without any.
    pub(super) bounds: Vec<Option<Bounds>>,
}

pub(super) fn lattice(picture: &Picture, boxes: Option<&[Bounds]>) -> Lattice {
    let Some(Sheet { ink, scale }) = picture.sheet() else { return Lattice::none() };
    let owned = Owned::of(without_rulings(ink));
    match boxes {
        Some(boxes) => in_boxes(owned, boxes, scale as f32),
        None => by_itself(owned, scale as f32),
    }
}

/// A glyph as the only symbol, if it is not blank.
pub(super) fn one(glyph: &Glyph) -> Lattice {
    if glyph.is_blank() {
        return Lattice::none();
    }
    let side = crate::glyph::SIDE as f32;
    let bounds = Bounds::from([0.0, 0.0, side, side]);
    let whole =
        LineOfAtoms { atoms: vec![Atom { id: 0, bounds, cut: 0.0, work: 0 }], height: side };
    Lattice::of(&[whole], Grouping::Free, &|_| Some((glyph.clone(), None)))
}

impl Owned {
    fn of(ink: Ink) -> Self {
        let (mut owner, areas) = pieces(ink.values(), ink.width(), CORE);
        for _ in 0..FRINGE {
            grow(&mut owner, &ink);
        }
        let mut is_line = vec![false; areas.len()];
        for (&piece, &ink) in owner.iter().zip(ink.values()) {
            is_line[piece as usize] |= ink >= LINE;
        }
        owner
            .iter_mut()
            .filter(|piece| !is_line[**piece as usize])
            .for_each(|piece| *piece = NO_PIECE);
        Self::with_owners(ink, owner, areas.len())
    }

    fn with_owners(ink: Ink, owner: Vec<u32>, pieces: usize) -> Self {
        let mut owned = Self { ink, owner, bounds: vec![None; pieces] };
        for i in 0..owned.owner.len() {
            if owned.owner[i] != NO_PIECE {
                owned.cover(owned.owner[i] as usize, i);
            }
        }
        owned
    }

    /// Lets a piece's bounds hold a pixel.
    pub(super) fn cover(&mut self, piece: usize, i: usize) {
        let pixel = self.pixel(i);
        let bounds = &mut self.bounds[piece];
        *bounds = Some(bounds.map_or(pixel, |bounds| bounds.with(&pixel)));
    }

    fn pixel(&self, i: usize) -> Bounds {
        let (x, y) = ((i % self.ink.width()) as f32, (i / self.ink.width()) as f32);
        Bounds { left: x, top: y, right: x + 1.0, bottom: y + 1.0 }
    }

    /// Whether a piece is a line around others: it holds one that is not much smaller, and
    /// is itself near its edges.
    fn is_frame(&self, id: u32, own: &Bounds) -> bool {
        let share = own.width() * own.height() / self.ink.values().len() as f32;
        if share < FRAME_SHARE {
            return false;
        }
        let margin = |length: f32| (FRAME_MARGIN * length).max(2.0);
        let (across, down) = (margin(own.width()), margin(own.height()));
        let inner = Bounds {
            left: own.left + across,
            top: own.top + down,
            right: own.right - across,
            bottom: own.bottom - down,
        };
        let within = |other: &Bounds| own.with(other) == *own && other != own;
        let is_large = |other: &Bounds| other.height() >= FRAMED * own.height();
        if !self.bounds.iter().flatten().any(|other| within(other) && is_large(other)) {
            return false;
        }
        let width = self.ink.width();
        let columns = own.left as usize..own.right as usize;
        let pixels = (own.top as usize..own.bottom as usize)
            .flat_map(|y| columns.clone().map(move |x| y * width + x))
            .filter(|&i| self.owner[i] == id)
            .map(|i| self.pixel(i));
        let (inside, all) = pixels.fold((0, 0), |(inside, all), pixel| {
            (inside + usize::from(inner.holds(pixel.middle())), all + 1)
        });
        10 * inside < all
    }

    /// The ink of some pieces, which are within `bounds`, as one symbol.
    fn glyph(&self, bounds: &Bounds, pieces: &[usize]) -> Option<Glyph> {
        let mut is_part = vec![false; self.bounds.len()];
        pieces.iter().for_each(|&piece| is_part[piece] = true);
        let (left, top) = (bounds.left as usize, bounds.top as usize);
        let (right, bottom) = (bounds.right as usize, bounds.bottom as usize);
        let width = self.ink.width();
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| y * width + x));
        let ink = |i: usize| if is_part[self.owner[i] as usize] { self.ink.values()[i] } else { 0 };
        let values = pixels.map(ink).collect();
        let ink = Ink::new(right.checked_sub(left)?, bottom.checked_sub(top)?, values)?;
        frame(&thicken(ink))
    }
}

/// Gives the pixels around each piece that have any ink to it.
fn grow(owner: &mut [u32], ink: &Ink) {
    let before = owner.to_vec();
    let inked = |&i: &usize| before[i] == NO_PIECE && ink.values()[i] > 0;
    for i in (0..before.len()).filter(inked) {
        let around = neighbours(i, ink.width(), before.len());
        owner[i] =
            around.map(|next| before[next]).find(|&piece| piece != NO_PIECE).unwrap_or(NO_PIECE);
    }
}

fn by_itself(mut owned: Owned, scale: f32) -> Lattice {
    for id in 0..owned.bounds.len() {
        if owned.bounds[id].is_some_and(|own| owned.is_frame(id as u32, &own)) {
            owned.bounds[id] = None;
        }
    }
    let all: Vec<Bounds> = owned.bounds.iter().flatten().copied().collect();
    let dirt = DIRT * typical_height(&all);
    let is_clean = |bounds: &Bounds| bounds.width().max(bounds.height()) >= dirt;
    let ids = (0..owned.bounds.len() as u32)
        .filter(|&id| owned.bounds[id as usize].as_ref().is_some_and(is_clean));
    let size = |id: &u32| owned.bounds[*id as usize].map_or(0.0, |b| b.width().max(b.height()));
    let mut ids = sorted(ids.collect(), |id| -size(id));
    ids.truncate(MOST);
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| owned.bounds[id as usize]).collect();
    // Pieces of more area than this, boxes and all, are not looked at for cuts.
    let mut room = SLICED * owned.owner.len();
    let mut in_lines = Vec::new();
    for line in lines(&bounds) {
        let mut atoms = Vec::new();
        for piece in sorted(line.pieces, |&piece| bounds[piece].middle()[0]) {
            let area = (bounds[piece].width() * bounds[piece].height()) as usize;
            room = room.saturating_sub(area);
            let height = if room > 0 { line.height } else { f32::INFINITY };
            atoms.extend(sliced(&mut owned, ids[piece], height));
        }
        in_lines.push(LineOfAtoms { atoms, height: line.height });
    }
    let draw = |atoms: &[Atom]| {
        let bounds = Bounds::around_all(atoms.iter().map(|atom| &atom.bounds))?;
        let pieces: Vec<usize> = atoms.iter().map(|atom| atom.id).collect();
        Some((owned.glyph(&bounds, &pieces)?, None))
    };
    Lattice::of(&in_lines, Grouping::Free, &draw).scaled(scale)
}

/// A piece is in the box that holds this much of it; else its pixels are in theirs.
const INSIDE: f32 = 0.75;

fn in_boxes(owned: Owned, boxes: &[Bounds], scale: f32) -> Lattice {
    let boxes: Vec<Bounds> = boxes.iter().map(|bounds| bounds.scaled(1.0 / scale)).collect();
    let box_of = |i: usize| boxes.iter().position(|bounds| bounds.holds(owned.pixel(i).middle()));
    let inked: Vec<(usize, Option<usize>)> = (0..owned.owner.len())
        .filter(|&i| owned.owner[i] != NO_PIECE)
        .map(|i| (i, box_of(i)))
        .collect();
    // The box that most of a piece may be in, by the majority vote of Boyer and Moore (1981),
    // and how much of it is.
    let pieces = owned.bounds.len();
    let mut votes = vec![(None, 0u32); pieces];
    for &(i, at) in &inked {
        let (leader, lead) = &mut votes[owned.owner[i] as usize];
        match (*leader == at, *lead) {
            (true, _) => *lead += 1,
            (false, 0) => (*leader, *lead) = (at, 1),
            (false, _) => *lead -= 1,
        }
    }
    let mut counts = vec![(0u32, 0u32); pieces];
    for &(i, at) in &inked {
        let piece = owned.owner[i] as usize;
        counts[piece].0 += u32::from(at == votes[piece].0);
        counts[piece].1 += 1;
    }
    let is_home = |piece: usize| counts[piece].0 as f32 >= INSIDE * counts[piece].1 as f32;
    // From here on the pieces are the boxes' contents.
    let mut held = vec![NO_PIECE; owned.owner.len()];
    for (i, at) in inked {
        let piece = owned.owner[i] as usize;
        let at = if is_home(piece) { votes[piece].0 } else { at };
        held[i] = at.map_or(NO_PIECE, |at| at as u32 + 1);
    }
    let held = Owned::with_owners(owned.ink, held, boxes.len() + 1);
    let ids: Vec<usize> = (0..held.bounds.len()).filter(|&id| held.bounds[id].is_some()).collect();
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| held.bounds[id]).collect();
    let draw = |at: usize| Some((held.glyph(&bounds[at], &[ids[at]])?, None));
    super::boxes::lattice(&bounds, &draw).scaled(scale)
}
