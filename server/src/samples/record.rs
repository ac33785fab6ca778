//! The JSON of a sample: the one form in which the API shows it, and in which exports and trainers
//! get it. [`SampleLine`](glyphic_runtime::samples::SampleLine) reads it.

use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::Glyph;
use glyphic_runtime::decode::png;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::sample::{Form, Sample};

/// A sample.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleRecord {
    /// Its name; names order by time.
    pub id: String,
    /// When it came, in milliseconds since 1970.
    pub created: i64,
    /// Who or what sent it.
    pub source: String,
    /// What it shows; `null` if nobody has labelled it yet.
    pub label: Option<String>,
    /// The label that the network read when it came.
    pub prediction: String,
    /// The network's confidence then, 0 to 1.
    pub confidence: f64,
    /// The verdict then: `read`, `unsure` or `not_a_digit`.
    pub verdict: String,
    /// The checkpoint that read it.
    pub model: String,
    /// The version of the preprocessing.
    pub preprocessing: u32,
    /// The form in which it was sent.
    #[schema(value_type = String)]
    pub form: Form,
    /// Whether it is held back from training, to measure what was learned.
    pub held_back: bool,
    /// Whether the token's holder sent it, not a visitor.
    pub trusted: bool,
    /// Whether somebody looked at it and agreed with its label.
    pub confirmed: bool,
    /// When it was deleted, in milliseconds since 1970.
    pub deleted: Option<i64>,
    /// The glyph as a PNG data URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The glyph's 784 pixels, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glyph: Option<String>,
    /// The strokes as they were sent: `[[[x, y], …], …]`. Very long drawings are kept as their glyph.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Vec<f32>>>>)]
    pub strokes: Option<Value>,
    /// The picture as it was looked at, as an image file, base64; the file that was sent, if the
    /// server keeps originals. It may be some MiB, so it is sent apart, as it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl SampleRecord {
    /// A sample without its picture and its input.
    pub fn new(sample: &Sample) -> Self {
        let content = &sample.content;
        Self {
            id: sample.id.clone(),
            created: sample.created,
            source: content.source.clone(),
            label: content.label.clone(),
            prediction: content.prediction.clone(),
            confidence: content.confidence,
            verdict: content.verdict.clone(),
            model: content.checkpoint.clone(),
            preprocessing: content.preprocessing,
            form: content.form,
            held_back: sample.held_back,
            trusted: sample.trusted,
            confirmed: sample.confirmed,
            deleted: sample.deleted,
            picture: None,
            glyph: None,
            strokes: None,
            image: None,
        }
    }

    /// With the picture as a page shows it.
    pub fn with_picture(self, sample: &Sample) -> Self {
        Self { picture: Some(data_url(&sample.content.glyph)), ..self }
    }

    /// With the glyph and the strokes it came from; without its image.
    pub fn with_input(self, sample: &Sample) -> Self {
        let content = &sample.content;
        let mut record = Self { glyph: Some(STANDARD.encode(content.glyph.pixels())), ..self };
        if content.form == Form::Strokes {
            record.strokes = serde_json::from_slice(&content.raw).ok();
        }
        record
    }

    /// The sample as a line of JSON, without its image.
    pub fn line(sample: &Sample) -> Vec<u8> {
        let record = Self::new(sample).with_input(sample);
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// A glyph as a page shows it.
pub fn data_url(glyph: &Glyph) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(glyph)))
}
