//! Confidence that means what it says: one temperature that all logits are
//! divided by, fitted on examples the network has not learned from (Guo et al.,
//! "On Calibration of Modern Neural Networks", 2017).

use glyphic_model::Prediction;

use crate::{data::Example, evaluate::mean_loss};

/// The temperatures tried.
const RANGE: (f32, f32) = (0.1, 10.0);
/// How often the range is narrowed (by 0.62, on a logarithmic scale).
const ROUNDS: usize = 24;

/// The temperature with the least cross entropy on these examples. `logits`
/// are the network's, one row an example.
pub fn temperature(logits: &[Vec<f32>], examples: &[Example]) -> f32 {
    let loss = |ln_temperature: f32| {
        let divisor = ln_temperature.exp();
        let scaled = logits.iter().map(|row| row.iter().map(|l| l / divisor).collect::<Vec<_>>());
        let predictions: Vec<Prediction> = scaled.map(|row| Prediction::of(&row)).collect();
        mean_loss(&predictions, examples)
    };
    // The loss has one minimum over the temperature: golden-section search.
    let golden = (5f32.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    let inner = |low: f32, high: f32| (high - golden * (high - low), low + golden * (high - low));
    for _ in 0..ROUNDS {
        let (left, right) = inner(low, high);
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    ((low + high) / 2.0).exp()
}
