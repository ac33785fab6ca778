//! A checkpoint is loaded exactly as it was published, or not at all.

use std::{fs, path::Path};

use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph, Thresholds,
    checkpoint::{CheckpointError, MANIFEST_FILE, Manifest, Metrics, Score, WEIGHTS_FILE, sha256},
    network::{ConvolutionConfig, Network, NetworkConfig},
    preprocess::Pictures,
};
use glyphic_runtime::registry::{Draft, Registry, RegistryError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A small network of two labels.
pub fn tiny() -> NetworkConfig {
    let conv = ConvolutionConfig { channels: 4, kernel: 5, stride: 3, padding: 2 };
    NetworkConfig { convolutions: vec![conv], hidden: vec![8], classes: 2 }
}

/// A checkpoint of such a network, to be published.
pub fn draft<'a>(id: &str, network: &'a Network) -> Draft<'a> {
    let score = Score { accuracy: 0.5, loss: 0.7, examples: 10 };
    Draft {
        id: id.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        network_config: tiny(),
        network,
        labels: vec!["a".to_owned(), "b".to_owned()],
        pictures: Pictures::Ink,
        temperature: 0.5,
        thresholds: Thresholds { in_distribution: 0.25, confidence: 0.5 },
        training: json!({ "epochs": 1 }),
        datasets: vec![],
        metrics: Metrics { epochs: 1, seconds: 1.0, validation: score, test: None },
        epochs: &[],
        parent: None,
        git_revision: None,
        files: vec![("extra.txt".to_owned(), b"x".to_vec())],
    }
}

/// A registry with one published checkpoint, `one`.
fn published() -> (TempDir, Registry, Network) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    let network = tiny().init(&Device::flex());
    registry.publish(draft("one", &network)).unwrap();
    (folder, registry, network)
}

