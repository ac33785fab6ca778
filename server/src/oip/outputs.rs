//! The output tensors of a model.

use glyphic_model::{Prediction, Verdict, checkpoint::Manifest};
use serde_json::{Value, json};

/// An output tensor.
pub struct Output {
    /// Its name.
    pub name: &'static str,
    /// The protocol's name for its type.
    pub datatype: &'static str,
    /// Whether it has a value for each label of a picture; else it has one for a picture.
    pub by_label: bool,
    /// Its values for a picture.
    pub values: fn(&ReadPicture<'_>) -> Tensor,
}

/// The values of a tensor for one picture.
pub enum Tensor {
    /// One text.
    Text(String),
    /// Numbers.
    Numbers(Vec<f32>),
}

/// A picture's prediction.
pub struct ReadPicture<'a> {
    /// The prediction.
    pub prediction: &'a Prediction,
    /// The checkpoint that predicted it.
    pub manifest: &'a Manifest,
    /// The verdict.
    pub verdict: Verdict,
}

/// All outputs, in the order of an answer.
pub const OUTPUTS: [Output; 5] = [
    Output { name: "label", datatype: "BYTES", by_label: false, values: label },
    Output { name: "confidence", datatype: "FP32", by_label: false, values: confidence },
    Output { name: "in_distribution", datatype: "FP32", by_label: false, values: in_distribution },
    Output { name: "verdict", datatype: "BYTES", by_label: false, values: verdict },
    Output { name: "probabilities", datatype: "FP32", by_label: true, values: probabilities },
];

/// The most probable label; nothing for a blank picture.
fn label(read: &ReadPicture<'_>) -> Tensor {
    let label = read.manifest.labels.get(read.prediction.index);
    let label = label.filter(|_| read.verdict != Verdict::Blank);
    Tensor::Text(label.cloned().unwrap_or_default())
}

fn confidence(read: &ReadPicture<'_>) -> Tensor {
    Tensor::Numbers(vec![read.prediction.confidence()])
}

fn in_distribution(read: &ReadPicture<'_>) -> Tensor {
    Tensor::Numbers(vec![read.prediction.in_distribution])
}

fn verdict(read: &ReadPicture<'_>) -> Tensor {
    Tensor::Text(read.verdict.name().to_owned())
}

fn probabilities(read: &ReadPicture<'_>) -> Tensor {
    Tensor::Numbers(read.prediction.probabilities.clone())
}

impl Tensor {
    /// As JSON.
    pub fn values(&self) -> Vec<Value> {
        match self {
            Self::Text(text) => vec![json!(text)],
            Self::Numbers(numbers) => numbers.iter().map(|number| json!(number)).collect(),
        }
    }

    /// Appends it as bytes: little-endian, a text after its length.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                // Labels are short.
                bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            Self::Numbers(numbers) => {
                bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    }
}
