//! Every polarity, format and orientation of a picture gives the same glyph.

use std::{fs, path::PathBuf};

use crate::inputs::{difference, five, picture};
use glyphic_model::{Glyph, preprocess::Picture};
use glyphic_runtime::{
    decode::{DecodeError, decode},
    encode::bounded,
};
use image::{ExtendedColorType, GrayImage, ImageEncoder, codecs::jpeg::JpegEncoder, imageops};

/// The glyph that a stored file gives.
fn stored(name: &str) -> Result<Option<Glyph>, DecodeError> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/pictures").join(name);
    Ok(decode(&fs::read(path).unwrap())?.glyph())
}

/// The mean difference between corresponding pixels, 0–255.
fn mean_difference(a: &Glyph, b: &Glyph) -> f64 {
    let sum: f64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / 784.0
}

#[test]
fn every_polarity_gives_the_same_glyph() {
    let glyph = five().glyph().unwrap();
    let mix = |ink: u8, pen: [u8; 3], paper: [u8; 3]| {
        let at = |i: usize| {
            let (ink, pen, paper) = (u16::from(ink), u16::from(pen[i]), u16::from(paper[i]));
            ((ink * pen + (255 - ink) * paper) / 255) as u8
        };
        [at(0), at(1), at(2), 255]
    };
    type ToRgba = Box<dyn Fn(u8) -> [u8; 4]>;
    let cases: [(&str, ToRgba); 10] = [
        ("light on dark", Box::new(|ink| [ink, ink, ink, 255])),
        ("dark on light", Box::new(|ink| [255 - ink, 255 - ink, 255 - ink, 255])),
        ("blue on yellow", Box::new(move |ink| mix(ink, [20, 40, 160], [250, 240, 180]))),
        (
            "red on green of similar brightness",
            Box::new(move |ink| mix(ink, [200, 60, 60], [60, 130, 60])),
        ),
        ("alpha only, black", Box::new(|ink| [0, 0, 0, ink])),
        ("alpha only, white", Box::new(|ink| [255, 255, 255, ink])),
        (
            "black ink, white hidden under transparency",
            Box::new(|ink| if ink == 0 { [255, 255, 255, 0] } else { [0, 0, 0, ink] }),
        ),
        (
            "white ink, noise hidden under transparency",
            Box::new(|ink| if ink == 0 { [90, 200, 10, 0] } else { [255, 255, 255, ink] }),
        ),
        ("alpha only, a faint brush", Box::new(|ink| [0, 0, 0, (u16::from(ink) * 2 / 5) as u8])),
        ("transparent all over", Box::new(|ink| [255 - ink, 255 - ink, 255 - ink, 0])),
    ];
    for (name, rgba) in cases {
        for scale in [1, 7] {
            let found = picture(&glyph, scale, &rgba).glyph().expect(name);
            let worst = difference(&found, &glyph);
            // The faint brush has only two fifths of the shades, so rounding errors are larger.
            assert!(worst <= 6, "{name} at {scale}×: off by {worst}: {found:?}");
        }
    }
}

#[test]
fn paper_inside_a_transparent_frame_is_paper() {
    let glyph = five().glyph().unwrap();
    let side: usize = 60;
    let rgba = (0..side * side).flat_map(|i| {
        let (x, y) = (i % side, i / side);
        match (
            (x.wrapping_sub(16), y.wrapping_sub(16)),
            (2..58).contains(&x) && (2..58).contains(&y),
        ) {
            ((x, y), true) if x < 28 && y < 28 => {
                let v = 255 - glyph.pixels()[y * 28 + x];
                [v, v, v, 255]
            }
            (_, true) => [255, 255, 255, 255],
            _ => [0, 0, 0, 0],
        }
    });
    let found = Picture::new(side, side, rgba.collect()).unwrap().glyph().unwrap();
    assert!(difference(&found, &glyph) <= 6, "{found:?}");
}