fn edit(registry: &Registry, change: impl FnOnce(&mut Value)) {
    let path = registry.folder("one").join(MANIFEST_FILE);
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn a_manifest_says_what_its_pictures_are_only_if_they_are_not_ink() {
    let (_folder, registry, network) = published();
    let text = |id: &str| fs::read_to_string(registry.folder(id).join(MANIFEST_FILE)).unwrap();
    // As all older ones are written, and read.
    assert!(!text("one").contains("pictures"), "{}", text("one"));
    assert_eq!(registry.manifest("one").unwrap().pictures, Pictures::Ink);
    let whole = Draft { pictures: Pictures::Whole, ..draft("whole", &network) };
    let manifest = registry.publish(whole).unwrap();
    assert!(text("whole").contains(r#""pictures": "whole""#), "{}", text("whole"));
    assert_eq!(registry.manifest("whole").unwrap(), manifest);
    assert_eq!(manifest.pictures, Pictures::Whole);
    edit(&registry, |manifest| manifest["pictures"] = json!("oil"));
    let error = registry.manifest("one").unwrap_err().to_string();
    assert!(error.contains("must be \"ink\" or \"whole\""), "{error}");
}

/// Why the checkpoint is refused, for the same reason with and without burn.
fn load(registry: &Registry) -> RegistryError {
    let error = registry.load("one", &Device::flex()).map(|_| ()).unwrap_err();
    let weights = fs::read(registry.folder("one").join(WEIGHTS_FILE));
    if let (Ok(manifest), Ok(weights)) = (registry.manifest("one"), weights) {
        let without_burn = manifest.into_classifier(&weights).unwrap_err();
        assert_eq!(without_burn.to_string(), error.to_string());
    }
    error
}

#[test]
fn a_loaded_checkpoint_equals_the_published_one() {
    let (_folder, registry, network) = published();
    let loaded = registry.load("one", &Device::flex()).unwrap();
    assert_eq!(loaded.manifest.network, tiny());
    assert_eq!(loaded.manifest.parameters, tiny().parameters());
    let glyph = crate::inputs::five().glyph().unwrap();
    let labels = loaded.manifest.labels.clone();
    let before = Classifier::new(network, labels, &Device::flex());
    let after = loaded.into_classifier(&Device::flex());
    let glyphs = [glyph, Glyph::new([9; 784])];
    assert_eq!(before.logits(&glyphs).unwrap(), after.logits(&glyphs).unwrap());
    // The temperature of 0.5 is loaded too: it makes every prediction more confident.
    let (before, after) = (before.classify(&glyphs).unwrap(), after.classify(&glyphs).unwrap());
    assert!(after[0].confidence() > before[0].confidence());
}

#[test]
fn released_checkpoints_give_the_same_logits_without_burn() {
    let registry = Registry::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../artifacts"));
    let glyphs = [crate::inputs::five().glyph().unwrap(), Glyph::new([9; 784])];
    let ids = registry.ids().unwrap();
    assert!(!ids.is_empty());
    for id in ids {
        let loaded = registry.load(&id, &Device::flex()).unwrap();
        let weights = fs::read(registry.folder(&id).join(WEIGHTS_FILE)).unwrap();
        let without_burn = loaded.manifest.clone().into_classifier(&weights).unwrap();
        let with_burn = loaded.into_classifier(&Device::flex());
        let logits = |classifier: &Classifier| classifier.logits(&glyphs).unwrap();
        assert!(with_burn.uses_kernels() && without_burn.uses_kernels());
        assert_eq!(logits(&without_burn), logits(&with_burn), "{id}");
        let predictions = |classifier: &Classifier| classifier.classify(&glyphs).unwrap();
        assert_eq!(predictions(&without_burn), predictions(&with_burn), "{id}");
        assert_eq!(without_burn.thresholds(), with_burn.thresholds(), "{id}");
    }
}

#[test]
fn a_published_checkpoint_has_all_files_and_nothing_else() {
    let (folder, registry, _) = published();
    let names = |path: &Path| {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&folder.path().join("checkpoints")), ["one"]);
    let files = names(&registry.folder("one"));
    assert_eq!(files, ["extra.txt", "manifest.json", "metrics.jsonl", "weights.bpk"]);
    assert_eq!(registry.ids().unwrap(), ["one"]);
}

#[test]
fn rejects_publishing_under_an_id_that_exists() {
    let (_folder, registry, network) = published();
    let before = fs::read(registry.folder("one").join(WEIGHTS_FILE)).unwrap();
    let again = registry.publish(draft("one", &network));
    assert!(matches!(again, Err(RegistryError::Exists(id)) if id == "one"));
    assert_eq!(fs::read(registry.folder("one").join(WEIGHTS_FILE)).unwrap(), before);
}

#[test]
fn rejects_ids_that_lead_out_of_the_folder() {
    let (_folder, registry, network) = published();
    for id in ["", ".", "..", "../one", "a/b", "a\\b", ".hidden", "a b", "ü", &"x".repeat(65)] {
        assert!(matches!(registry.manifest(id), Err(RegistryError::BadId(_))), "{id}");
        assert!(matches!(registry.publish(draft(id, &network)), Err(RegistryError::BadId(_))));
    }
}

#[test]
fn rejects_a_missing_checkpoint() {
    let (_folder, registry, _) = published();
    assert!(matches!(registry.manifest("two"), Err(RegistryError::NotFound { .. })));
}

#[test]
fn rejects_missing_weights() {
    let (_folder, registry, _) = published();
    fs::remove_file(registry.folder("one").join(WEIGHTS_FILE)).unwrap();
    assert!(matches!(load(&registry), RegistryError::Io { action: "read", .. }));
}

#[test]
fn rejects_changed_weights() {
    let (_folder, registry, _) = published();
    let path = registry.folder("one").join(WEIGHTS_FILE);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongChecksum { .. })
    ));
}

#[test]
fn rejects_truncated_weights() {
    let (_folder, registry, _) = published();
    let path = registry.folder("one").join(WEIGHTS_FILE);
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongChecksum { .. })
    ));
}

#[test]
fn rejects_files_that_are_not_weights() {
    let (_folder, registry, _) = published();
    for junk in [&b""[..], b"not a burnpack file", &[0; 4096]] {
        fs::write(registry.folder("one").join(WEIGHTS_FILE), junk).unwrap();
        edit(&registry, |manifest| manifest["weights"]["sha256"] = json!(sha256(junk)));
        assert!(matches!(
            load(&registry),
            RegistryError::Checkpoint(CheckpointError::WrongWeights { .. })
        ));
    }
}

#[test]
fn rejects_weights_of_another_shape() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| reshape(manifest, &[9]));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongWeights { .. })
    ));
}

#[test]
fn rejects_weights_of_another_depth() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| reshape(manifest, &[]));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongWeights { .. })
    ));
}

/// Gives the network in the manifest other hidden layers, and the sizes that belong to them.
fn reshape(manifest: &mut serde_json::Value, hidden: &[usize]) {
    manifest["network"]["hidden"] = json!(hidden);
    let network: NetworkConfig = serde_json::from_value(manifest["network"].clone()).unwrap();
    manifest["parameters"] = json!(network.parameters());
    manifest["macs"] = json!(network.macs());
}

