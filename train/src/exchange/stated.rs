//! What an exported network says of itself, beside its numbers: its manifest, and which
//! numbers that is about.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use glyphic_model::{
    checkpoint::{Draft, Manifest, Metrics, Registry, Score, sha256},
    network::Network,
    plain::PlainLayer,
};

const MANIFEST: &str = "glyphic.manifest";
const NUMBERS: &str = "glyphic.sha256";

/// The entries of a file's metadata.
pub fn of(manifest: &Manifest, layers: &[PlainLayer]) -> Result<HashMap<String, String>> {
    let manifest = serde_json::to_string(manifest)?;
    Ok(HashMap::from([(MANIFEST.to_owned(), manifest), (NUMBERS.to_owned(), checksum(layers))]))
}

/// The manifest in a file's metadata.
pub fn manifest(stated: &HashMap<String, String>) -> Result<Manifest> {
    let text = stated.get(MANIFEST).context(
        "it does not say what its outputs are: only what `train export` wrote can be imported",
    )?;
    let manifest: Manifest =
        serde_json::from_str(text).context("the manifest in it cannot be read")?;
    Ok(Manifest::parse(&manifest.id, text.as_bytes())?)
}

/// Publishes a network as a checkpoint of its own, whose parent is the one that was written.
/// What was measured of that is not said of other numbers.
pub fn publish(
    registry: &Registry,
    id: String,
    stated: &HashMap<String, String>,
    layers: &[PlainLayer],
) -> Result<Manifest> {
    let manifest = manifest(stated)?;
    let network = Network::of_plain(&manifest.network, layers)
        .ok_or_else(|| anyhow!("its layers are not those that its manifest names"))?;
    let unchanged = stated.get(NUMBERS) == Some(&checksum(layers));
    let draft = Draft {
        id,
        created: manifest.created,
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
        git_revision: manifest.git_revision,
        files: vec![],
    };
    Ok(registry.publish(draft)?)
}

/// Whether anything was measured of a checkpoint.
pub fn is_measured(manifest: &Manifest) -> bool {
    manifest.metrics != unmeasured()
}

fn unmeasured() -> Metrics {
    let none = Score { accuracy: 0.0, loss: 0.0, examples: 0 };
    Metrics { epochs: 0, seconds: 0.0, validation: none, test: None }
}

fn checksum(layers: &[PlainLayer]) -> String {
    let numbers = layers.iter().flat_map(|layer| match layer {
        PlainLayer::Convolution { weights, bias, .. }
        | PlainLayer::Linear { weights, bias, .. } => weights.iter().chain(bias),
    });
    sha256(&numbers.flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}
