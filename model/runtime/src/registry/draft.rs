//! Trained networks as checkpoints.

use glyphic_model::{
    checkpoint::{
        CheckpointError, DatasetRecord, EpochMetrics, METRICS_FILE, Manifest, Metrics, SCHEMA,
        WEIGHTS_FILE, WeightsRecord, sha256, weights_to_bytes,
    },
    glyph::PREPROCESSING_VERSION,
    network::{Network, NetworkConfig},
    preprocess::Pictures,
    verdict::Thresholds,
};

use super::{error::RegistryError, folder::Registry};

/// Everything that is needed to publish a trained network as a checkpoint.
pub struct Draft<'a> {
    /// The id of the new checkpoint.
    pub id: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The network's architecture.
    pub network_config: NetworkConfig,
    /// The trained network.
    pub network: &'a Network,
    /// The label of each output.
    pub labels: Vec<String>,
    /// What its pictures are.
    pub pictures: Pictures,
    /// What logits are divided by before softmax; 0.05–20.
    pub temperature: f32,
    /// Thresholds for verdicts.
    pub thresholds: Thresholds,
    /// All settings of the training run.
    pub training: serde_json::Value,
    /// The datasets trained on.
    pub datasets: Vec<DatasetRecord>,
    /// The results of the run.
    pub metrics: Metrics,
    /// The metrics of each epoch.
    pub epochs: &'a [EpochMetrics],
    /// The id of the checkpoint that training started from, if any.
    pub parent: Option<String>,
    /// The commit of the source code, if known.
    pub git_revision: Option<String>,
    /// Names and contents of further files.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Registry {
    /// Publishes a checkpoint, completely or not at all, and returns its manifest.
    ///
    /// # Errors
    /// The id or a file's name is not allowed or taken, a value of the manifest is impossible, or a
    /// file cannot be written.
    pub fn publish(&self, draft: Draft<'_>) -> Result<Manifest, RegistryError> {
        let weights = weights_to_bytes(draft.network)
            .map_err(|reason| CheckpointError::WrongWeights { id: draft.id.clone(), reason })?;
        let manifest = Manifest {
            schema: SCHEMA,
            id: draft.id,
            created: draft.created,
            parameters: draft.network_config.parameters(),
            macs: draft.network_config.macs(),
            network: draft.network_config,
            labels: draft.labels,
            temperature: draft.temperature,
            thresholds: draft.thresholds,
            preprocessing: PREPROCESSING_VERSION,
            pictures: draft.pictures,
            training: draft.training,
            datasets: draft.datasets,
            metrics: draft.metrics,
            parent: draft.parent,
            git_revision: draft.git_revision,
            weights: WeightsRecord { sha256: sha256(&weights), bytes: weights.len() as u64 },
        };
        let mut files = draft.files;
        files.push((WEIGHTS_FILE.to_owned(), weights));
        files.push((METRICS_FILE.to_owned(), to_json_lines(draft.epochs)));
        self.write_folder(&manifest, files)?;
        Ok(manifest)
    }
}

fn to_json_lines<T: serde::Serialize>(values: &[T]) -> Vec<u8> {
    let lines = values.iter().filter_map(|value| serde_json::to_string(value).ok());
    lines.flat_map(|line| (line + "\n").into_bytes()).collect()
}