#[test]
fn rejects_sizes_that_are_not_those_of_the_network() {
    for field in ["macs", "parameters"] {
        let (_folder, registry, _) = published();
        edit(&registry, |manifest| manifest[field] = json!(0));
        let error = load(&registry).to_string();
        assert!(error.contains("parameters and multiply-adds"), "{error}");
    }
}

#[test]
fn rejects_weights_of_another_data_type() {
    let (_folder, registry, _) = published();
    let path = registry.folder("one").join(WEIGHTS_FILE);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|window| window == b"F32").unwrap();
    bytes[at] = b'U';
    edit(&registry, |manifest| manifest["weights"]["sha256"] = json!(sha256(&bytes)));
    fs::write(path, bytes).unwrap();
    let error = load(&registry).to_string();
    assert!(error.contains("U32, not F32"), "{error}");
}

#[test]
fn rejects_weights_that_are_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    struct Poison;
    impl burn::module::ModuleMapper for Poison {
        fn map_float<const D: usize>(
            &mut self,
            param: burn::module::Param<burn::tensor::Tensor<D>>,
        ) -> burn::module::Param<burn::tensor::Tensor<D>> {
            param.map(|tensor| tensor * f32::NAN)
        }
    }
    let network = burn::module::Module::map(tiny().init(&Device::flex()), &mut Poison);
    registry.publish(draft("one", &network)).unwrap();
    assert!(matches!(load(&registry), RegistryError::Checkpoint(CheckpointError::NotFinite(_))));
}

#[test]
fn rejects_a_manifest_that_is_not_json() {
    let (_folder, registry, _) = published();
    fs::write(registry.folder("one").join(MANIFEST_FILE), "{ \"schema\": 1, ").unwrap();
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::BadManifest { .. })
    ));
}

#[test]
fn rejects_a_manifest_with_a_field_missing() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| drop(manifest.as_object_mut().unwrap().remove("labels")));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::BadManifest { .. })
    ));
}

#[test]
fn rejects_another_schema() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| *manifest = json!({ "schema": 99, "all": "new" }));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongSchema { found: 99, .. })
    ));
}

#[test]
fn rejects_an_impossible_temperature() {
    for bad in [json!(0.0), json!(-1.0), json!(1e300)] {
        let (_folder, registry, _) = published();
        edit(&registry, |manifest| manifest["temperature"] = bad);
        assert!(matches!(
            load(&registry),
            RegistryError::Checkpoint(CheckpointError::BadManifest { .. })
        ));
    }
}

/// The record of a dataset with a file.
fn dataset(name: String, file: &str) -> Value {
    let files = json!([{ "name": file, "sha256": "0".repeat(64) }]);
    json!([{ "name": name, "training": 1, "validation": 1, "test": 0, "files": files }])
}

