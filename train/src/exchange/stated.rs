//! What an exported network says of itself, beside its numbers: its manifest, and which
//! numbers that is about.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use glyphic_model::{
    LayerWeights,
    checkpoint::{Manifest, Metrics, Score, sha256},
    network::Network,
};
use glyphic_runtime::registry::{Draft, Registry};
use serde::{Deserialize, Serialize};

/// The entry of a file's metadata.
const KEY: &str = "glyphic";

/// What is stated.
#[derive(Serialize, Deserialize)]
pub struct Stated {
    /// SHA-256 of the numbers that it is about, in hex; empty if that is not known.
    #[serde(default)]
    numbers: String,
    /// What the checkpoint says of itself.
    pub manifest: Manifest,
}

impl Stated {
    /// The entry of a file's metadata for a network of these layers.
    pub fn entry(manifest: &Manifest, layers: &[LayerWeights]) -> Result<(String, String)> {
        let stated = Self { numbers: checksum(layers), manifest: manifest.clone() };
        Ok((KEY.to_owned(), serde_json::to_string(&stated)?))
    }

    /// What a file's metadata states.
    pub fn of(metadata: &HashMap<String, String>) -> Result<Self> {
        let text = metadata.get(KEY).context(
            "it does not say what its outputs are: only what `train export` wrote, with its \
             metadata, can be imported; --like names a checkpoint that it is like",
        )?;
        let stated: Self =
            serde_json::from_str(text).context("the manifest in it cannot be read")?;
        // As strictly as from a checkpoint.
        let text = serde_json::to_vec(&stated.manifest)?;
        let manifest = Manifest::parse(&stated.manifest.id, &text)?;
        Ok(Self { manifest, ..stated })
    }

    /// That a network is like the one of a checkpoint, but for its numbers.
    pub fn like(manifest: Manifest) -> Self {
        Self { numbers: String::new(), manifest }
    }

    /// Publishes a network as a checkpoint of its own, whose parent is the one that was
    /// written. What was measured of that is not said of other numbers.
    pub fn publish(
        self,
        registry: &Registry,
        id: String,
        layers: &[LayerWeights],
    ) -> Result<Manifest> {
        let Self { numbers, manifest } = self;
        let network = Network::from_layer_weights(&manifest.network, layers)
            .ok_or_else(|| anyhow!("its layers are not those that its manifest names"))?;
        let unchanged = numbers == checksum(layers);
        let draft = Draft {
            id,
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            network_config: manifest.network,
            network: &network,
            labels: manifest.labels,
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

/// Whether anything was measured of a checkpoint.
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
