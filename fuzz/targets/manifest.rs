//! Any bytes as a checkpoint's manifest. One that is taken is one that can be built.
#![no_main]

use glyphic_model::checkpoint::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Under the name that it says itself, so that the checks behind that are reached.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let id = value["id"].as_str().unwrap_or("x");
    if let Ok(manifest) = Manifest::parse(id, bytes) {
        assert_eq!(manifest.labels.len(), manifest.network.classes);
        assert!(manifest.network.check().is_ok());
    }
});