#[test]
fn every_stored_five_gives_the_same_glyph() {
    let golden = stored("5.bmp").unwrap().unwrap();
    let others = [
        "5_1bit.png",
        "5_alpha_only_black.png",
        "5_alpha_only_white.png",
        "5_cmyk.jpg",
        "5_exif_orientation6.jpg",
        "5_grey16.png",
        "5_palette.gif",
        "5_progressive.jpg",
        "5_red_on_green.png",
        "5_transparent_bg_hidden_white.png",
        "5_webp_lossy.webp",
        "jpeg_named.png",
        "png_trailing_zip.png",
    ];
    for name in others {
        let found = stored(name).unwrap().expect(name);
        let off = mean_difference(&found, &golden);
        assert!(off < 4.0, "{name} is off by {off:.1} on average: {found:?}\n{golden:?}");
    }
}

#[test]
fn the_golden_five_has_not_changed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/five.txt");
    let golden = fs::read_to_string(path).unwrap();
    let found = format!("{:?}", stored("5.bmp").unwrap().unwrap());
    assert_eq!(found.trim(), golden.trim(), "raise PREPROCESSING_VERSION if this is intended");
}

#[test]
fn blank_pictures_are_blank() {
    for name in ["blank_black.png", "blank_white.png", "one_pixel.png", "tall_1x20000.png"] {
        assert_eq!(stored(name).unwrap(), None, "{name}");
    }
}

#[test]
fn shadow_and_grain_are_not_ink() {
    let glyph = five().glyph().unwrap();
    let side = 280;
    // Paper that darkens towards a corner, with grain, and dark ink on it.
    let rgba = (0..side * side).flat_map(|i| {
        let (x, y) = (i % side, i / side);
        let shade = 200.0 - 60.0 * (x + y) as f64 / (2 * side) as f64;
        let grain = ((i * 7919) % 11) as f64 - 5.0;
        let ink = f64::from(glyph.pixels()[y / 10 * 28 + x / 10]) / 255.0;
        let v = ((shade + grain) * (1.0 - 0.7 * ink)) as u8;
        [v, v, v, 255]
    });
    let found = Picture::new(side, side, rgba.collect()).unwrap().glyph().unwrap();
    // Edges become harder than in the original; the shadow must disappear.
    let off = mean_difference(&found, &glyph);
    assert!(off < 10.0, "off by {off:.1}: {found:?}");

    let paper = (0..side * side).flat_map(|i| {
        let v = (200.0 - 60.0 * (i % side) as f64 / side as f64) as u8 + ((i * 7919) % 5) as u8;
        [v, v, v, 255]
    });
    assert_eq!(Picture::new(side, side, paper.collect()).unwrap().glyph(), None);
}

#[test]
fn every_exif_orientation_is_turned_upright() {
    let glyph = five().glyph().unwrap();
    let upright = GrayImage::from_fn(112, 112, |x, y| {
        image::Luma([255 - glyph.pixels()[(y as usize / 4) * 28 + x as usize / 4]])
    });
    let golden = decode(&jpeg(&upright, 1)).unwrap().glyph().unwrap();
    // Each is stored so that the turn in its tag makes it upright.
    let stored: [(u16, GrayImage); 8] = [
        (1, upright.clone()),
        (2, imageops::flip_horizontal(&upright)),
        (3, imageops::rotate180(&upright)),
        (4, imageops::flip_vertical(&upright)),
        (5, imageops::rotate270(&imageops::flip_horizontal(&upright))),
        (6, imageops::rotate270(&upright)),
        (7, imageops::rotate90(&imageops::flip_horizontal(&upright))),
        (8, imageops::rotate90(&upright)),
    ];
    for (orientation, picture) in stored {
        let found = decode(&jpeg(&picture, orientation)).unwrap().glyph().unwrap();
        let off = mean_difference(&found, &golden);
        assert!(off < 3.0, "orientation {orientation} is off by {off:.1}: {found:?}");
    }
}

