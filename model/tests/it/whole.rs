//! Pictures as they are: scaled, grey, light on dark, and nothing else.

use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
    number::{Bounds, Lattice, Question},
    preprocess::{Picture, Pictures},
};

/// A picture of grey pixels.
fn grey(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Picture {
    coloured(width, height, |x, y| [value(x, y), value(x, y), value(x, y), 255])
}

fn coloured(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Picture {
    let pixels = (0..width * height).flat_map(|i| pixel(i % width, i / width));
    Picture::new(width, height, pixels.collect()).unwrap()
}

fn whole(picture: &Picture) -> Option<Glyph> {
    Pictures::Whole.glyph(picture)
}

/// A cross of many shades that reaches all four edges, light on dark, and is no two ways the same.
fn cross(x: usize, y: usize) -> u8 {
    let near = |at: usize| (9..17).contains(&at);
    if near(x) || near(y) { (90 + 3 * x + 2 * y) as u8 } else { (x % 3) as u8 }
}

fn cross_as_glyph() -> Glyph {
    Glyph::new(std::array::from_fn(|i| cross(i % SIDE, i / SIDE)))
}

#[test]
fn a_picture_of_a_glyphs_size_comes_out_unchanged() {
    assert_eq!(whole(&grey(SIDE, SIDE, cross)), Some(cross_as_glyph()));
    // As ink it would be framed anew.
    assert_ne!(Pictures::Ink.glyph(&grey(SIDE, SIDE, cross)), Some(cross_as_glyph()));
}

#[test]
fn dark_on_light_is_the_same_in_every_size() {
    for times in [1, 2, 10, 60] {
        let side = times * SIDE;
        let light_on_dark = grey(side, side, |x, y| cross(x / times, y / times));
        let dark_on_light = grey(side, side, |x, y| 255 - cross(x / times, y / times));
        assert_eq!(whole(&light_on_dark), Some(cross_as_glyph()), "{times}");
        assert_eq!(whole(&dark_on_light), Some(cross_as_glyph()), "{times}");
    }
    // A size that is no multiple differs little.
    let glyph = whole(&grey(100, 100, |x, y| 255 - cross(x * SIDE / 100, y * SIDE / 100))).unwrap();
    let off = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b));
    let off: f64 = glyph.pixels().iter().zip(cross_as_glyph().pixels()).map(off).sum();
    assert!(off / (PIXELS as f64) < 6.0, "{glyph:?}");
}

#[test]
fn a_picture_that_is_not_square_is_on_a_square_of_its_background() {
    // Twice as wide as high; its background is not black.
    let wide = |x: usize, y: usize| if x > 10 && x < 30 && y < 8 { 250 } else { 40 };
    let glyph = whole(&grey(56, 28, wide)).unwrap();
    let row = |y: usize| &glyph.pixels()[y * SIDE..(y + 1) * SIDE];
    for y in (0..7).chain(21..28) {
        assert!(row(y).iter().all(|&value| value == 40), "{y}: {glyph:?}");
    }
    // Each pixel of the glyph is of 2 × 2.
    assert_eq!((row(7)[5], row(7)[6], row(7)[14], row(7)[15]), (145, 250, 250, 40));
    assert_eq!((row(10)[8], row(11)[8]), (250, 40));
    // The same upright, and dark on light.
    let high = whole(&grey(28, 56, |x, y| 255 - wide(y, x))).unwrap();
    let swapped = Glyph::new(std::array::from_fn(|i| glyph.pixels()[i % SIDE * SIDE + i / SIDE]));
    assert_eq!(high, swapped);
    // However long, it is a picture.
    assert!(whole(&grey(5000, 400, |x, _| if x < 3000 { 0 } else { 200 })).is_some());
    assert_eq!(whole(&grey(20_000, 1, |_, _| 7)), None);
}

#[test]
fn transparent_pixels_show_a_background_that_differs() {
    let expected = Glyph::new(std::array::from_fn(|i| if i % SIDE < 9 { 255 } else { 0 }));
    for subject in [0, 255] {
        // The colours of what cannot be seen do not matter.
        let pixel =
            |x: usize, _| if x < 9 { [subject, subject, subject, 255] } else { [90, 7, 200, 0] };
        assert_eq!(whole(&coloured(SIDE, SIDE, pixel)), Some(expected.clone()), "{subject}");
    }
    // A soft edge.
    let soft = coloured(SIDE, SIDE, |x, _| [0, 0, 0, [255, 255, 128, 0][x.min(3)]]);
    assert_eq!(whole(&soft).unwrap().pixels()[..4], [255, 255, 128, 0]);
    // A hole in a picture shows what is along its edge.
    let hole = |x: usize, y: usize| (12..15).contains(&x) && (12..15).contains(&y);
    let hole = |x, y| if hole(x, y) { [255, 255, 255, 0] } else { [cross(x, y), 0, 0, 255] };
    let glyph = whole(&coloured(SIDE, SIDE, hole)).unwrap();
    assert!(glyph.pixels()[13 * SIDE + 13] < 30, "{glyph:?}");
}

#[test]
fn colours_become_grey_and_one_colour_is_blank() {
    let red_on_yellow =
        coloured(SIDE, SIDE, |x, _| if x < 9 { [200, 0, 0, 255] } else { [255, 255, 0, 255] });
    let glyph = whole(&red_on_yellow).unwrap();
    assert_eq!((glyph.pixels()[0], glyph.pixels()[20]), (195, 29));
    for (value, alpha) in [(0, 255), (40, 255), (128, 255), (200, 255), (255, 255), (9, 0), (9, 60)]
    {
        let plain = coloured(50, 40, |_, _| [value, value, value, alpha]);
        assert_eq!(whole(&plain), None, "{value} {alpha}");
        assert!(Pictures::Whole.lattice(&plain, None, None).glyphs().is_empty());
    }
}

#[test]
fn the_whole_picture_is_read_as_one_symbol() {
    let picture = grey(56, 56, |x, y| 255 - cross(x / 2, y / 2));
    let glyphs = |boxes: Option<&[Bounds]>, turns| -> Vec<Glyph> {
        Pictures::Whole.lattice(&picture, boxes, turns).glyphs()
    };
    assert_eq!(glyphs(None, None), [cross_as_glyph()]);
    assert_eq!(glyphs(None, None), Lattice::of_glyph(&cross_as_glyph()).glyphs());
    // Turned clockwise: the left column is the upper row.
    let turned = glyphs(None, Some(1)).remove(0);
    assert_eq!(turned.pixels()[0], cross(0, SIDE - 1));
    assert_eq!(turned.pixels()[SIDE - 1], cross(0, 0));
    assert_eq!(glyphs(None, Some(4)), [cross_as_glyph()]);
}

#[test]
fn each_box_is_a_picture_of_its_own() {
    // Two crosses beside each other.
    let picture = grey(56, 28, |x, y| if x < 28 { cross(x, y) } else { cross(x - 28, y) / 2 });
    let bounds = |numbers: [f32; 4]| Bounds::from(numbers);
    let boxes =
        [[28.0, 0.0, 28.0, 28.0], [0.0, 0.0, 28.0, 28.0], [90.0, 0.0, 5.0, 5.0]].map(bounds);
    let glyphs = Pictures::Whole.lattice(&picture, Some(&boxes), None).glyphs();
    assert_eq!(glyphs.len(), 2);
    assert_eq!(glyphs[0], cross_as_glyph());
    assert_eq!(glyphs[1].pixels()[10], cross(10, 0) / 2);
}
