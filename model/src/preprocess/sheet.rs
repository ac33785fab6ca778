//! The sheet of paper in a picture, as seen from above.

use super::{homography::Homography, ink::Ink, paper::Paper, picture::Picture, strokes::Point};

/// Pictures are averaged down until their longest side is at most this, in pixels. It is enough for
/// a digit a tenth as high as the photo, and bounds the work.
pub const WORKING_SIDE: usize = 1024;
/// A small sheet is looked at again with this share of its length around it, so that its edges are
/// seen.
const ROOM: usize = 8;

/// The ink on the sheet of paper in a picture.
pub(crate) struct Sheet {
    pub(crate) ink: Ink,
    /// From the ink's pixels to the picture's.
    pub(crate) map: Homography,
    /// The corners of the sheet in the picture, clockwise from the upper left one, if it was
    /// straightened.
    pub(crate) corners: Option<[Point; 4]>,
    /// Parts of the picture with what may be other sheets, the most likely one first: left, top, right
    /// and bottom in the picture's pixels.
    pub(crate) others: Vec<[usize; 4]>,
}

impl Sheet {
    /// Finds the sheet in a picture and straightens it. The picture is averaged down until its longest
    /// side is at most `side` pixels. `None` if it is blank.
    pub(crate) fn of(picture: &Picture, side: usize) -> Option<Self> {
        let block = picture.block(side);
        let averaged = picture.averaged_to(side);
        let (width, height) = averaged.size();
        let map = Homography::scale(block as f64);
        if let Some(values) = averaged.alpha_ink() {
            let ink = Ink::new(width, height, values)?;
            return Some(Self { ink, map, corners: None, others: Vec::new() });
        }
        let pixels = averaged.flattened();
        let paper = Paper::of(&pixels, width, height);
        let corners = paper.corners();
        let others: Vec<[usize; 4]> =
            paper.others().map(|part| part.map(|place| place * block)).collect();
        let inner = if corners.is_none() { paper.without_strips(&pixels) } else { None };
        let part = inner.map(|part| part.map(|place| place * block));
        if let Some(part) = part.or_else(|| closer(picture, &paper, block, side)) {
            let place = Homography::shift(part[0] as f64, part[1] as f64);
            let sheet = Self::of(&picture.cropped(part), side)?;
            return Some(Self { others, ..sheet.placed(&place) });
        }
        let Some(values) = paper.ink(&pixels) else {
            // Nothing is written here, unless all of it reaches the edge.
            if let Some((padded, margin)) = averaged.with_margin(&pixels) {
                let place = Homography::shift(-(margin as f64), -(margin as f64));
                let sheet = Self::of(&padded, side + 2 * margin)?;
                return Some(sheet.placed(&map.after(&place)));
            }
            let mut smaller = others.into_iter().filter(|part| is_much_smaller(part, picture));
            let part = smaller.next()?;
            let place = Homography::shift(part[0] as f64, part[1] as f64);
            let sheet = Self::of(&picture.cropped(part), side)?;
            return Some(Self { others: smaller.collect(), ..sheet.placed(&place) });
        };
        let ink = Ink::new(width, height, values)?;
        let Some(corners) = corners else {
            return Some(Self { ink, map, corners: None, others });
        };
        let (ink, to_seen) = straightened(&ink, corners)?;
        let corners = Some(corners.map(|corner| map.apply(corner)));
        Some(Self { ink, map: map.after(&to_seen), corners, others })
    }

    /// The same with the ink that is stronger than this share of the strongest.
    pub(crate) fn stronger(&self, share: f32) -> Self {
        let (ink, others) = (self.ink.stronger(share), Vec::new());
        Self { ink, map: self.map, corners: self.corners, others }
    }

    /// The same in a picture that contains the sheet's picture at this place.
    pub(crate) fn placed(self, place: &Homography) -> Self {
        Self {
            ink: self.ink,
            map: place.after(&self.map),
            corners: self.corners.map(|corners| corners.map(|corner| place.apply(corner))),
            others: Vec::new(),
        }
    }
}

/// Whether a part of the picture is much smaller than the picture.
fn is_much_smaller([left, top, right, bottom]: &[usize; 4], picture: &Picture) -> bool {
    let (width, height) = picture.size();
    10 * (right - left) * (bottom - top) <= 8 * width * height
}

/// The part of the picture with the sheet, if more of its pixels can be used than of
/// the whole picture's, which were averaged `block` by `block`.
fn closer(picture: &Picture, paper: &Paper, block: usize, side: usize) -> Option<[usize; 4]> {
    let (width, height) = picture.size();
    let [left, top, right, bottom] = paper.bounds().map(|place| place * block);
    let room = right.saturating_sub(left).max(bottom.saturating_sub(top)) / ROOM;
    let (left, top) = (left.saturating_sub(room), top.saturating_sub(room));
    let (right, bottom) = ((right + room).min(width), (bottom + room).min(height));
    let longest = right.saturating_sub(left).max(bottom.saturating_sub(top));
    (longest > 0 && longest.div_ceil(side) < block).then_some([left, top, right, bottom])
}

/// The ink of the sheet with these corners as seen from above, and the map from it to the ink that
/// was given.
fn straightened(ink: &Ink, corners: [Point; 4]) -> Option<(Ink, Homography)> {
    let side = |a: usize, b: usize| {
        let ([ax, ay], [bx, by]) = (corners[a], corners[b]);
        (bx - ax).hypot(by - ay)
    };
    let width = ((side(0, 1) + side(3, 2)) / 2.0).round().max(1.0);
    let height = ((side(0, 3) + side(1, 2)) / 2.0).round().max(1.0);
    let rectangle = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];
    let map = Homography::between(rectangle, corners)?;
    Some((ink.through(&map, width as usize, height as usize), map))
}
