//! The answer to an inference request.

use std::sync::Arc;

use axum::{
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::{Prediction, Thresholds, Verdict, checkpoint::Manifest};
use serde_json::json;

use super::{
    outputs::{Output, ReadPicture, Tensor},
    protocol::HEADER_LENGTH,
};
use crate::http::error::ApiError;

/// The predictions for all pictures of a request.
pub struct InferenceAnswer<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The model's version.
    pub version: String,
    /// The client's own id of the request.
    pub id: Option<String>,
    /// The checkpoint that predicted them.
    pub manifest: Arc<Manifest>,
    /// The thresholds of the verdicts.
    pub thresholds: Thresholds,
    /// A prediction for each picture.
    pub predictions: Vec<Prediction>,
    /// Which pictures have no ink.
    pub blank: Vec<bool>,
}

impl InferenceAnswer<'_> {
    /// The response. Outputs that were asked for as bytes follow the JSON.
    pub fn write(&self, outputs: &[(&Output, bool)]) -> Result<Response, ApiError> {
        let count = self.predictions.len();
        let (mut described, mut bytes) = (Vec::new(), Vec::new());
        for (output, as_bytes) in outputs {
            let tensors: Vec<Tensor> = self.read().map(|read| (output.values)(&read)).collect();
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

    fn read(&self) -> impl Iterator<Item = ReadPicture<'_>> {
        self.predictions.iter().zip(&self.blank).map(|(prediction, &blank)| ReadPicture {
            prediction,
            manifest: &self.manifest,
            verdict: match blank {
                true => Verdict::Blank,
                false => self.thresholds.verdict(prediction),
            },
        })
    }
}
