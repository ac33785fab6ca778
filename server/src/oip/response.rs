//! Predictions in the protocol's words.

use std::sync::Arc;

use axum::{
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::{Prediction, Thresholds, Verdict, checkpoint::Manifest};
use serde_json::{Value, json};

use super::request::HEADER_LENGTH;
use crate::error::ApiError;

/// An output tensor.
pub struct Output {
    pub name: &'static str,
    pub datatype: &'static str,
    /// Whether it has a value for each label; else it has one for each picture.
    pub by_label: bool,
    of: fn(&Read<'_>) -> Tensor,
}

/// The values of a tensor for one picture.
enum Tensor {
    Text(String),
    Numbers(Vec<f32>),
}

/// A picture and what was said of it.
struct Read<'a> {
    prediction: &'a Prediction,
    manifest: &'a Manifest,
    verdict: Verdict,
}

/// All there is, in the order of an answer.
pub const OUTPUTS: [Output; 5] = [
    Output { name: "label", datatype: "BYTES", by_label: false, of: label },
    Output { name: "confidence", datatype: "FP32", by_label: false, of: confidence },
    Output { name: "in_distribution", datatype: "FP32", by_label: false, of: in_distribution },
    Output { name: "verdict", datatype: "BYTES", by_label: false, of: verdict },
    Output { name: "probabilities", datatype: "FP32", by_label: true, of: probabilities },
];

/// The most probable label; nothing for a blank picture.
fn label(read: &Read<'_>) -> Tensor {
    let label = read.manifest.labels.get(read.prediction.index);
    let label = label.filter(|_| read.verdict != Verdict::Blank);
    Tensor::Text(label.cloned().unwrap_or_default())
}

fn confidence(read: &Read<'_>) -> Tensor {
    Tensor::Numbers(vec![read.prediction.confidence()])
}

fn in_distribution(read: &Read<'_>) -> Tensor {
    Tensor::Numbers(vec![read.prediction.in_distribution])
}

fn verdict(read: &Read<'_>) -> Tensor {
    Tensor::Text(read.verdict.name().to_owned())
}

fn probabilities(read: &Read<'_>) -> Tensor {
    Tensor::Numbers(read.prediction.probabilities.clone())
}

/// What was said of all pictures of a request.
pub struct Answered<'a> {
    pub model: &'a str,
    pub version: String,
    pub id: Option<String>,
    pub manifest: Arc<Manifest>,
    pub thresholds: Thresholds,
    pub predictions: Vec<Prediction>,
    /// Which pictures have no ink.
    pub blank: Vec<bool>,
}

impl Answered<'_> {
    /// The answer, with those outputs as bytes behind the JSON for which that was asked.
    pub fn write(&self, outputs: &[(&Output, bool)]) -> Result<Response, ApiError> {
        let count = self.predictions.len();
        let (mut described, mut bytes) = (Vec::new(), Vec::new());
        for (output, as_bytes) in outputs {
            let tensors: Vec<Tensor> = self.read().map(|read| (output.of)(&read)).collect();
            let shape = match output.by_label {
                true => vec![count, self.manifest.labels.len()],
                false => vec![count],
            };
            let mut one =
                json!({ "name": output.name, "datatype": output.datatype, "shape": shape });
            if *as_bytes {
                let begun = bytes.len();
                tensors.iter().for_each(|tensor| tensor.write(&mut bytes));
                one["parameters"] = json!({ "binary_data_size": bytes.len() - begun });
            } else {
                one["data"] = tensors.iter().flat_map(Tensor::values).collect();
            }
            described.push(one);
        }
        let mut answer = json!({
            "model_name": self.model,
            "model_version": self.version,
            "outputs": described,
        });
        if let Some(id) = &self.id {
            answer["id"] = json!(id);
        }
        let mut body = serde_json::to_vec(&answer)
            .map_err(|error| ApiError::Unavailable(error.to_string()))?;
        if bytes.is_empty() {
            return Ok(([(CONTENT_TYPE, "application/json")], body).into_response());
        }
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (HeaderName::from_static(HEADER_LENGTH), HeaderValue::from(body.len())),
        ];
        body.append(&mut bytes);
        Ok((headers, body).into_response())
    }

    fn read(&self) -> impl Iterator<Item = Read<'_>> {
        self.predictions.iter().zip(&self.blank).map(|(prediction, &blank)| Read {
            prediction,
            manifest: &self.manifest,
            verdict: match blank {
                true => Verdict::Blank,
                false => self.thresholds.verdict(prediction),
            },
        })
    }
}

impl Tensor {
    fn values(&self) -> Vec<Value> {
        match self {
            Self::Text(text) => vec![json!(text)],
            Self::Numbers(numbers) => numbers.iter().map(|number| json!(number)).collect(),
        }
    }

    /// Little-endian; a text after its length.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                // Labels have at most some dozen bytes.
                bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            Self::Numbers(numbers) => {
                bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    }
}
