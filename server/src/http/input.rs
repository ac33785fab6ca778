//! Every form in which a picture can be sent.
//!
//! ```text
//! body ─of─► Input (its form) ─open─► Opened: Raw (as drawn or photographed) ─glyph─► Glyph
//! ```

use std::collections::HashMap;

use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use glyphic_model::{
    Glyph,
    glyph::PIXELS,
    preprocess::{Point, Strokes},
};
use glyphic_runtime::text;
use serde::Deserialize;
use tokio::runtime::Handle;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::samples::Raw;

/// Most fields of a form: some clients add a few of their own.
const MOST_FIELDS: usize = 16;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture in a request, not yet parsed.
#[derive(Debug, PartialEq)]
pub enum Input {
    /// An image file.
    Image(Bytes),
    /// An image file as a data URL or bare base64.
    Base64(Bytes),
    /// One of the JSON forms.
    Json(Bytes),
    /// A multipart form, and its content type, which says what is between its fields.
    Form(Bytes, HeaderValue),
    /// A glyph's pixels, ink 255 on 0.
    Pixels(Bytes),
}

/// A parsed picture, and what its request's body says about it.
#[derive(Debug)]
pub struct Opened {
    /// The picture.
    pub raw: Raw,
    /// What it shows.
    pub label: Option<String>,
    /// Who or what sends it.
    pub source: Option<String>,
}

impl From<Raw> for Opened {
    fn from(raw: Raw) -> Self {
        Self { raw, label: None, source: None }
    }
}

/// The JSON forms; exactly one of the first three fields must be there. The others are
/// for `/api/samples`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonInput {
    /// An image file as a data URL or bare base64.
    image: Option<String>,
    /// Pen strokes: `[[[x, y], …], …]`, in any units; y points down.
    #[schema(value_type = Option<Vec<Vec<Vec<f32>>>>)]
    strokes: Option<Vec<Vec<Point>>>,
    /// 784 numbers from 0 to 255, ink 255 on 0; or from 0 to 1.
    pixels: Option<Vec<f64>>,
    #[schema(value_type = Option<String>)]
    label: Option<String>,
    #[schema(value_type = Option<String>)]
    source: Option<String>,
}

/// A form with a file.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct FormInput {
    /// An image file.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

impl Input {
    /// Finds out the form by the content type. The body is not parsed yet.
    pub fn of(headers: &HeaderMap, body: Bytes) -> Result<Self, ApiError> {
        let header = headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static(""));
        let content_type = header.to_str().ok();
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json(body)),
            "multipart/form-data" => Ok(Self::Form(body, header)),
            "application/octet-stream" if body.len() == PIXELS => Ok(Self::Pixels(body)),
            "text/plain" => Ok(Self::Base64(body)),
            // A missing type, or one that clients send by default, says nothing: the bytes do.
            "" | "application/octet-stream" | "application/x-www-form-urlencoded" => {
                match body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body).trim_ascii_start().first()
                {
                    // No image file begins so.
                    Some(b'{') => Ok(Self::Json(body)),
                    _ if is_form(&body) => Err(ApiError::malformed(FORM_WITHOUT_TYPE)),
                    _ => Ok(Self::Image(body)),
                }
            }
            image if image.starts_with("image/") => Ok(Self::Image(body)),
            other => Err(ApiError::UnsupportedType(other.chars().take(100).collect())),
        }
    }

    /// Its length in bytes, packed.
    pub fn len(&self) -> usize {
        match self {
            Self::Image(bytes)
            | Self::Base64(bytes)
            | Self::Json(bytes)
            | Self::Form(bytes, _)
            | Self::Pixels(bytes) => bytes.len(),
        }
    }

    /// Parses it. A long one may take some hundred milliseconds: except for pixels, do not call this
    /// on the async runtime's threads.
    pub fn open(self) -> Result<Opened, ApiError> {
        let raw = match self {
            Self::Image(bytes) => Raw::Image(bytes),
            Self::Base64(text) => from_base64(&String::from_utf8_lossy(&text)).map(Raw::Image)?,
            Self::Json(body) => return from_json(&body),
            Self::Form(body, content_type) => return from_form(body, content_type),
            Self::Pixels(pixels) => Raw::Pixels(Box::new(Glyph::try_from(&*to_bytes(&pixels))?)),
        };
        Ok(raw.into())
    }
}

