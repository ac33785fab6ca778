//! The connected components of a picture's ink, here called pieces.

use super::bounds::Bounds;
use crate::{
    glyph::Glyph,
    preprocess::{
        Ink, frame,
        pieces::{NO_PIECE, neighbours, pieces},
        thicken, turned,
    },
};

/// Pixels with at least this much ink connect ...
const CORE: u8 = 40;
/// ... and a component is kept if some of it has at least this much; otherwise it is a shadow.
const LINE: u8 = 128;
/// The width in pixels of a line's soft edge, whose ink is below [`CORE`].
const FRINGE: usize = 2;
/// A frame's ink is no further from its edges than this share of its sides ...
const FRAME_MARGIN: f32 = 0.12;
/// ... a piece inside it has at least this share of its height ...
const FRAMED: f32 = 0.03;
/// ... and it encloses at least this share of the picture.
const FRAME_SHARE: f32 = 0.05;

/// Ink with the piece that each of its pixels belongs to, if any.
#[derive(Clone)]
pub(super) struct Components {
    pub(super) ink: Ink,
    /// The piece that each pixel belongs to, or [`NO_PIECE`].
    pub(super) owner: Vec<u32>,
    /// The bounds of each piece in pixels; `None` for a piece without pixels.
    pub(super) bounds: Vec<Option<Bounds>>,
}

impl Components {
    /// The connected components of the ink, without those that are only shadows.
    pub(super) fn of(ink: Ink) -> Self {
        Self::at_level(ink, CORE, LINE)
    }

    /// The connected components of pixels with at least `core` ink, if some of it has at least `line`.
    pub(super) fn at_level(ink: Ink, core: u8, line: u8) -> Self {
        let (mut owner, areas) = pieces(ink.values(), ink.width(), core);
        // The soft edges belong to the component too. Connecting pixels only from `CORE` on keeps
        // digits apart whose soft edges touch.
        for _ in 0..FRINGE {
            grow(&mut owner, &ink);
        }
        let mut is_line = vec![false; areas.len()];
        for (&piece, &ink) in owner.iter().zip(ink.values()) {
            is_line[piece as usize] |= ink >= line;
        }
        owner
            .iter_mut()
            .filter(|piece| !is_line[**piece as usize])
            .for_each(|piece| *piece = NO_PIECE);
        Self::with_owners(ink, owner, areas.len())
    }

    /// Ink that is already divided into `pieces` pieces.
    pub(super) fn with_owners(ink: Ink, owner: Vec<u32>, pieces: usize) -> Self {
        let mut components = Self { ink, owner, bounds: vec![None; pieces] };
        for i in 0..components.owner.len() {
            if components.owner[i] != NO_PIECE {
                components.cover(components.owner[i] as usize, i);
            }
        }
        components
    }

    /// The thickness of each piece's strokes in pixels, from its area and outline, and its area.
    pub(super) fn thickness(&self) -> Vec<(f32, f32)> {
        let mut sums = vec![(0.0f32, 0.0f32); self.bounds.len()];
        let width = self.ink.width();
        for (i, &piece) in self.owner.iter().enumerate().filter(|&(_, &piece)| piece != NO_PIECE) {
            let (area, outline) = &mut sums[piece as usize];
            *area += 1.0;
            let beside = |other: Option<usize>| {
                other.and_then(|other| self.owner.get(other)).is_none_or(|&other| other != piece)
            };
            let around = [i.checked_sub(1), Some(i + 1), i.checked_sub(width), Some(i + width)];
            *outline += around.into_iter().filter(|&other| beside(other)).count() as f32;
        }
        // Pixel edges overstate the length of an outline by 4/π on average.
        let thickness = |(area, outline): (f32, f32)| {
            (2.0 * area / (outline * std::f32::consts::FRAC_PI_4).max(1.0), area)
        };
        sums.into_iter().map(thickness).collect()
    }

    /// The number of pixels of each piece.
    pub(super) fn areas(&self) -> Vec<f32> {
        self.thickness().into_iter().map(|(_, area)| area).collect()
    }

    /// The same turned clockwise by a quarter.
    pub(super) fn turned(&self) -> Self {
        let height = self.ink.height();
        let turn = |own: &Bounds| Bounds {
            left: height as f32 - own.bottom,
            top: own.left,
            right: height as f32 - own.top,
            bottom: own.right,
        };
        let bounds = self.bounds.iter().map(|own| own.as_ref().map(turn)).collect();
        Self { ink: self.ink.turned(), owner: turned(&self.owner, self.ink.width()), bounds }
    }

    /// Extends a piece's bounds to include pixel `i`.
    pub(super) fn cover(&mut self, piece: usize, i: usize) {
        let pixel = self.pixel(i);
        let bounds = &mut self.bounds[piece];
        *bounds = Some(bounds.map_or(pixel, |bounds| bounds.with(&pixel)));
    }

    /// The bounds of pixel `i`.
    pub(super) fn pixel(&self, i: usize) -> Bounds {
        let (x, y) = ((i % self.ink.width()) as f32, (i / self.ink.width()) as f32);
        Bounds { left: x, top: y, right: x + 1.0, bottom: y + 1.0 }
    }

    /// Whether a piece is a frame around others: it encloses a piece that is not tiny, and nearly
    /// all of its own ink is near its edges.
    pub(super) fn is_frame(&self, id: u32, own: &Bounds) -> bool {
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

    /// The glyph of some pieces as one symbol; `bounds` are the bounds of all of them.
    pub(super) fn glyph(&self, bounds: &Bounds, pieces: &[usize]) -> Option<Glyph> {
        frame(&thicken(self.of_pieces(bounds, pieces)?))
    }

    /// The ink of some pieces; `bounds` are the bounds of all of them.
    pub(super) fn of_pieces(&self, bounds: &Bounds, pieces: &[usize]) -> Option<Ink> {
        let mut is_part = vec![false; self.bounds.len()];
        pieces.iter().for_each(|&piece| is_part[piece] = true);
        let (left, top) = (bounds.left as usize, bounds.top as usize);
        let (right, bottom) = (bounds.right as usize, bounds.bottom as usize);
        let width = self.ink.width();
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| y * width + x));
        let ink = |i: usize| if is_part[self.owner[i] as usize] { self.ink.values()[i] } else { 0 };
        let values = pixels.map(ink).collect();
        Ink::new(right.checked_sub(left)?, bottom.checked_sub(top)?, values)
    }
}

/// Extends each piece by the inked pixels around it.
fn grow(owner: &mut [u32], ink: &Ink) {
    let before = owner.to_vec();
    let inked = |&i: &usize| before[i] == NO_PIECE && ink.values()[i] > 0;
    for i in (0..before.len()).filter(inked) {
        let around = neighbours(i, ink.width(), before.len());
        owner[i] =
            around.map(|next| before[next]).find(|&piece| piece != NO_PIECE).unwrap_or(NO_PIECE);
    }
}
