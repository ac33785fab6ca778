//! Pictures to image files of a bounded length, made anew from their pixels: nothing else that was
//! in the file of a picture (where and when it was taken, by which camera, a thumbnail) is in them.

use glyphic_model::preprocess::{Picture, WORKING_SIDE};
use image::{
    ExtendedColorType::{self, L8, Rgb8, Rgba8},
    ImageEncoder, ImageResult,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

/// The longest sides that are tried, in pixels. The first is what preprocessing works on.
const SIDES: [usize; 5] = [WORKING_SIDE, 512, 256, 128, 64];
/// The qualities of a JPEG that are tried at each size. Below these, its blocks look like ink.
const QUALITIES: [u8; 2] = [85, 70];
/// Every picture fits into this many bytes, in the smallest of these sizes.
pub const LEAST_BYTES: usize = 32 << 10;

/// The picture as a file of at most `most` bytes, and of [`LEAST_BYTES`] at least: a PNG of the size
/// that preprocessing works on, which has the very same glyph; if that is too long, a JPEG of this
/// size or of the next smaller one that fits. Transparent pictures are always PNGs.
///
/// ```
/// use glyphic_model::preprocess::Picture;
/// use glyphic_runtime::{decode::decode, encode::bounded};
///
/// let page = Picture::new(3000, 40, vec![255; 4 * 3000 * 40]).unwrap();
/// let kept = decode(&bounded(&page, 64 << 10)).unwrap();
/// assert_eq!(kept.size(), (1000, 14));
/// ```
pub fn bounded(picture: &Picture, most: usize) -> Vec<u8> {
    let most = most.max(LEAST_BYTES);
    let working = picture.averaged_to(SIDES[0]);
    let mut last = Vec::new();
    for (i, side) in SIDES.into_iter().enumerate() {
        let smaller = working.averaged_to(side);
        let pixels = Pixels::of(&smaller);
        // A photograph that is too long as a PNG once is nearly always too long again.
        if i == 0 || pixels.colours == Rgba8 || side == SIDES[SIDES.len() - 1] {
            last = pixels.png().unwrap_or_default();
            if !last.is_empty() && last.len() <= most {
                return last;
            }
        }
        if pixels.colours == Rgba8 {
            continue;
        }
        for quality in QUALITIES {
            match pixels.jpeg(quality) {
                Ok(file) if file.len() <= most => return file,
                _ => {}
            }
        }
    }
    last
}

/// The picture as a PNG of its own size.
///
/// # Errors
/// It cannot be encoded.
pub fn whole(picture: &Picture) -> ImageResult<Vec<u8>> {
    Pixels::of(picture).png()
}

/// Pixels with an alpha below this show nothing of their colours.
const UNSEEN: u8 = 8;

/// The pixels of a picture, with as few bytes each as they need. What cannot be seen is not among
/// them: a file may hide another picture in the colours of its transparent pixels. Where all pixels
/// are transparent alike, these colours are what is looked at, and [`Picture::new`] made them opaque.
struct Pixels {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    colours: ExtendedColorType,
}

impl Pixels {
    fn of(picture: &Picture) -> Self {
        let pixels = || picture.rgba().chunks_exact(4);
        let (colours, bytes) = if pixels().any(|p| p[3] != 255) {
            let seen = |pixel: &[u8]| match pixel[3] {
                alpha @ 0..UNSEEN => [0, 0, 0, alpha],
                alpha => [pixel[0], pixel[1], pixel[2], alpha],
            };
            (Rgba8, pixels().flat_map(seen).collect())
        } else if pixels().all(|p| p[0] == p[1] && p[1] == p[2]) {
            (L8, pixels().map(|p| p[0]).collect())
        } else {
            (Rgb8, pixels().flat_map(|p| [p[0], p[1], p[2]]).collect())
        };
        let (width, height) = picture.size();
        Self { bytes, width: width as u32, height: height as u32, colours }
    }

    fn png(&self) -> ImageResult<Vec<u8>> {
        let mut file = Vec::new();
        let encoder = PngEncoder::new(&mut file);
        encoder.write_image(&self.bytes, self.width, self.height, self.colours)?;
        Ok(file)
    }

    fn jpeg(&self, quality: u8) -> ImageResult<Vec<u8>> {
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, quality);
        encoder.write_image(&self.bytes, self.width, self.height, self.colours)?;
        Ok(file)
    }
}
