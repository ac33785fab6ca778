//! Any bytes as the weights of a checkpoint: whole ones, or true ones with some bytes changed.
#![no_main]

use std::sync::LazyLock;

use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph,
    checkpoint::{layers_from_bytes, network_from_bytes, network_to_bytes},
    glyph::PIXELS,
    network::{ConvolutionConfig, NetworkConfig},
};
use libfuzzer_sys::fuzz_target;

/// A small network and its weights.
static TRUE: LazyLock<(NetworkConfig, Vec<u8>)> = LazyLock::new(|| {
    let convolution = ConvolutionConfig { channels: 2, kernel: 3, stride: 2, padding: 1 };
    let config = NetworkConfig { convolutions: vec![convolution], hidden: vec![4], classes: 3 };
    let network = config.init(&Device::flex());
    let bytes = network_to_bytes(&network).expect("a new network can be written");
    (config, bytes)
});

fuzz_target!(init: {
    // `run` asks for a seed this way.
    if let Some(path) = std::env::var_os("SEED") {
        std::fs::write(path, &TRUE.1).expect("the seed can be written");
    }
}, |bytes: &[u8]| {
    let (config, weights) = &*TRUE;
    let bytes = match bytes.split_first() {
        // Three bytes per change: the position, and the new value.
        Some((0, changes)) => {
            let mut weights = weights.clone();
            for change in changes.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % weights.len();
                weights[at] = change[2];
            }
            weights
        }
        _ => bytes.to_vec(),
    };
    let labels = vec![String::new(); config.classes];
    let layers = layers_from_bytes(config, &bytes);
    if let Ok(layers) = &layers {
        let classifier = Classifier::of_layers(layers, labels.clone()).expect("it has layers");
        let _ = classifier.classify(&[Glyph::new([128; PIXELS])]);
    }
    if let Ok(network) = network_from_bytes(config, bytes, &Device::flex()) {
        let classifier = Classifier::new(network, labels, &Device::flex());
        let _ = classifier.classify(&[Glyph::new([128; PIXELS])]);
    }
});
