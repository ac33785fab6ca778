//! Image files to [`Picture`]s, with all limits checked before memory is allocated, and glyphs to
//! PNG files.

use std::io::Cursor;

use glyphic_model::{Glyph, glyph::SIDE, preprocess::Picture};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    codecs::png::PngEncoder,
};
use thiserror::Error;

/// The longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 20_000;
/// The most pixels of a picture: an A4 page at 600 dots per inch has 35 megapixels.
pub const MAX_IMAGE_PIXELS: u64 = 40_000_000;
/// The most bytes of its pixels as they are decoded: with 16 bits a channel, 24 megapixels.
const MAX_PIXEL_BYTES: u64 = 24_000_000 * 8;
/// The most bytes that a decoder may allocate: those, and some room.
const MAX_DECODER_BYTES: u64 = 256 << 20;
/// The formats that are read. A file's first bytes tell its format; its name is not used.
const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];
/// How the names of their files end.
const ENDINGS: [&str; 9] =
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib"];

/// Why an image was rejected.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("the image is empty (0 bytes)")]
    Empty,
    /// The first bytes are not those of a format that is read.
    #[error("not a PNG, JPEG, WebP, GIF or BMP image (its first bytes match none of them)")]
    UnknownFormat,
    /// The header states more pixels than are allowed.
    #[error(
        "the image has {width} × {height} pixels; at most {MAX_SIDE} per side and \
         {} megapixels are accepted: scale it down", MAX_IMAGE_PIXELS / 1_000_000
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The decoder would need more memory than it may allocate.
    #[error("the image needs too much memory to decode: scale it down or save it as plain PNG")]
    NeedsTooMuchMemory,
    /// The file is damaged, cut short, or of an unsupported variant.
    #[error("the image cannot be read: {0}")]
    Damaged(String),
}

/// How many pixels an image file says it has, without decoding them.
///
/// # Errors
/// As [`decode`], but for damage that shows only later.
pub fn pixels(bytes: &[u8]) -> Result<u64, DecodeError> {
    let (width, height) = header(bytes)?.dimensions();
    Ok(u64::from(width) * u64::from(height))
}

/// Decodes the first frame of a PNG, JPEG, WebP, GIF or BMP image and turns it upright according to
/// its EXIF orientation.
///
/// # Errors
/// The bytes are not such an image, or it exceeds a limit.
pub fn decode(bytes: &[u8]) -> Result<Picture, DecodeError> {
    let mut decoder = header(bytes)?;
    decoder.set_limits(limits()).map_err(from_image)?;
    let orientation = decoder.orientation().map_err(from_image)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(from_image)?;
    // Its decoder makes up what is missing.
    if bytes.starts_with(&[0xff, SOI]) && !has_end(bytes) {
        let problem = "it is cut off: its end is missing";
        return Err(DecodeError::Damaged(problem.to_owned()));
    }
    // Converted before it is turned, which copies it: 16-bit colours have twice the bytes.
    let mut upright = DynamicImage::ImageRgba8(decoded.into_rgba8());
    upright.apply_orientation(orientation);
    let rgba = upright.into_rgba8();
    Picture::new(rgba.width() as usize, rgba.height() as usize, rgba.into_raw())
        .ok_or_else(|| DecodeError::Damaged("it has no pixels".into()))
}

/// A decoder that has read the header of an image within the limits.
fn header(bytes: &[u8]) -> Result<impl ImageDecoder + '_, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| FORMATS.contains(format))
        .ok_or(DecodeError::UnknownFormat)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(from_image)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE
        || height > MAX_SIDE
        || u64::from(width) * u64::from(height) > MAX_IMAGE_PIXELS
    {
        return Err(DecodeError::TooLarge { width, height });
    }
    if decoder.total_bytes() > MAX_PIXEL_BYTES {
        return Err(DecodeError::NeedsTooMuchMemory);
    }
    Ok(decoder)
}

/// Whether a file's name says that it is a picture of a format that is read.
pub fn is_picture_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file is no picture, and is not meant to be one: neither its first bytes nor its name say
/// so. `error` says why it was not decoded.
pub fn is_no_picture(name: &str, error: &DecodeError) -> bool {
    matches!(error, DecodeError::Empty | DecodeError::UnknownFormat) && !is_picture_name(name)
}

/// The second byte of the marks that begin and end a JPEG.
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;

/// Whether the first picture in a JPEG has its end. More may follow: other pictures, or what a camera
/// adds. The preview in its header, which has an end of its own, is one of the parts that are skipped.
fn has_end(jpeg: &[u8]) -> bool {
    let mut rest = jpeg;
    while let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && is_mark(pair[1])) {
        if rest[at + 1] == EOI {
            return true;
        }
        let part = &rest[at + 2..];
        let length = part.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
        rest = part.get(usize::from(length)..).unwrap_or_default();
    }
    false
}

/// Whether a byte after 0xff begins a part of a JPEG: neither filling, nor a byte of pixels, nor one
/// of the marks that stand alone.
fn is_mark(byte: u8) -> bool {
    !matches!(byte, 0x00 | 0x01 | 0xd0..=SOI | 0xff)
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

/// A glyph as a PNG file, 28 × 28 pixels, white ink on black.
pub fn png(glyph: &Glyph) -> Vec<u8> {
    let mut png = Vec::new();
    let side = SIDE as u32;
    // Writing to memory cannot fail.
    let _ =
        PngEncoder::new(&mut png).write_image(glyph.pixels(), side, side, ExtendedColorType::L8);
    png
}
