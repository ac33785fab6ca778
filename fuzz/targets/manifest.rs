//! Any bytes as a checkpoint's manifest. One that is taken is one that can be built.
#![no_main]

use burn::tensor::Device;
use glyphic_model::checkpoint::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Under the name that it says itself, so that the checks behind that are reached.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let id = value["id"].as_str().unwrap_or("x");
    if let Ok(manifest) = Manifest::parse(id, bytes) {
        // As large ones as fit into a moment.
        if manifest.network.macs() < 1 << 22 && manifest.network.parameters() < 1 << 20 {
            manifest.network.init(&Device::flex());
        }
    }
});
