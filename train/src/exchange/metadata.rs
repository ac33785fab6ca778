//! The metadata of an exported network: the manifest of its checkpoint, and a checksum of the
//! weights that the manifest describes.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use glyphic_model::{
    LayerWeights,
    checkpoint::{Manifest, Metrics, Score, sha256},
    network::Network,
};
use glyphic_runtime::registry::{Draft, Registry};
use serde::{Deserialize, Serialize};

use crate::environment;

/// The key of the entry in a file's metadata.
const KEY: &str = "glyphic";

/// The metadata.
#[derive(Serialize, Deserialize)]
pub struct ExportMetadata {
    /// SHA-256 of the weights that the manifest describes, in hex; empty if it is unknown.
    #[serde(default, rename = "numbers")]
    weights: String,
    /// The checkpoint's manifest.
    pub manifest: Manifest,
}

impl ExportMetadata {
    /// The entry in a file's metadata for a network of these layers.
    pub fn entry(manifest: &Manifest, layers: &[LayerWeights]) -> Result<(String, String)> {
        let metadata = Self { weights: checksum(layers), manifest: manifest.clone() };
        Ok((KEY.to_owned(), serde_json::to_string(&metadata)?))
    }

    /// Reads it from the entries of a file's metadata.
    pub fn of(entries: &HashMap<String, String>) -> Result<Self> {
        let text = entries.get(KEY).context(
            "it does not say what its outputs mean: import a file with the metadata that `train \
             export` writes, or name a checkpoint with the same outputs with --like",
        )?;
        let metadata: Self =
            serde_json::from_str(text).context("the manifest in it cannot be read")?;
        // Checked as strictly as the manifest of a checkpoint.
        let text = serde_json::to_vec(&metadata.manifest)?;
        let manifest = Manifest::parse(&metadata.manifest.id, &text)?;
        Ok(Self { manifest, ..metadata })
    }

    /// The metadata of a network that has the labels and the shape of a checkpoint, but other
    /// weights.
    pub fn like(manifest: Manifest) -> Self {
        Self { weights: String::new(), manifest }
    }

    /// Publishes a network as a new checkpoint, whose parent is the exported one. If its
    /// weights have changed since, the parent's measurements are not true of it and left out.
    pub fn publish(
        self,
        registry: &Registry,
        id: String,
        layers: &[LayerWeights],
    ) -> Result<Manifest> {
        let Self { weights, manifest } = self;
        let network = Network::from_layer_weights(&manifest.network, layers)
            .ok_or_else(|| anyhow!("its layers do not match its manifest"))?;
        let unchanged = weights == checksum(layers);
        let draft = Draft {
            id,
            created: environment::now(),
            network_config: manifest.network,
            network: &network,
            labels: manifest.labels,
            pictures: manifest.pictures,
            temperature: manifest.temperature,
            thresholds: manifest.thresholds,
            training: manifest.training,
            datasets: manifest.datasets,
            metrics: if unchanged { manifest.metrics } else { unmeasured() },
            epochs: &[],
            parent: Some(manifest.id),
            git_revision: manifest.git_revision.filter(|_| unchanged),
            files: vec![],
        };
        Ok(registry.publish(draft)?)
    }
}

/// Whether a checkpoint's accuracy was measured.
pub fn is_measured(manifest: &Manifest) -> bool {
    manifest.metrics.validation.examples > 0
}

fn unmeasured() -> Metrics {
    let none = Score { accuracy: 0.0, loss: 0.0, examples: 0 };
    Metrics { epochs: 0, seconds: 0.0, validation: none, test: None }
}

fn checksum(layers: &[LayerWeights]) -> String {
    let numbers = layers.iter().flat_map(|layer| match layer {
        LayerWeights::Convolution { weights, bias, .. }
        | LayerWeights::Linear { weights, bias, .. } => weights.iter().chain(bias),
    });
    sha256(&numbers.flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}
