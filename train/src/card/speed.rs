//! The speed of a classifier on this machine.

use std::time::{Duration, Instant};

use anyhow::Result;
use glyphic_model::{Classifier, Glyph};
use serde::{Deserialize, Serialize};

use crate::example::Example;

/// Pictures of a large batch.
const BATCH: usize = 64;
/// Duration of each measurement.
const SPENT: Duration = Duration::from_millis(400);

/// Speed of classification, without preprocessing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// A single picture, in milliseconds (median).
    pub single_ms: f64,
    /// Pictures a second in batches of 64 (median).
    pub batched_per_second: f64,
}

impl Speed {
    /// Classifies the examples repeatedly, one by one and in batches.
    pub fn measure(classifier: &Classifier, examples: &[Example]) -> Result<Self> {
        let glyphs: Vec<Glyph> =
            examples.iter().cycle().take(BATCH).map(|example| example.glyph.clone()).collect();
        let median = |glyphs: &[Glyph]| -> Result<f64> {
            // The first runs compile and tune kernels and fill caches: they are not timed.
            for _ in 0..3 {
                classifier.logits(glyphs)?;
            }
            let (begun, mut times) = (Instant::now(), Vec::new());
            while begun.elapsed() < SPENT || times.len() < 5 {
                let begun = Instant::now();
                classifier.logits(glyphs)?;
                times.push(begun.elapsed().as_secs_f64());
            }
            times.sort_by(f64::total_cmp);
            Ok(times[times.len() / 2])
        };
        let one = &glyphs[..glyphs.len().min(1)];
        Ok(Self {
            single_ms: 1e3 * median(one)?,
            batched_per_second: glyphs.len() as f64 / median(&glyphs)?,
        })
    }
}
