//! Pictures as they are: nothing is looked for in them and nothing is moved. They are only made
//! grey, square, light on dark and small, as those of Fashion-MNIST were.

use super::{
    area::{Square, area_average},
    ink::Ink,
    paper::colour::brightness,
    picture::{Picture, TRANSPARENT},
    sheet::WORKING_SIDE,
};
use crate::{
    glyph::{Glyph, PIXELS, SIDE},
    order::nth,
};

/// A background of at least this brightness (of 255) is light.
const LIGHT: f32 = 127.5;
/// A glyph whose values differ by less than this (of 255) is of one plain colour.
const PLAIN: u8 = 8;

/// The glyph of a picture as it is. `None` if it is blank. If it is not square, it is in the middle of
/// a square of its background's colour.
pub(super) fn glyph(picture: &Picture) -> Option<Glyph> {
    let picture = picture.averaged_to(WORKING_SIDE);
    let (width, height) = picture.size();
    let background = background(&picture);
    let mut values = Vec::with_capacity(width * height);
    for (colour, alpha) in picture.pixels() {
        let alpha = f32::from(alpha) / 255.0;
        values.push((alpha * brightness(colour) + (1.0 - alpha) * background).round() as u8);
    }
    let side = width.max(height);
    let margin = |length: usize| -(((side - length) / 2) as isize);
    let square = Square { left: margin(width), top: margin(height), side };
    let averages = area_average(&Ink { width, height, values }, &square, SIDE, background.into());
    let is_light = background >= LIGHT;
    let (mut least, mut most, mut pixels) = (255, 0, [0; PIXELS]);
    for (pixel, average) in pixels.iter_mut().zip(&averages) {
        let value = average.round() as u8;
        *pixel = if is_light { 255 - value } else { value };
        (least, most) = (least.min(*pixel), most.max(*pixel));
    }
    let glyph = Glyph::new(pixels);
    (most - least >= PLAIN && !glyph.is_blank()).then_some(glyph)
}

/// The brightness of the background: the median along the edge. Where most of the edge is transparent,
/// it is black or white, whichever differs more from the pixels that are seen.
fn background(picture: &Picture) -> f32 {
    let (width, height) = picture.size();
    // As far in as a pixel of the glyph reaches: so a picture has the same background in any size.
    let [wide, high] = [width, height].map(|length| (length / SIDE).max(1));
    let (mut edge, mut along, mut all) = (0, Vec::new(), Vec::new());
    for (i, (colour, alpha)) in picture.pixels().enumerate() {
        let (x, y) = (i % width, i / width);
        let on_edge = x < wide || y < high || x + wide >= width || y + high >= height;
        edge += usize::from(on_edge);
        if alpha > TRANSPARENT {
            let value = brightness(colour);
            all.push(value);
            if on_edge {
                along.push(value);
            }
        }
    }
    let most_are_seen = 2 * along.len() >= edge;
    let mut values = if most_are_seen { along } else { all };
    let middle = values.len() / 2;
    let median = nth(&mut values, middle);
    match most_are_seen {
        true => median,
        false if median < LIGHT => 255.0,
        false => 0.0,
    }
}