/// Values that no training gives: where they are in a manifest, and a part of what is said of them.
fn impossible_values() -> Vec<(&'static str, Value, &'static str)> {
    let test = |accuracy: f64| json!({ "accuracy": accuracy, "loss": 0.1, "examples": 10 });
    vec![
        ("/temperature", json!(0.0), "temperature"),
        ("/temperature", json!(1e-40), "temperature is 1e-40, not 0.05 to 20"),
        ("/temperature", json!(0.049), "temperature"),
        ("/temperature", json!(20.1), "temperature"),
        ("/thresholds/confidence", json!(1.5), "thresholds"),
        ("/thresholds/in_distribution", json!(-0.1), "thresholds"),
        ("/labels", json!(["a", "a"]), "the label \"a\" twice"),
        ("/labels", json!(["a", ""]), "labels is empty"),
        ("/labels", json!(["a", "b\0"]), "U+0000"),
        ("/labels", json!(["a", "b\n"]), "U+000A"),
        ("/labels", json!(["a", "\u{202e}b"]), "U+202E"),
        ("/labels", json!(["a", "a\u{200b}"]), "U+200B"),
        ("/labels", json!(["a", " b"]), "spaces around it"),
        ("/labels", json!(["a", "b".repeat(33)]), "longer than 32 characters"),
        ("/labels", json!(["a", "b".repeat(1 << 20)]), "longer than 32 characters"),
        ("/metrics/validation/accuracy", json!(5.0), "an accuracy of 5"),
        ("/metrics/validation/accuracy", json!(-0.1), "an accuracy of -0.1"),
        ("/metrics/validation/loss", json!(-1.0), "a loss of -1"),
        ("/metrics/test", test(1.01), "an accuracy of 1.01"),
        ("/metrics/test", json!({ "accuracy": 0.9, "loss": 0.1, "examples": 0 }), "on 0 examples"),
        ("/metrics/seconds", json!(-1.0), "took -1 seconds"),
        ("/metrics/epochs", json!(1_000_000_000_000_000_000u64), "epochs"),
        ("/created", json!("9999"), "the time when it was made"),
        ("/created", json!("9999-01-01T00:00:00Z"), "the time when it was made"),
        ("/created", json!("2026-13-01T00:00:00Z"), "the time when it was made"),
        ("/created", json!("soon"), "the time when it was made"),
        ("/created", json!("9".repeat(200)), "the time when it was made"),
        ("/parent", json!("x\u{1b}[31m"), "parent"),
        ("/parent", json!("../x"), "parent"),
        ("/parent", json!("x".repeat(1000)), "parent"),
        ("/datasets", dataset("x".repeat(1000), "a"), "the name of one of its datasets"),
        ("/datasets", dataset("x\u{202e}".to_owned(), "a"), "the name of one of its datasets"),
        ("/datasets", dataset("../mnist".to_owned(), "a"), "the name of one of its datasets"),
        ("/datasets", dataset("mnist".to_owned(), "a/../b"), "no file \"a/../b\""),
        ("/datasets", dataset("mnist".to_owned(), "a\n"), "no file \"a\\n\""),
        ("/git_revision", json!("f".repeat(200)), "git_revision"),
    ]
}

#[test]
fn impossible_values_are_refused_on_every_way_into_a_registry() {
    for (place, value, part) in impossible_values() {
        let (_folder, registry, _) = published();
        edit(&registry, |manifest| *manifest.pointer_mut(place).unwrap() = value.clone());
        let says = |way: &str, refused: Result<(), RegistryError>| {
            let error = refused.unwrap_err();
            let kind =
                matches!(error, RegistryError::Checkpoint(CheckpointError::BadManifest { .. }));
            let message = error.to_string();
            assert!(kind && message.contains(part), "{place}, {way}: '{message}'");
            assert!(message.len() < 300, "{place}, {way}: {} bytes", message.len());
        };
        says("read", registry.manifest("one").map(drop));
        says("loaded", registry.load("one", &Device::flex()).map(drop));
        says("promoted", registry.promote("one"));
        // As an archive, a shared registry or an exported network brings it.
        let file = |name: &str| fs::read(registry.folder("one").join(name)).unwrap();
        let manifest: Manifest = serde_json::from_slice(&file(MANIFEST_FILE)).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let elsewhere = Registry::new(elsewhere.path());
        let files = vec![(WEIGHTS_FILE.to_owned(), file(WEIGHTS_FILE))];
        says("adopted", elsewhere.adopt(&manifest, files));
        assert_eq!(elsewhere.ids().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn rejects_publishing_what_could_not_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    let network = tiny().init(&Device::flex());
    let twice = vec!["a".to_owned(), "a".to_owned()];
    let refused = registry.publish(Draft { labels: twice, ..draft("one", &network) });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("twice"), "{refused}");
    assert_eq!(registry.ids().unwrap(), Vec::<String>::new());
}

#[test]
fn the_limits_of_what_is_possible_are_possible() {
    for (place, value) in [
        ("/temperature", json!(0.05)),
        ("/temperature", json!(20.0)),
        ("/thresholds/confidence", json!(1.0)),
        ("/labels", json!(["a", "π".repeat(32)])),
        ("/metrics/validation", json!({ "accuracy": 1.0, "loss": 0.0, "examples": 1 })),
        ("/metrics/validation", json!({ "accuracy": 0.0, "loss": 0.0, "examples": 0 })),
        ("/datasets", dataset("my data (new)".to_owned(), "a b/ü.png")),
        ("/created", json!("2026-01-01T00:00:00.123+01:00")),
    ] {
        let (_folder, registry, _) = published();
        edit(&registry, |manifest| *manifest.pointer_mut(place).unwrap() = value.clone());
        registry.load("one", &Device::flex()).unwrap();
    }
}

#[test]
fn the_released_checkpoints_load() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts");
    let registry = Registry::new(released);
    let ids = registry.ids().unwrap();
    assert!(ids.len() >= 3, "{ids:?}");
    for id in ids {
        registry.load(&id, &Device::flex()).unwrap();
    }
}

