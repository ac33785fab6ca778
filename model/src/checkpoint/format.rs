//! The version of the manifest's format, the names of a checkpoint's files, and their checksum.

use sha2::{Digest, Sha256};

/// Version of the manifest's format. Any other version is rejected.
pub const SCHEMA: u32 = 1;

/// Name of the weights' file in a checkpoint.
pub const WEIGHTS_FILE: &str = "weights.bpk";
/// Name of the manifest's file in a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the metrics' file in a checkpoint.
pub const METRICS_FILE: &str = "metrics.jsonl";
/// Name of the file with the drawings that a checkpoint was trained on.
pub const DRAWINGS_FILE: &str = "drawings.jsonl";
/// Name of the report's page in a checkpoint.
pub const REPORT_FILE: &str = "report.html";
/// Name of the report's figures in a checkpoint.
pub const CARD_FILE: &str = "report.json";

/// SHA-256 of `bytes`, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
