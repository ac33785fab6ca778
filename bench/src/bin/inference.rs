//! Predictions a second of the promoted checkpoint on the CPU, by batch size: a JSON line
//! each. `bench/serve/run` prints them beside ONNX Runtime's.
//!
//! ```sh
//! cargo run --release -p glyphic-bench --bin inference -- --threads 1
//! ```

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;
use glyphic_model::{Classifier, Glyph, preprocess::Pictures};
use glyphic_runtime::{device::Device, registry::Registry};
use glyphic_train::data::load_for_evaluation;
use serde_json::json;

#[derive(Parser)]
struct Arguments {
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, default_value = "artifacts")]
    artifacts: PathBuf,
    /// Threads that compute.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seconds for each batch size.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Through burn instead of the CPU's kernels.
    #[arg(long)]
    burn: bool,
}

fn main() -> Result<()> {
    let Arguments { artifacts, threads, seconds, burn } = Arguments::parse();
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let registry = Registry::new(&artifacts);
    let device = Device::flex();
    let checkpoint = registry.load(&registry.current()?, &device)?;
    let classifier = match burn {
        false => checkpoint.into_classifier(&device),
        true => Classifier::through_burn(checkpoint.network, checkpoint.manifest.labels, &device),
    };
    ensure!(burn || classifier.uses_kernels(), "the network could not be packed");
    let glyphs = glyphs(&artifacts)?;
    for batch in [1, 8, 64, 256] {
        images_per_second(&classifier, &glyphs[..batch], seconds / 5.0)?;
        let speed = images_per_second(&classifier, &glyphs[..batch], seconds)?;
        println!("{}", json!({ "batch": batch, "threads": threads, "images_per_second": speed }));
    }
    Ok(())
}

/// Pictures of MNIST's test set.
fn glyphs(artifacts: &Path) -> Result<Vec<Glyph>> {
    let test = load_for_evaluation(&artifacts.join("datasets/mnist"), Pictures::Ink)?.examples;
    ensure!(test.len() >= 256, "MNIST's test set is not there");
    Ok(test.into_iter().take(256).map(|example| example.glyph).collect())
}

fn images_per_second(classifier: &Classifier, glyphs: &[Glyph], seconds: f64) -> Result<f64> {
    let (begun, whole) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut read = 0;
    while begun.elapsed() < whole {
        read += classifier.classify(glyphs)?.len();
    }
    Ok(read as f64 / begun.elapsed().as_secs_f64())
}
