//! The inputs of a report, and how values become HTML.

use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    checkpoint::{EpochMetrics, Metrics},
    network::NetworkConfig,
};
use glyphic_runtime::decode::png;

use crate::{card::Card, evaluate::Evaluation, example::Example};

/// The inputs of a report.
pub struct Content<'a> {
    /// The checkpoint's name.
    pub title: &'a str,
    /// The epochs of the run; none for a checkpoint that was imported.
    pub epochs: &'a [EpochMetrics],
    /// The results.
    pub metrics: &'a Metrics,
    /// The network's shape.
    pub network: &'a NetworkConfig,
    /// What to call the examples: `the test set`, or the name of the data.
    pub set: &'a str,
    /// The measurements.
    pub card: &'a Card,
    /// The predictions for `examples`.
    pub evaluation: &'a Evaluation,
    /// The examples.
    pub examples: &'a [Example],
}

/// A glyph as the URL of a picture.
pub(super) fn png_data_url(glyph: &Glyph) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(glyph)))
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}
