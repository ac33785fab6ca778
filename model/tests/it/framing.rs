//! Framing is the same as MNIST's, so MNIST's own pictures do not change.

use std::{fs::File, io::Read, path::Path};

use flate2::read::GzDecoder;
use glyphic_model::{
    Glyph,
    preprocess::{Ink, Picture, frame},
};

use crate::inputs::{difference, five, picture};

/// MNIST's test pictures and labels.
fn mnist_test() -> Vec<(Glyph, usize)> {
    let mnist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/datasets/mnist");
    let read = |name: &str, header: usize| {
        let file = File::open(mnist.join(name)).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        bytes.split_off(header)
    };
    let pictures = read("t10k-images-idx3-ubyte.gz", 16);
    let labels = read("t10k-labels-idx1-ubyte.gz", 8);
    let glyphs = pictures.chunks(784).map(|pixels| Glyph::try_from(pixels).unwrap());
    glyphs.zip(labels.into_iter().map(usize::from)).collect()
}

#[test]
fn mnist_passes_through_framing_unchanged() {
    let all = mnist_test();
    let same = all.iter().filter(|(glyph, _)| {
        let ink = Ink::new(28, 28, glyph.pixels().to_vec()).unwrap();
        difference(&frame(&ink).unwrap(), glyph) <= 3
    });
    let share = same.count() as f64 / all.len() as f64;
    assert!(share >= 0.999, "only {:.2} % came out within 3/255", 100.0 * share);
}

#[test]
fn mnist_passes_through_the_upload_path_unchanged() {
    let all = mnist_test();
    let same = all.iter().filter(|(glyph, _)| {
        let grey = picture(glyph, 1, |ink| [ink, ink, ink, 255]);
        grey.glyph().is_some_and(|framed| difference(&framed, glyph) <= 3)
    });
    let share = same.count() as f64 / all.len() as f64;
    assert!(share >= 0.999, "only {:.2} % came out within 3/255", 100.0 * share);
}

#[test]
fn ink_fills_the_box_and_sits_in_the_middle() {
    let glyph = five().glyph().unwrap();
    let inked: Vec<usize> = (0..784).filter(|&i| glyph.pixels()[i] > 0).collect();
    let rows = inked.iter().map(|i| i / 28);
    let height = rows.clone().max().unwrap() - rows.min().unwrap() + 1;
    assert_eq!(height, 20, "{glyph:?}");
    assert_eq!(*glyph.pixels().iter().max().unwrap(), 255);
    let total: f64 = glyph.pixels().iter().map(|&v| f64::from(v)).sum();
    for axis in [|i: usize| i % 28, |i: usize| i / 28] {
        let moment: f64 = (0..784).map(|i| axis(i) as f64 * f64::from(glyph.pixels()[i])).sum();
        let centre = moment / total;
        assert!(centre > 13.49 && centre <= 14.51, "centre of mass at {centre}: {glyph:?}");
    }
}

#[test]
fn position_and_size_do_not_matter() {
    let glyph = five().glyph().unwrap();
    let small = Ink::new(28, 28, glyph.pixels().to_vec()).unwrap();
    // Three times as large, in a corner of a large sheet.
    let (side, at) = (400, 290);
    let mut values = vec![0; side * side];
    for y in 0..84 {
        for x in 0..84 {
            values[(at + y) * side + at + x] = glyph.pixels()[y / 3 * 28 + x / 3];
        }
    }
    let large = Ink::new(side, side, values).unwrap();
    assert_eq!(frame(&small), frame(&large));
}

#[test]
fn no_ink_is_blank() {
    assert_eq!(frame(&Ink::new(9, 9, vec![0; 81]).unwrap()), None);
    assert_eq!(frame(&Ink::new(0, 0, vec![]).unwrap()), None);
    // A scanner's noise is not ink either.
    assert_eq!(frame(&Ink::new(9, 9, vec![20; 81]).unwrap()), None);
}

#[test]
fn a_speck_is_not_enlarged() {
    let mut values = vec![0; 10_000];
    values[5_050] = 255;
    let glyph = frame(&Ink::new(100, 100, values).unwrap()).unwrap();
    let inked = glyph.pixels().iter().filter(|&&v| v > 0).count();
    assert!(inked <= 9, "{glyph:?}");
}

/// As programs cut symbols out of pages.
#[test]
fn pictures_that_are_cut_to_their_ink_are_read_as_with_paper_around_it() {
    let all = mnist_test();
    for (scale, polarity) in [(1, false), (3, true), (8, false)] {
        let cut = |glyph: &Glyph| {
            let inked = |i: &usize| glyph.pixels()[*i] > 40;
            let bounds = |axis: fn(usize) -> usize| {
                let places = || (0..784).filter(inked).map(axis);
                (places().min().unwrap(), places().max().unwrap() + 1)
            };
            let ((left, right), (top, bottom)) = (bounds(|i| i % 28), bounds(|i| i / 28));
            let (width, height) = (scale * (right - left), scale * (bottom - top));
            let rgba = (0..width * height).flat_map(|i| {
                let ink = glyph.pixels()[(top + i / width / scale) * 28 + left + i % width / scale];
                let value = if polarity { 255 - ink } else { ink };
                [value, value, value, 255]
            });
            Picture::new(width, height, rgba.collect()).unwrap()
        };
        // A 1 fills its box, so that nothing tells ink from paper.
        let others: Vec<&Glyph> =
            all.iter().take(400).filter(|(_, label)| *label != 1).map(|(glyph, _)| glyph).collect();
        let alike = |glyph: &&&Glyph| {
            let Some(found) = cut(glyph).glyph() else { return false };
            let pairs = found.pixels().iter().zip(glyph.pixels());
            let apart: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            apart < 784 * 16
        };
        let share = others.iter().filter(alike).count() as f64 / others.len() as f64;
        assert!(share >= 0.7, "{scale}, {polarity}: {:.1} %", 100.0 * share);
    }
}

#[test]
fn a_card_on_a_transparent_canvas_is_paper() {
    let glyph = five().glyph().unwrap();
    for (side, at) in [(60, 16), (100, 30), (300, 200)] {
        for paper in [255, 200, 30] {
            let card = |x: usize, y: usize| {
                let inside = |v: usize| (at..at + 28).contains(&v);
                let ink =
                    if inside(x) && inside(y) { glyph.pixels()[(y - at) * 28 + x - at] } else { 0 };
                let value = if paper > 100 {
                    paper - (u32::from(ink) * u32::from(paper) / 255) as u8
                } else {
                    paper.max(ink)
                };
                [value, value, value, if inside(x) && inside(y) { 255 } else { 0 }]
            };
            let rgba = (0..side * side).flat_map(|i| card(i % side, i / side)).collect();
            let found = Picture::new(side, side, rgba).unwrap().glyph().unwrap();
            assert!(difference(&found, &glyph) < 100, "{side}, {paper}: {found:?}");
        }
    }
}
