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
const FRAMED: f32 = 0.3;
/// It is around this share of the picture.
const FRAME_SHARE: f32 = 0.05;
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
        Some(boxes) => in_boxes(&owned, boxes, scale as f32),
        None => by_itself(owned, scale as f32),
    }
}

/// A glyph as the only symbol, if it is not blank.
pub(super) fn one(glyph: &Glyph) -> Lattice {
    let side = crate::glyph::SIDE as f32;
    let whole = [Bounds::from([0.0, 0.0, side, side])];
    let inked = if glyph.is_blank() { &[][..] } else { &whole };
    super::boxes::lattice(inked, &|_| Some((glyph.clone(), None)))
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
        let bounds = vec![None; areas.len()];
        let mut owned = Self { ink, owner, bounds };
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
        let pixels = (0..self.owner.len()).filter(|&i| self.owner[i] == id).map(|i| self.pixel(i));
        let (inside, all) = pixels.fold((0, 0), |(inside, all), pixel| {
            (inside + usize::from(inner.holds(pixel.middle())), all + 1)
        });
        10 * inside < all
    }

    /// The ink for which `is_part` holds, within `bounds`, as one symbol.
    fn glyph(&self, bounds: &Bounds, is_part: &dyn Fn(usize) -> bool) -> Option<Glyph> {
        let (left, top) = (bounds.left as usize, bounds.top as usize);
        let (right, bottom) = (bounds.right as usize, bounds.bottom as usize);
        let width = self.ink.width();
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| y * width + x));
        let values = pixels.map(|i| if is_part(i) { self.ink.values()[i] } else { 0 });
        let ink = Ink::new(right.checked_sub(left)?, bottom.checked_sub(top)?, values.collect())?;
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
    let all: Vec<Bounds> = owned.bounds.iter().flatten().copied().collect();
    let dirt = DIRT * typical_height(&all);
    let is_dirt = |bounds: &Bounds| bounds.width().max(bounds.height()) < dirt;
    let ids = (0..owned.bounds.len() as u32).filter(|&id| {
        owned.bounds[id as usize].is_some_and(|own| !is_dirt(&own) && !owned.is_frame(id, &own))
    });
    let size = |id: &u32| owned.bounds[*id as usize].map_or(0.0, |b| b.width().max(b.height()));
    let mut ids = sorted(ids.collect(), |id| -size(id));
    ids.truncate(MOST);
    let bounds: Vec<Bounds> = ids.iter().filter_map(|&id| owned.bounds[id as usize]).collect();
    let mut in_lines = Vec::new();
    for line in lines(&bounds) {
        let atoms = sorted(line.pieces, |&piece| bounds[piece].middle()[0])
            .into_iter()
            .flat_map(|piece| sliced(&mut owned, ids[piece], line.height))
            .collect();
        in_lines.push(LineOfAtoms { atoms, height: line.height });
    }
    let draw = |atoms: &[Atom]| {
        let bounds = Bounds::around_all(atoms.iter().map(|atom| &atom.bounds))?;
        let is_part = |i: usize| atoms.iter().any(|atom| atom.id == owned.owner[i] as usize);
        Some((owned.glyph(&bounds, &is_part)?, None))
    };
    Lattice::of(&in_lines, Grouping::Free, &draw).scaled(scale)
}

/// A piece is in the box that holds this much of it; else its pixels are in theirs.
const INSIDE: f32 = 0.75;

fn in_boxes(owned: &Owned, boxes: &[Bounds], scale: f32) -> Lattice {
    let boxes: Vec<Bounds> = boxes.iter().map(|bounds| bounds.scaled(1.0 / scale)).collect();
    let width = owned.ink.width();
    let place = |i: usize| [(i % width) as f32 + 0.5, (i / width) as f32 + 0.5];
    let mut inside = vec![vec![0u32; boxes.len()]; owned.bounds.len()];
    let mut areas = vec![0u32; owned.bounds.len()];
    let inked: Vec<usize> =
        (0..owned.owner.len()).filter(|&i| owned.owner[i] != NO_PIECE).collect();
    for &i in &inked {
        let piece = owned.owner[i] as usize;
        areas[piece] += 1;
        for (count, bounds) in inside[piece].iter_mut().zip(&boxes) {
            *count += u32::from(bounds.holds(place(i)));
        }
    }
    let home = |piece: usize| {
        let most = (0..boxes.len()).max_by_key(|&b| inside[piece][b])?;
        (inside[piece][most] as f32 >= INSIDE * areas[piece] as f32).then_some(most)
    };
    let homes: Vec<Option<usize>> = (0..owned.bounds.len()).map(home).collect();
    let held: Vec<Vec<usize>> = (0..boxes.len())
        .map(|b| {
            let is_in = |&i: &usize| match homes[owned.owner[i] as usize] {
                Some(home) => home == b,
                None => boxes[b].holds(place(i)),
            };
            inked.iter().copied().filter(is_in).collect()
        })
        .collect();
    let around = |held: &Vec<usize>| held.iter().map(|&i| owned.pixel(i)).reduce(|a, b| a.with(&b));
    let inked = held.iter().filter_map(|held| Some((around(held)?, held)));
    let (bounds, held): (Vec<Bounds>, Vec<&Vec<usize>>) = inked.unzip();
    let draw = |at: usize| {
        let is_part = |i: usize| held[at].binary_search(&i).is_ok();
        Some((owned.glyph(&bounds[at], &is_part)?, None))
    };
    super::boxes::lattice(&bounds, &draw).scaled(scale)
}