#[test]
fn rejects_a_renamed_folder() {
    let (_folder, registry, _) = published();
    fs::rename(registry.folder("one"), registry.folder("two")).unwrap();
    assert!(matches!(
        registry.manifest("two"),
        Err(RegistryError::Checkpoint(CheckpointError::WrongId { .. }))
    ));
}

#[test]
fn rejects_other_preprocessing() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| manifest["preprocessing"] = json!(999));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongPreprocessing { found: 999, .. })
    ));
}

#[test]
fn rejects_labels_that_do_not_match_the_outputs() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| manifest["labels"] = json!(["a", "b", "c"]));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::WrongLabels { labels: 3, classes: 2, .. })
    ));
}

#[test]
fn rejects_impossible_architectures() {
    let huge = 1u64 << 40;
    for (field, value) in [
        ("channels", json!(0)),
        ("channels", json!(huge)),
        ("kernel", json!(0)),
        ("kernel", json!(29)),
        ("stride", json!(0)),
        ("padding", json!(5)),
    ] {
        let (_folder, registry, _) = published();
        edit(&registry, |manifest| manifest["network"]["convolutions"][0][field] = value.clone());
        assert!(
            matches!(
                load(&registry),
                RegistryError::Checkpoint(CheckpointError::Impossible { .. })
            ),
            "{field} {value}"
        );
    }
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| manifest["network"]["hidden"] = json!([65_536, 65_536]));
    assert!(matches!(
        load(&registry),
        RegistryError::Checkpoint(CheckpointError::Impossible { .. })
    ));
}

#[test]
fn promotes_and_rolls_back() {
    let (folder, registry, network) = published();
    assert!(matches!(registry.current(), Err(RegistryError::NothingPromoted(_))));
    registry.publish(draft("two", &network)).unwrap();
    registry.promote("one").unwrap();
    assert!(matches!(registry.roll_back(None), Err(RegistryError::NothingToRollBackTo)));
    registry.promote("two").unwrap();
    registry.promote("two").unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("CURRENT")).unwrap(), "two\none\n");
    assert_eq!(registry.roll_back(None).unwrap(), "one");
    assert_eq!(registry.current().unwrap(), "one");
}

#[test]
fn what_is_removed_can_be_restored_for_a_day() {
    let (folder, registry, network) = published();
    registry.publish(draft("two", &network)).unwrap();
    registry.promote("two").unwrap();
    assert_eq!(registry.prunable(1, &[]).unwrap(), ["one"]);
    assert_eq!(registry.prune(1, &[]).unwrap(), ["one"]);
    assert_eq!(registry.restorable().unwrap(), ["one"]);
    // Another of the same id stands in its way, and is put aside beside it.
    registry.publish(draft("one", &network)).unwrap();
    assert!(matches!(registry.restore("one"), Err(RegistryError::Exists(_))));
    std::thread::sleep(std::time::Duration::from_millis(2));
    registry.remove("one").unwrap();
    assert_eq!(registry.ids().unwrap(), ["two"]);
    for _ in 0..2 {
        registry.restore("one").unwrap();
        registry.load("one", &Device::flex()).unwrap();
        fs::remove_dir_all(registry.folder("one")).unwrap();
    }
    assert!(matches!(registry.restore("one"), Err(RegistryError::NotRemoved(_))));
    assert!(matches!(registry.restore("two"), Err(RegistryError::NotRemoved(_))));

    // After a day it is deleted; and so is what older programs were deleting.
    registry.remove("two").unwrap();
    let checkpoints = folder.path().join("checkpoints");
    let aside = fs::read_dir(&checkpoints).unwrap().next().unwrap().unwrap().path();
    registry.remove_leftovers().unwrap();
    assert!(aside.is_dir());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let long_ago = now.as_millis() - 25 * 60 * 60 * 1000;
    fs::rename(&aside, checkpoints.join(format!(".removed-{long_ago}-two"))).unwrap();
    fs::create_dir(checkpoints.join(".removed-three")).unwrap();
    registry.remove_leftovers().unwrap();
    assert_eq!(fs::read_dir(&checkpoints).unwrap().count(), 0);
    assert!(registry.restorable().unwrap().is_empty());
}

