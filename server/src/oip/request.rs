//! From an inference request to glyphs.

use std::fmt;

use axum::http::HeaderMap;
use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
};
use glyphic_runtime::text;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use utoipa::ToSchema;

use super::{
    outputs::{OUTPUTS, Output},
    protocol::{HEADER_LENGTH, INPUT, MAX_PICTURES},
};
use crate::{
    config::ThresholdOverrides,
    http::{error::ApiError, extract::null_is_absent, input::to_bytes},
};

/// Deepest nesting of data: pictures, channels, rows, columns.
const DEPTH: usize = 4;
/// Longest JSON: room for twenty characters a number.
const MAX_JSON: usize = 4 << 20;

/// An inference request, parsed and checked.
pub struct ParsedRequest {
    /// The client's own name for it, returned with the answer.
    pub id: Option<String>,
    /// The pictures.
    pub glyphs: Vec<Glyph>,
    /// What to answer, and whether as bytes.
    pub outputs: Vec<(&'static Output, bool)>,
    /// Thresholds of this request alone.
    pub thresholds: ThresholdOverrides,
}

/// An inference request in the protocol's words.
#[derive(Deserialize, ToSchema)]
pub struct InferenceRequest {
    /// Returned with the answer.
    id: Option<String>,
    /// For the request as a whole.
    #[serde(default, deserialize_with = "null_is_absent")]
    parameters: RequestParameters,
    /// One tensor, `pixels`.
    inputs: Vec<InputTensor>,
    /// What to answer; left out: all.
    outputs: Option<Vec<RequestedOutput>>,
}

// Other parameters are ignored: clients send some of their own.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct RequestParameters {
    /// Whether outputs are bytes, unless their own parameters say otherwise.
    binary_data_output: Option<bool>,
    /// 0 to 1: the threshold for `not_a_digit`.
    reject_below: Option<f32>,
    /// 0 to 1: the threshold for `unsure`.
    unsure_below: Option<f32>,
}

