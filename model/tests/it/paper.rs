//! What lies around the writing does not change what is read.

use glyphic_model::{
    Glyph,
    preprocess::{Ink, Picture, frame},
};

use crate::inputs::{difference, five};

/// The pixels along each side of the picture, and along each side of the glyph in the middle of it.
const SIDE: usize = 280;
const SCALE: usize = 8;

/// A dark 5 on white paper, with other pixels where `other` says so.
fn with(other: impl Fn(usize, usize) -> Option<u8>) -> Glyph {
    let five = five().glyph().unwrap();
    let margin = (SIDE - 28 * SCALE) / 2;
    let digit = |x: usize, y: usize| {
        let at =
            |place: usize| place.checked_sub(margin).map(|at| at / SCALE).filter(|&at| at < 28);
        at(x).zip(at(y)).map_or(255, |(x, y)| 255 - five.pixels()[y * 28 + x])
    };
    let pixel = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE);
        let value = other(x, y).unwrap_or_else(|| digit(x, y));
        [value, value, value, 255]
    };
    Picture::new(SIDE, SIDE, (0..SIDE * SIDE).flat_map(pixel).collect()).unwrap().glyph().unwrap()
}

#[test]
fn lines_along_the_edges_are_not_ink() {
    let plain = with(|_, _| None);
    for thick in [1, 2, 3, 7, 15, 30] {
        for grey in [0, 90, 160] {
            for sides in [[true; 4], [true, false, false, false], [false, true, false, true]] {
                let [left, top, right, bottom] = sides;
                let edged = with(|x, y| {
                    let hit = left && x < thick
                        || top && y < thick
                        || right && x + thick >= SIDE
                        || bottom && y + thick >= SIDE;
                    hit.then_some(grey)
                });
                let off = difference(&edged, &plain);
                // The paper's noise is measured anew, which shifts the lines' soft edges a little.
                assert!(off <= 64, "{thick} pixels of {grey} at {sides:?}: {off}\n{edged:?}");
            }
        }
    }
}

#[test]
fn dark_specks_do_not_move_the_digit() {
    let plain = with(|_, _| None);
    let places = [[4, 4], [4, 270], [150, 10], [270, 140], [60, 60]];
    for size in [1, 2, 3, 5] {
        for grey in [0, 90, 160] {
            let dusty = with(|x, y| {
                let hit = |[left, top]: &[usize; 2]| {
                    (*left..left + size).contains(&x) && (*top..top + size).contains(&y)
                };
                places.iter().any(hit).then_some(grey)
            });
            let off = difference(&dusty, &plain);
            assert!(off <= 64, "specks of {size} pixels, {grey}: {off}\n{dusty:?}");
        }
    }
}

#[test]
fn the_dot_of_an_i_is_no_speck() {
    let i = |dot: bool| {
        let ink = |x: usize, y: usize| {
            let across = (60..68).contains(&x);
            across && ((80..180).contains(&y) || dot && (50..58).contains(&y))
        };
        let pixel = |at: usize| if ink(at % 128, at / 128) { [0, 0, 0, 255] } else { [255; 4] };
        Picture::new(128, 200, (0..128 * 200).flat_map(pixel).collect()).unwrap().glyph().unwrap()
    };
    // An empty row between the dot and the stem.
    let inked = |glyph: Glyph| {
        glyph.pixels().chunks(28).map(|row| row.iter().any(|&ink| ink > 64)).collect::<Vec<_>>()
    };
    let gaps = |rows: Vec<bool>| rows.windows(2).filter(|pair| pair[0] && !pair[1]).count();
    assert_eq!([false, true].map(|dot| gaps(inked(i(dot)))), [1, 2]);
}

#[test]
fn faint_specks_far_from_the_strokes_do_not_move_the_digit() {
    let glyph = five().glyph().unwrap();
    let mut values = vec![0; 100 * 100];
    for (i, &ink) in glyph.pixels().iter().enumerate() {
        values[(36 + i / 28) * 100 + 36 + i % 28] = ink;
    }
    let ink = |values: &[u8]| frame(&Ink::new(100, 100, values.to_vec()).unwrap()).unwrap();
    let clean = ink(&values);
    for (at, grey) in [(0, 1), (99, 15), (9_900, 25), (9_999, 31)] {
        values[at] = grey;
    }
    assert_eq!(ink(&values), clean);
}