#[test]
fn a_damaged_file_of_the_registry_is_named_and_left_as_it_is() {
    let (folder, registry, _) = published();
    let [current, marks] = ["CURRENT", "MARKS"].map(|name| folder.path().join(name));
    let named = |error: RegistryError, file: &str, reason: &str| {
        let message = error.to_string();
        assert!(message.contains(file) && message.contains(reason), "{message}");
    };
    fs::create_dir(&current).unwrap();
    for refused in [
        registry.history().map(drop),
        registry.current().map(drop),
        registry.promote("one"),
        registry.roll_back(None).map(drop),
        registry.names().map(drop),
        registry.prune(0, &[]).map(drop),
    ] {
        named(refused.unwrap_err(), "CURRENT", "it is a folder; replace it by a file");
    }
    assert!(current.is_dir());
    fs::remove_dir(&current).unwrap();
    fs::write(&current, b"one\n\xff\n").unwrap();
    named(registry.promote("one").unwrap_err(), "CURRENT", "it is not UTF-8 text");
    assert_eq!(fs::read(&current).unwrap(), b"one\n\xff\n");
    for (content, reason) in [
        ("one\n../../../etc/passwd\n".to_owned(), "\"../../../etc/passwd\" in it is not the id"),
        ("x".repeat(1000), "is not the id of a checkpoint"),
        ("x".repeat(1 << 20), "more than 256 KiB"),
    ] {
        fs::write(&current, content).unwrap();
        let error = registry.previous().unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
        named(error, "CURRENT", reason);
    }
    // Reading a pipe would wait for somebody who writes.
    fs::remove_file(&current).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&current).status().unwrap();
    assert!(made.success());
    named(registry.history().unwrap_err(), "CURRENT", "it is not a regular file");
    fs::remove_file(&current).unwrap();
    fs::write(&current, b"\xff\xfeo\0n\0e\0").unwrap();
    named(registry.current().unwrap_err(), "CURRENT", "it is in UTF-16: save it as UTF-8");
    // An editor may put a mark before it.
    fs::write(&current, "\u{feff}one\r\n").unwrap();
    assert_eq!(registry.current().unwrap(), "one");
    fs::write(&current, "one\n").unwrap();

    fs::create_dir(&marks).unwrap();
    for refused in [registry.aliases().map(drop), registry.pin("one", true)] {
        named(refused.unwrap_err(), "MARKS", "it is a folder");
    }
    fs::remove_dir(&marks).unwrap();
    fs::write(&marks, "{\"labels\":").unwrap();
    named(registry.set_alias("best", "one").unwrap_err(), "MARKS", "delete it");
    fs::remove_file(&marks).unwrap();
    registry.set_alias("best", "one").unwrap();
}

#[test]
fn files_that_are_far_too_long_are_named_with_their_limit_and_not_read() {
    let (_folder, registry, _) = published();
    edit(&registry, |manifest| manifest["unknown"] = json!("x".repeat(9 << 20)));
    let refused = registry.manifest("one").unwrap_err().to_string();
    let says = refused.contains("manifest") && refused.contains("more than 8 MiB");
    assert!(says && refused.len() < 300, "{refused}");
    let bytes = vec![b' '; 9 << 20];
    let refused = Manifest::parse("one", &bytes).unwrap_err().to_string();
    assert!(refused.contains("more than 8 MiB"), "{refused}");

    let (_folder, registry, _) = published();
    for name in ["comparison.json", "metrics.jsonl", "report.json"] {
        fs::write(registry.folder("one").join(name), &bytes).unwrap();
        let refused = registry.file("one", name).unwrap_err().to_string();
        assert!(refused.contains(name) && refused.contains("more than 8 MiB"), "{refused}");
    }
    assert!(registry.comparison("one").is_err() && registry.epochs("one").is_err());
    // Nor are they taken from elsewhere.
    let weights = fs::read(registry.folder("one").join(WEIGHTS_FILE)).unwrap();
    let manifest = registry.manifest("one").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let files = vec![(WEIGHTS_FILE.to_owned(), weights), ("report.json".to_owned(), bytes)];
    let refused = Registry::new(elsewhere.path()).adopt(&manifest, files).unwrap_err().to_string();
    assert!(refused.contains("report.json has more than 8 MiB"), "{refused}");
}

#[test]
fn rejects_promoting_a_checkpoint_that_does_not_exist() {
    let (_folder, registry, _) = published();
    registry.promote("one").unwrap();
    assert!(matches!(registry.promote("two"), Err(RegistryError::NotFound { .. })));
    assert_eq!(registry.current().unwrap(), "one");
}