fn from_json(body: &[u8]) -> Result<Opened, ApiError> {
    let input: JsonInput = text::json(body).map_err(|error| {
        ApiError::malformed(format!(
            "the JSON cannot be read: {error}; send one of \
             {{\"image\": \"data:image/png;base64,…\"}}, {{\"strokes\": [[[x, y], …], …]}}, \
             {{\"pixels\": [784 numbers 0–255]}}"
        ))
    })?;
    let JsonInput { image, strokes, pixels, label, source } = input;
    let raw = match (image, strokes, pixels) {
        (Some(image), None, None) => Raw::Image(from_base64(&image)?),
        (None, Some(strokes), None) => Raw::Strokes(Strokes::new(strokes)?),
        (None, None, Some(pixels)) => {
            if let Some(bad) = pixels.iter().find(|&&v| !(0.0..=255.0).contains(&v)) {
                return Err(ApiError::malformed(format!(
                    "pixels must be 0 to 255, or all of them 0 to 1; one is {bad}"
                )));
            }
            Raw::Pixels(Box::new(Glyph::try_from(&*to_bytes(&pixels))?))
        }
        _ => {
            return Err(ApiError::malformed(
                "the JSON must have exactly one of 'image', 'strokes' and 'pixels'",
            ));
        }
    };
    Ok(Opened { raw, label, source })
}

/// What a URL-encoded form gets as an answer.
const FORM_WITHOUT_TYPE: &str = "the body is a form, as curl -d sends it, and its '+' are lost: send a \
    file with --data-binary @FILE, JSON with the header 'Content-Type: application/json', or a multipart \
    form with -F image=@FILE";

/// Whether a body is a URL-encoded form with one of the fields of JSON bodies.
fn is_form(body: &[u8]) -> bool {
    ["image", "strokes", "pixels", "label"].iter().any(|name| {
        body.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'='))
    })
}

/// Pixels as bytes: numbers from 0 to 255 rounded. If none is over 1, they are shares of full ink, as most
/// libraries scale pictures; by the other scale they would be blank.
pub fn to_bytes<T: Copy + Into<f64>>(pixels: &[T]) -> Vec<u8> {
    let largest = pixels.iter().fold(0.0, |largest: f64, &value| largest.max(value.into()));
    let scale = if largest <= 1.0 { 255.0 } else { 1.0 };
    pixels.iter().map(|&value| (scale * value.into()).round() as u8).collect()
}

/// A data URL or bare base64: as tools print it, in lines, of either alphabet, padded or not.
fn from_base64(text: &str) -> Result<Bytes, ApiError> {
    let text = text.trim();
    let encoded = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, data)| data).ok_or_else(|| {
            ApiError::malformed("the image's data URL is not base64 (data:image/…;base64,…)")
        })?,
        None => text,
    };
    let standard = |byte: u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let encoded = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard);
    let bytes = BASE64
        .decode(encoded.collect::<Vec<u8>>())
        .map_err(|error| ApiError::malformed(format!("the image is not valid base64: {error}")))?;
    Ok(Bytes::from(bytes))
}

/// A form's image, and its fields `label` and `source`.
fn from_form(body: Bytes, content_type: HeaderValue) -> Result<Opened, ApiError> {
    // The whole body is here, so nothing is waited for; only the parser is made for bodies that are
    // still arriving.
    let runtime = Handle::try_current().map_err(|e| ApiError::Unavailable(e.to_string()))?;
    let mut fields = runtime.block_on(form_fields(body, content_type))?;
    let image = fields.remove("image");
    let mut text =
        |name: &str| fields.remove(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (label, source) = (text("label"), text("source"));
    let image = image.ok_or_else(|| ApiError::malformed("the form has no field 'image'"))?;
    Ok(Opened { raw: Raw::Image(image), label, source })
}

/// The fields of a multipart form; of several with one name the first.
async fn form_fields(
    body: Bytes,
    content_type: HeaderValue,
) -> Result<HashMap<String, Bytes>, ApiError> {
    let malformed = |error: &dyn std::fmt::Display| {
        ApiError::malformed(format!("the multipart body cannot be read: {error}"))
    };
    let mut request = Request::new(Body::from(body));
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    // The body is within the server's own limit already.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|e| malformed(&e))?;
    let (mut fields, mut count) = (HashMap::new(), 0);
    while let Some(field) = form.next_field().await.map_err(|e| malformed(&e))? {
        count += 1;
        if count > MOST_FIELDS {
            return Err(ApiError::malformed(format!(
                "the form has more than {MOST_FIELDS} fields; send 'image' and, for a sample, \
                 'label' and 'source'"
            )));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|e| malformed(&e))?;
        fields.entry(name).or_insert(bytes);
    }
    Ok(fields)
}
