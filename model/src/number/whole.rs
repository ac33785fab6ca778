//! Pictures that are one symbol each: a glyph, or a picture as it is.

use super::{
    bounds::Bounds,
    lattice::{Grouping, Lattice, LineOfSegments, Segment, Thrift},
};
use crate::{
    glyph::{Glyph, SIDE},
    preprocess::{Picture, Pictures, WORKING_SIDE, turned},
};

/// Boxes are read until their areas sum to this many times the picture's, so that the work is bounded.
const READ: usize = 4;

/// A glyph as the only candidate; none if it is blank.
pub(super) fn of_glyph(glyph: &Glyph) -> Lattice {
    match glyph.is_blank() {
        true => Lattice::none(),
        false => alone(glyph, SIDE, SIDE),
    }
}

/// A picture as it is, or the parts of it in `boxes`, turned clockwise by quarters.
pub(super) fn lattice(picture: &Picture, boxes: Option<&[Bounds]>, turns: usize) -> Lattice {
    let lattice = match boxes {
        Some(boxes) => in_boxes(picture, boxes, turns),
        None => {
            let (width, height) = picture.size();
            let glyph = Pictures::Whole.glyph(picture);
            glyph.map_or_else(Lattice::none, |glyph| alone(&upright(glyph, turns), width, height))
        }
    };
    lattice.turned(turns % 4)
}

/// Each box contains a picture.
fn in_boxes(picture: &Picture, boxes: &[Bounds], turns: usize) -> Lattice {
    let block = picture.block(WORKING_SIDE) as f32;
    let picture = picture.averaged_to(WORKING_SIDE);
    let (width, height) = picture.size();
    let mut room = READ * width * height;
    let (mut bounds, mut glyphs) = (Vec::new(), Vec::new());
    for own in boxes {
        let Bounds { left, top, right, bottom } = own.scaled(1.0 / block);
        let at = |place: f32, most: usize| (place.max(0.0) as usize).min(most);
        let part = [at(left, width), at(top, height), at(right, width), at(bottom, height)];
        let area = (part[2] - part[0]) * (part[3] - part[1]);
        if area == 0 || area > room {
            continue;
        }
        room -= area;
        if let Some(glyph) = Pictures::Whole.glyph(&picture.cropped(part)) {
            bounds.push(*own);
            glyphs.push(upright(glyph, turns));
        }
    }
    super::boxes::lattice(&bounds, &|at| Some(glyphs[at].clone().into()))
}

/// One candidate of a picture of this size.
fn alone(glyph: &Glyph, width: usize, height: usize) -> Lattice {
    let [width, height] = [width, height].map(|side| side as f32);
    let bounds = Bounds::from([0.0, 0.0, width, height]);
    let segments = vec![Segment { id: 0, bounds, cut: 0.0, work: 0 }];
    let whole = LineOfSegments { segments, height };
    Lattice::of(&[whole], Grouping::Free, Thrift::WHOLE, &|_, _| Some(glyph.clone().into()))
}

/// A glyph turned clockwise by quarters.
fn upright(glyph: Glyph, turns: usize) -> Glyph {
    (0..turns % 4).fold(glyph, |glyph, _| {
        Glyph::try_from(turned(glyph.pixels(), SIDE).as_slice()).unwrap_or(glyph)
    })
}
