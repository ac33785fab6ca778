//! Every form in which a picture can be sent.
//!
//! ```text
//! body ─read─► Input (its form) ─open─► Raw (as drawn or photographed) ─glyph─► Glyph
//! ```

use std::collections::HashMap;

use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    glyph::PIXELS,
    preprocess::{Point, Strokes},
};
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::error::ApiError;
use crate::samples::Raw;

/// A picture in a request, not yet parsed.
#[derive(Debug, PartialEq)]
pub enum Input {
    /// An image file.
    Image(Bytes),
    /// An image file as a data URL or bare base64.
    Base64(Bytes),
    /// One of the JSON forms.
    Json(Bytes),
    /// A glyph's pixels, ink 255 on 0.
    Pixels(Bytes),
}

/// The JSON forms; exactly one of the first three fields must be there. The others are for
/// `/api/samples`, and are read there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonInput {
    /// An image file as a data URL or bare base64.
    image: Option<String>,
    /// Pen strokes: `[[[x, y], …], …]`, in any units; y points down.
    #[schema(value_type = Option<Vec<Vec<Vec<f32>>>>)]
    strokes: Option<Vec<Vec<Point>>>,
    /// 784 numbers from 0 to 255, ink 255 on 0.
    pixels: Option<Vec<f64>>,
    #[serde(rename = "label")]
    #[schema(value_type = Option<String>)]
    _label: Option<IgnoredAny>,
    #[serde(rename = "source")]
    #[schema(value_type = Option<String>)]
    _source: Option<IgnoredAny>,
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
    /// Finds out the form by the content type, and reads the body.
    pub async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, ApiError> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json(body)),
            "multipart/form-data" => from_multipart(headers, body).await,
            "application/octet-stream" if body.len() == PIXELS => Ok(Self::Pixels(body)),
            "text/plain" => Ok(Self::Base64(body)),
            // A missing type, or one that clients send by default, says nothing: the decoder looks
            // at the bytes.
            "" | "application/octet-stream" | "application/x-www-form-urlencoded" => {
                Ok(Self::Image(body))
            }
            image if image.starts_with("image/") => Ok(Self::Image(body)),
            other => Err(ApiError::UnsupportedType(other.chars().take(100).collect())),
        }
    }

    /// Its length in bytes, packed.
    pub fn len(&self) -> usize {
        match self {
            Self::Image(bytes) | Self::Base64(bytes) | Self::Json(bytes) | Self::Pixels(bytes) => {
                bytes.len()
            }
        }
    }

    /// Parses it.
    pub fn open(self) -> Result<Raw, ApiError> {
        match self {
            Self::Image(bytes) => Ok(Raw::Image(bytes)),
            Self::Base64(text) => from_base64(&String::from_utf8_lossy(&text)).map(Raw::Image),
            Self::Json(body) => from_json(&body),
            Self::Pixels(pixels) => Ok(Raw::Pixels(Box::new(Glyph::try_from(&*pixels)?))),
        }
    }
}

fn from_json(body: &[u8]) -> Result<Raw, ApiError> {
    let input: JsonInput = serde_json::from_slice(body).map_err(|error| {
        ApiError::malformed(format!(
            "the JSON cannot be read: {error}; send one of \
             {{\"image\": \"data:image/png;base64,…\"}}, {{\"strokes\": [[[x, y], …], …]}}, \
             {{\"pixels\": [784 numbers 0–255]}}"
        ))
    })?;
    match (input.image, input.strokes, input.pixels) {
        (Some(image), None, None) => from_base64(&image).map(Raw::Image),
        (None, Some(strokes), None) => Ok(Raw::Strokes(Strokes::new(strokes)?)),
        (None, None, Some(pixels)) => {
            if let Some(bad) = pixels.iter().find(|&&v| !(0.0..=255.0).contains(&v)) {
                return Err(ApiError::malformed(format!("pixels must be 0–255, but one is {bad}")));
            }
            let pixels: Vec<u8> = pixels.iter().map(|v| v.round() as u8).collect();
            Ok(Raw::Pixels(Box::new(Glyph::try_from(pixels.as_slice())?)))
        }
        _ => Err(ApiError::malformed(
            "the JSON must have exactly one of 'image', 'strokes' and 'pixels'",
        )),
    }
}

/// A data URL or bare base64.
fn from_base64(text: &str) -> Result<Bytes, ApiError> {
    let text = text.trim();
    let encoded = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, data)| data).ok_or_else(|| {
            ApiError::malformed("the image's data URL is not base64 (data:image/…;base64,…)")
        })?,
        None => text,
    };
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|error| ApiError::malformed(format!("the image is not valid base64: {error}")))?;
    Ok(Bytes::from(bytes))
}

async fn from_multipart(headers: &HeaderMap, body: Bytes) -> Result<Input, ApiError> {
    let image = form_fields(headers, body).await?.remove("image");
    image.map(Input::Image).ok_or_else(|| ApiError::malformed("the form has no field 'image'"))
}

/// The fields of a multipart form; of several with one name the first.
pub async fn form_fields(
    headers: &HeaderMap,
    body: Bytes,
) -> Result<HashMap<String, Bytes>, ApiError> {
    let malformed = |error: &dyn std::fmt::Display| {
        ApiError::malformed(format!("the multipart body cannot be read: {error}"))
    };
    let mut request = Request::new(Body::from(body));
    *request.headers_mut() = headers.clone();
    // The body is within the server's own limit already.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|e| malformed(&e))?;
    let mut fields = HashMap::new();
    while let Some(field) = form.next_field().await.map_err(|e| malformed(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|e| malformed(&e))?;
        fields.entry(name).or_insert(bytes);
    }
    Ok(fields)
}
