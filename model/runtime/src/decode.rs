//! An image file's bytes to a [`Picture`], with every limit checked before memory is
//! allocated for it; and a glyph to a PNG file.

use std::io::Cursor;

use glyphic_model::{Glyph, glyph::SIDE, preprocess::Picture};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    codecs::png::PngEncoder,
};
use thiserror::Error;

/// Longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 20_000;
/// Most pixels of a picture: a 24-megapixel camera's.
pub const MAX_IMAGE_PIXELS: u64 = 24_000_000;
/// Most bytes a decoder may allocate: 24 megapixels at 8 bytes and some room.
const MAX_DECODER_BYTES: u64 = 256 << 20;
/// The formats read, told by their first bytes, never by a file's name.
const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];

/// Why bytes did not become a picture.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("the image is empty (0 bytes)")]
    Empty,
    /// The first bytes are of no format that is read.
    #[error("not a PNG, JPEG, WebP, GIF or BMP image (told by its first bytes)")]
    UnknownFormat,
    /// The header promises more pixels than are allowed.
    #[error(
        "the image is {width} × {height} pixels; at most {MAX_SIDE} a side and \
         {} megapixels are read: scale it down", MAX_IMAGE_PIXELS / 1_000_000
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The decoder would need more memory than it may have.
    #[error("the image needs too much memory to decode: scale it down or save it as plain PNG")]
    NeedsTooMuchMemory,
    /// The file is damaged, cut short, or of a variant that is not read.
    #[error("the image cannot be read: {0}")]
    Damaged(String),
}

/// Decodes the first frame of a PNG, JPEG, WebP, GIF or BMP image and turns it
/// upright by its EXIF orientation.
pub fn decode(bytes: &[u8]) -> Result<Picture, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| FORMATS.contains(format))
        .ok_or(DecodeError::UnknownFormat)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(from_image)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE
        || height > MAX_SIDE
        || u64::from(width) * u64::from(height) > MAX_IMAGE_PIXELS
    {
        return Err(DecodeError::TooLarge { width, height });
    }
    decoder.set_limits(limits()).map_err(from_image)?;
    let orientation = decoder.orientation().map_err(from_image)?;
    let mut upright = DynamicImage::from_decoder(decoder).map_err(from_image)?;
    upright.apply_orientation(orientation);
    let rgba = upright.into_rgba8();
    Picture::new(rgba.width() as usize, rgba.height() as usize, rgba.into_raw())
        .ok_or_else(|| DecodeError::Damaged("it has no pixels".into()))
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

fn from_image(error: image::ImageError) -> DecodeError {
    match error {
        image::ImageError::Limits(_) => DecodeError::NeedsTooMuchMemory,
        other => DecodeError::Damaged(other.to_string()),
    }
}

/// The glyph as a PNG file, white ink on black.
pub fn png(glyph: &Glyph) -> Vec<u8> {
    let mut png = Vec::new();
    let side = SIDE as u32;
    // Writing to memory does not fail.
    let _ =
        PngEncoder::new(&mut png).write_image(glyph.pixels(), side, side, ExtendedColorType::L8);
    png
}