/// A JPEG with an EXIF block that contains only the orientation.
fn jpeg(picture: &GrayImage, orientation: u16) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend(orientation.to_le_bytes());
    exif.extend([0; 6]);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).unwrap();
    let (width, height) = picture.dimensions();
    encoder.write_image(picture, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

#[test]
fn rejects_files_that_are_not_pictures() {
    assert!(matches!(stored("empty.png"), Err(DecodeError::Empty)));
    for name in ["html_named.png", "text_named.png", "svg_script.svg"] {
        assert!(matches!(stored(name), Err(DecodeError::UnknownFormat)), "{name}");
    }
    for name in ["only_signature.png", "png_truncated_half.png", "png_bad_crc.png"] {
        assert!(matches!(stored(name), Err(DecodeError::Damaged(_))), "{name}");
    }
}

/// A stored file, whole.
fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/pictures").join(name);
    fs::read(path).unwrap()
}

#[test]
fn rejects_pictures_that_are_cut_off_anywhere() {
    let names = [
        "5.bmp",
        "5_1bit.png",
        "5_cmyk.jpg",
        "5_exif_orientation6.jpg",
        "5_grey16.png",
        "5_palette.gif",
        "5_progressive.jpg",
        "5_webp_lossy.webp",
    ];
    // A photograph has more pixels than header, and one has marks to start again at.
    let photograph = photograph(600, 400);
    let rgb: Vec<u8> = photograph.rgba().chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut jpeg = Vec::new();
    JpegEncoder::new(&mut jpeg).write_image(&rgb, 600, 400, ExtendedColorType::Rgb8).unwrap();
    let made = [("photograph".to_owned(), jpeg)];
    for (name, whole) in names.map(|name| (name.to_owned(), file(name))).into_iter().chain(made) {
        decode(&whole).unwrap();
        for tenth in 1..10 {
            let cut = &whole[..whole.len() * tenth / 10];
            assert!(decode(cut).is_err(), "{name} cut at {tenth} tenths");
        }
    }
}

#[test]
fn what_follows_a_jpeg_does_not_matter() {
    let whole = file("5_cmyk.jpg");
    let glyph = decode(&whole).unwrap().glyph();
    let preview = file("5_progressive.jpg");
    for more in [&b"\0\0\0\0"[..], b"SEFT camera", &preview, &preview[..200], b"\xff"] {
        let found = decode(&[&whole, more].concat()).unwrap().glyph();
        assert_eq!(found, glyph, "{} bytes more", more.len());
    }
    // A preview in the header has an end of its own.
    let length = (preview.len() as u16 + 2).to_be_bytes();
    let header = [&whole[..2], &[0xff, 0xef], &length, &preview].concat();
    let with_preview = [&header, &whole[2..]].concat();
    assert_eq!(decode(&with_preview).unwrap().glyph(), glyph);
    let cut = &with_preview[..header.len() + (whole.len() - 2) * 9 / 10];
    assert!(matches!(decode(cut), Err(DecodeError::Damaged(_))));
    // What was not sent may be filled with zeros.
    let filled = [&whole[..whole.len() * 9 / 10], &[0; 500]].concat();
    assert!(decode(&filled).is_err());
}

#[test]
fn rejects_too_large_pictures_before_decoding_them() {
    let names = [
        "gif_65535x65535.gif",
        "jpeg_65500x65500_header.jpg",
        "png_12000x12000_rgba8.png",
        "png_30000x30000_1bit.png",
    ];
    for name in names {
        assert!(matches!(stored(name), Err(DecodeError::TooLarge { .. })), "{name}");
    }
    for name in ["png_header_2147483647x1.png", "bmp_header_2147483647.bmp"] {
        assert!(stored(name).is_err(), "{name}");
    }
}