#[derive(Deserialize, ToSchema)]
struct InputTensor {
    /// `pixels`
    name: String,
    /// `[n,1,28,28]`, `[n,28,28]` or `[n,784]`, n at most 256.
    shape: Vec<u64>,
    /// `FP32` or `UINT8`
    datatype: String,
    #[serde(default, deserialize_with = "null_is_absent")]
    parameters: InputParameters,
    /// Numbers from 0 to 255, or from 0 to 1, flat or nested.
    #[schema(value_type = Option<Vec<f32>>)]
    data: Option<Flat>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct InputParameters {
    /// Number of bytes after the JSON that are its data.
    binary_data_size: Option<u64>,
}

#[derive(Deserialize, ToSchema)]
struct RequestedOutput {
    /// `label`, `confidence`, `in_distribution`, `verdict` or `probabilities`
    name: String,
    #[serde(default, deserialize_with = "null_is_absent")]
    parameters: OutputParameters,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct OutputParameters {
    /// Whether it is sent as bytes after the JSON.
    binary_data: Option<bool>,
}

impl ParsedRequest {
    /// Parses a body: JSON, or JSON and bytes after it.
    pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let (json, binary) = divided(headers, body)?;
        if json.len() > MAX_JSON {
            return Err(ApiError::BodyTooLarge((MAX_JSON >> 20) as u16));
        }
        let asked: InferenceRequest = text::json(json)
            .map_err(|error| malformed(format!("the request cannot be read: {error}")))?;
        let [input] = asked.inputs.as_slice() else {
            let count = asked.inputs.len();
            return Err(malformed(format!("there must be one input, '{INPUT}', not {count}")));
        };
        Ok(Self {
            glyphs: input.glyphs(binary)?,
            outputs: outputs(asked.outputs.as_deref(), asked.parameters.binary_data_output)?,
            thresholds: ThresholdOverrides {
                reject_below: asked.parameters.reject_below,
                unsure_below: asked.parameters.unsure_below,
            },
            id: asked.id,
        })
    }
}

impl InputTensor {
    fn glyphs(&self, binary: &[u8]) -> Result<Vec<Glyph>, ApiError> {
        let Self { name, shape, datatype, parameters, data } = self;
        if name != INPUT {
            let name = short(name);
            return Err(malformed(format!(
                "there is no input '{name}': the only one is '{INPUT}'"
            )));
        }
        let count = pictures(shape)?;
        let size = match datatype.as_str() {
            "FP32" => 4,
            "UINT8" => 1,
            other => {
                let other = short(other);
                return Err(malformed(format!("'{INPUT}' is FP32 or UINT8, not '{other}'")));
            }
        };
        let values: Vec<f32> = match (data, parameters.binary_data_size) {
            (Some(Flat(values)), None) if binary.is_empty() => values.clone(),
            (None, Some(length)) => {
                if length != binary.len() as u64 {
                    let found = binary.len();
                    return Err(malformed(format!(
                        "binary_data_size is {length}, but {found} bytes follow the JSON"
                    )));
                }
                from_bytes(binary, size)?
            }
            _ => {
                let problem = "the input needs 'data' or, for bytes after the JSON, the \
                               parameter 'binary_data_size', and not both";
                return Err(malformed(problem.to_owned()));
            }
        };
        if values.len() != count * PIXELS {
            let (found, shape) = (values.len(), format!("{shape:?}"));
            return Err(malformed(format!(
                "a tensor of shape {shape} does not have {found} values"
            )));
        }
        let whole = |v: &f32| size == 4 || v.fract() == 0.0;
        if let Some(bad) = values.iter().find(|v| !(0.0..=255.0).contains(*v) || !whole(v)) {
            return Err(malformed(format!(
                "{datatype} pixels must be 0 to 255, or all of them 0 to 1; one is {bad}"
            )));
        }
        let pixels = to_bytes(&values);
        let glyphs = pixels.chunks_exact(PIXELS).map(|pixels| Ok(Glyph::try_from(pixels)?));
        glyphs.collect()
    }
}

/// How many pictures a shape is of.
fn pictures(shape: &[u64]) -> Result<usize, ApiError> {
    let (side, pixels) = (SIDE as u64, PIXELS as u64);
    let count = match *shape {
        [n, 1, h, w] | [n, h, w] if h == side && w == side => n,
        [n, all] if all == pixels => n,
        _ => {
            let shape = short(&format!("{:?}", &shape[..shape.len().min(20)])).to_owned();
            return Err(malformed(format!(
                "'{INPUT}' must have the shape [n,1,28,28], [n,28,28] or [n,784], not {shape}"
            )));
        }
    };
    match usize::try_from(count) {
        Ok(count @ 1..=MAX_PICTURES) => Ok(count),
        _ => {
            Err(malformed(format!("a request must have 1 to {MAX_PICTURES} pictures, not {count}")))
        }
    }
}

/// The JSON and the bytes after it.
fn divided<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), ApiError> {
    let Some(length) = headers.get(HEADER_LENGTH) else { return Ok((body, &[])) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.and_then(|length| body.split_at_checked(length)).ok_or_else(|| {
        malformed(format!("{HEADER_LENGTH} must be the length of the JSON that begins the body"))
    })
}

/// Little-endian values of `size` bytes.
fn from_bytes(bytes: &[u8], size: usize) -> Result<Vec<f32>, ApiError> {
    if size == 1 {
        return Ok(bytes.iter().copied().map(f32::from).collect());
    }
    let (values, rest) = bytes.as_chunks::<4>();
    match rest.is_empty() {
        true => Ok(values.iter().map(|&value| f32::from_le_bytes(value)).collect()),
        false => Err(malformed("FP32 data must have 4 bytes per value".to_owned())),
    }
}

/// The outputs to answer with: those that are asked for, each once, else all of them.
fn outputs(
    asked: Option<&[RequestedOutput]>,
    binary: Option<bool>,
) -> Result<Vec<(&'static Output, bool)>, ApiError> {
    let binary = binary.unwrap_or(false);
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(OUTPUTS.iter().map(|output| (output, binary)).collect());
    };
    let named = |asked: &RequestedOutput| {
        let output = OUTPUTS.iter().find(|output| output.name == asked.name);
        let output = output.ok_or_else(|| {
            let names: Vec<&str> = OUTPUTS.iter().map(|output| output.name).collect();
            let name = short(&asked.name);
            malformed(format!("there is no output '{name}': the outputs are {}", names.join(", ")))
        })?;
        Ok::<_, ApiError>((output, asked.parameters.binary_data.unwrap_or(binary)))
    };
    // A request that names an output a million times must not get a million answers.
    let mut outputs: Vec<(&Output, bool)> = Vec::new();
    for asked in asked {
        let (output, binary) = named(asked)?;
        if outputs.iter().any(|(before, _)| before.name == output.name) {
            return Err(malformed(format!("the output '{}' is asked for twice", output.name)));
        }
        outputs.push((output, binary));
    }
    Ok(outputs)
}

/// A client's own text, shortened for an error message.
fn short(text: &str) -> &str {
    text.char_indices().nth(80).map_or(text, |(end, _)| &text[..end])
}

fn malformed(problem: String) -> ApiError {
    ApiError::Malformed(problem)
}

/// Numbers, flat or nested, as one list. It never holds more than a request may have, and no
/// number is stored as a JSON value on the way.
struct Flat(Vec<f32>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        let depth = DEPTH;
        deserializer.deserialize_seq(Level { values: &mut values, depth })?;
        Ok(Self(values))
    }
}

/// One level of nesting, its numbers to be added to `values`.
struct Level<'a> {
    values: &'a mut Vec<f32>,
    /// Levels that may be nested in this one.
    depth: usize,
}

impl Level<'_> {
    fn keep<E: Error>(self, value: f64) -> Result<(), E> {
        if self.values.len() == MAX_PICTURES * PIXELS {
            return Err(E::custom(format_args!(
                "a request can have at most {MAX_PICTURES} pictures"
            )));
        }
        self.values.push(value as f32);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers, flat or nested")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.keep(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.keep(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut level: A) -> Result<(), A::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(A::Error::custom("data is nested too deeply for pictures"));
        };
        let values = self.values;
        while level.next_element_seed(Level { values: &mut *values, depth })?.is_some() {}
        Ok(())
    }
}