/// A photograph of a drawing: shaded paper with grain, in colour.
fn photograph(width: usize, height: usize) -> Picture {
    let drawn = imageops::resize(
        &GrayImage::from_raw(28, 28, five().glyph().unwrap().pixels().to_vec()).unwrap(),
        width as u32 / 2,
        height as u32 / 2,
        imageops::FilterType::Triangle,
    );
    let mut seed = 7u32;
    let mut rgba = Vec::with_capacity(4 * width * height);
    for y in 0..height {
        for x in 0..width {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (seed >> 28) as u8;
            let (left, top) = (x.checked_sub(width / 4), y.checked_sub(height / 4));
            let inside = |at: Option<usize>, side: u32| at.filter(|&at| at < side as usize);
            let ink = match (inside(left, drawn.width()), inside(top, drawn.height())) {
                (Some(x), Some(y)) => drawn.get_pixel(x as u32, y as u32).0[0],
                _ => 0,
            };
            let paper = 200 - (40 * x / width) as u8 + grain;
            let shade = |part: u8| paper - (u16::from(ink) * u16::from(part) / 255) as u8;
            rgba.extend([shade(150), shade(140), shade(90), 255]);
        }
    }
    Picture::new(width, height, rgba).unwrap()
}

#[test]
fn what_is_kept_of_a_picture_is_bounded_and_gives_the_same_glyph() {
    // What is small as a PNG is kept without any loss, at the size that was looked at.
    for name in
        ["5_red_on_green.png", "5_transparent_bg_hidden_white.png", "5_alpha_only_black.png"]
    {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/pictures").join(name);
        let picture = decode(&fs::read(path).unwrap()).unwrap();
        let kept = bounded(&picture, 64 << 10);
        assert!(kept.len() <= 64 << 10, "{name}: {}", kept.len());
        assert_eq!(decode(&kept).unwrap().glyph(), picture.glyph(), "{name}");
    }
    let large = stored("4000x3000_tiny_digit.png").unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/pictures/4000x3000_tiny_digit.png");
    let kept = bounded(&decode(&fs::read(path).unwrap()).unwrap(), 64 << 10);
    let kept = decode(&kept).unwrap().glyph().unwrap();
    assert!(mean_difference(&large.unwrap(), &kept) < 6.0);
    // A photograph loses grain, and nothing that can be read.
    let photograph = photograph(2400, 1800);
    let before = photograph.glyph().unwrap();
    for most in [64 << 10, 32 << 10] {
        let kept = bounded(&photograph, most);
        assert!(kept.len() <= most, "{}", kept.len());
        let after = decode(&kept).unwrap().glyph().unwrap();
        let difference = mean_difference(&before, &after);
        assert!(difference < 6.0, "{most}: {difference}");
    }
    // Noise is the worst there is.
    let noise: Vec<u8> =
        (0..4 * 1024 * 1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let noise = Picture::new(1024, 1024, noise).unwrap();
    assert!(bounded(&noise, 1).len() <= 32 << 10);
}

#[test]
fn what_transparent_pixels_hide_is_not_kept() {
    let hidden = [201, 83, 147];
    // A line on a transparent page, whose pixels have a colour that nobody sees.
    let page = |alpha: u8| {
        let pixel = |i: usize| {
            let on_line = (25..31).contains(&(i % 56)) && (10..46).contains(&(i / 56));
            if on_line { [0, 0, 0, 255] } else { [hidden[0], hidden[1], hidden[2], alpha] }
        };
        Picture::new(56, 56, (0..56 * 56).flat_map(pixel).collect()).unwrap()
    };
    for alpha in [0, 1, 7] {
        let picture = page(alpha);
        let kept = decode(&bounded(&picture, 64 << 10)).unwrap();
        let glyphs = [picture.glyph().unwrap(), kept.glyph().unwrap()];
        assert!(mean_difference(&glyphs[0], &glyphs[1]) < 2.0, "{alpha}: {glyphs:?}");
        assert!(kept.rgba().chunks(4).all(|pixel| pixel[..3] == [0; 3]), "{alpha}");
    }
    // Where all is transparent, the colours are what is looked at.
    let pixel = |i: usize| {
        let on_line = (25..31).contains(&(i % 56)) && (10..46).contains(&(i / 56));
        if on_line { [0, 0, 0, 0] } else { [255, 255, 255, 0] }
    };
    let picture = Picture::new(56, 56, (0..56 * 56).flat_map(pixel).collect()).unwrap();
    let kept = decode(&bounded(&picture, 64 << 10)).unwrap();
    assert!(picture.glyph().is_some());
    assert_eq!(kept.glyph(), picture.glyph());
}
