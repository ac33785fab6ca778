//! Checkpoints as files: an exported file is imported again, and a damaged one is refused.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use ::safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use burn::tensor::Device;
use glyphic_model::{
    Glyph,
    glyph::{MEAN, PIXELS, STD},
    network::NetworkConfig,
};
use glyphic_runtime::registry::{Objection, PromotionPolicy, Registry};
use glyphic_train::exchange::{archive, metadata, onnx, safetensors};
use zip::{ZipWriter, write::SimpleFileOptions};

/// The repository's registry, and the checkpoint that it promotes.
fn released() -> (Registry, String) {
    let registry = Registry::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts"));
    let id = registry.current().unwrap();
    (registry, id)
}

fn glyphs() -> Vec<Glyph> {
    let glyph =
        |k: usize| Glyph::new(std::array::from_fn::<u8, PIXELS, _>(|i| (i * k % 256) as u8));
    (1..20).map(glyph).collect()
}

#[test]
fn a_packed_checkpoint_is_the_same_elsewhere() {
    let (registry, id) = released();
    let bytes = archive::pack(&registry, &id).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Registry::new(folder.path());
    let manifest = archive::unpack(&elsewhere, &bytes).unwrap();
    assert_eq!(manifest, registry.manifest(&id).unwrap());
    for entry in fs::read_dir(registry.folder(&id)).unwrap() {
        let entry = entry.unwrap();
        let there = elsewhere.folder(&id).join(entry.file_name());
        if entry.file_name() == "manifest.json" {
            assert_eq!(elsewhere.manifest(&id).unwrap(), manifest);
        } else {
            assert_eq!(fs::read(entry.path()).unwrap(), fs::read(there).unwrap(), "{entry:?}");
        }
    }
    elsewhere.load(&id, &Device::flex()).unwrap();
    // Nothing is overwritten.
    let error = archive::unpack(&elsewhere, &bytes).unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
}

#[test]
fn rejects_archives_without_a_whole_checkpoint() {
    let (registry, id) = released();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Registry::new(folder.path());
    let file = |name: &str| fs::read(registry.folder(&id).join(name)).unwrap();
    let zipped = |files: &[(&str, &[u8])]| {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    let (manifest, weights) = (file("manifest.json"), file("weights.bpk"));
    let mut damaged = weights.clone();
    damaged[5000] ^= 1;
    let other_id = String::from_utf8(manifest.clone()).unwrap().replace(&id, "../../evil");
    let many: Vec<String> = (0..70).map(|i| format!("f{i}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    for (bytes, part) in [
        (b"no zip".to_vec(), "not a zip"),
        (zipped(&[]), "no manifest.json"),
        (zipped(&[("manifest.json", b"{")]), "cannot be read"),
        (zipped(&[("manifest.json", &manifest)]), "is damaged"),
        (zipped(&[("manifest.json", &manifest), ("weights.bpk", &damaged)]), "is damaged"),
        (
            zipped(&[("manifest.json", other_id.as_bytes()), ("weights.bpk", &weights)]),
            "not a checkpoint id",
        ),
        (
            zipped(&[("manifest.json", &manifest), ("../weights.bpk", &weights)]),
            "a file named '../weights.bpk'",
        ),
        (zipped(&[("manifest.json", &manifest), (".hidden", &weights)]), "a file named '.hidden'"),
        (zipped(&many), "70 files"),
    ] {
        let error = format!("{:#}", archive::unpack(&elsewhere, &bytes).unwrap_err());
        assert!(error.contains(part), "'{error}' does not say '{part}'");
        assert_eq!(elsewhere.ids().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_checkpoint_that_was_packed_again_is_the_same() {
    let (registry, id) = released();
    let mut packed =
        zip::ZipArchive::new(Cursor::new(archive::pack(&registry, &id).unwrap())).unwrap();
    let mut files = Vec::new();
    for i in 0..packed.len() {
        let mut file = packed.by_index(i).unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut content).unwrap();
        files.push((file.name().unwrap().into_owned(), content));
    }
    // Each file in this folder, and one of a system beside it.
    let again = |folders: &[&str], of_system: &dyn Fn(&str) -> String, marked: bool| {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let mut add = |name: String, content: &[u8]| {
            archive.start_file(name, SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
        };
        for folder in folders {
            for (name, content) in &files {
                add(of_system(&format!("{folder}{name}")), b"Mac OS X");
                if marked && name == "manifest.json" {
                    add(format!("{folder}{name}"), &[b"\xef\xbb\xbf", &content[..]].concat());
                } else {
                    add(format!("{folder}{name}"), content);
                }
            }
            if !folder.is_empty() {
                add(format!("{folder}Thumbs.db"), b"Windows");
            }
        }
        for folder in folders.iter().filter(|folder| !folder.is_empty()) {
            archive.add_directory(*folder, SimpleFileOptions::default()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    let by_mac = |path: &str| match path.rsplit_once('/') {
        Some((folder, name)) => format!("__MACOSX/{folder}/._{name}"),
        None => format!("__MACOSX/._{path}"),
    };
    let hidden = |path: &str| match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/._{name}"),
        None => format!("._{path}"),
    };
    let inside = format!("{id}/");
    for bytes in [
        again(&[""], &by_mac, false),
        again(&[&inside], &by_mac, false),
        again(&["a copy/"], &hidden, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = archive::unpack(&Registry::new(folder.path()), &bytes).unwrap();
        assert_eq!(manifest, registry.manifest(&id).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    for (folders, part) in [
        (&["one/", "two/"][..], "several checkpoints, in the folders one/ and two/"),
        (&["one/two/"], "no manifest.json"),
    ] {
        let bytes = again(folders, &by_mac, false);
        let error = archive::unpack(&Registry::new(folder.path()), &bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_network_from_onnx_gives_the_same_answers() {
    let (registry, id) = released();
    let device = Device::flex();
    let checkpoint = registry.load(&id, &device).unwrap();
    let bytes = onnx::export(&checkpoint).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Registry::new(folder.path());
    let manifest = onnx::import(&elsewhere, &bytes, "again".to_owned()).unwrap();
    assert_eq!(manifest.parent, Some(id));
    assert_eq!(manifest.labels, checkpoint.manifest.labels);
    assert_eq!(manifest.thresholds, checkpoint.manifest.thresholds);
    let again = elsewhere.load("again", &device).unwrap().into_classifier(&device);
    let first = checkpoint.into_classifier(&device);
    let (a, b) = (first.logits(&glyphs()).unwrap(), again.logits(&glyphs()).unwrap());
    for (a, b) in a.concat().iter().zip(b.concat()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }

    let rejected = |bytes: &[u8], part: &str| {
        let error = format!("{:#}", onnx::import(&elsewhere, bytes, "x".to_owned()).unwrap_err());
        assert!(error.contains(part), "'{error}' does not say '{part}'");
        assert_eq!(elsewhere.ids().unwrap(), ["again"]);
    };
    rejected(b"no onnx", "not an ONNX file");
    rejected(b"", "does not say what its outputs mean");
    rejected(&bytes[..bytes.len() / 2], "not an ONNX file");
    // Another network's manifest.
    let text = "\"channels\":24";
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let mut other = bytes.clone();
    other[at..at + text.len()].copy_from_slice(b"\"channels\":25");
    rejected(&other, "parameters and multiply-adds");
    // The graph was changed, or has a weight that is not a number. 33.3285 is the
    // first constant: 255 times MNIST's mean.
    let mean = (255.0 * glyphic_model::glyph::MEAN).to_le_bytes();
    let at = bytes.windows(4).position(|window| window == mean).unwrap();
    let with = |value: f32| {
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        changed
    };
    rejected(&with(1.0), "changed since");
    // The first layer's weights lie behind their name, c2, and two bytes of their length.
    let at = bytes.windows(4).position(|window| window == b"\x02c2J").unwrap() + 6;
    let mut broken = bytes.clone();
    broken[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    rejected(&broken, "finite");
}

#[test]
fn a_network_from_safetensors_gives_the_same_answers() {
    let (registry, id) = released();
    let device = Device::flex();
    let checkpoint = registry.load(&id, &device).unwrap();
    let bytes = safetensors::export(&checkpoint).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Registry::new(folder.path());
    let manifest = safetensors::import(&elsewhere, &bytes, "again".to_owned(), None).unwrap();
    assert_eq!(manifest.parent, Some(id));
    assert_eq!(manifest.metrics, checkpoint.manifest.metrics);
    let again = elsewhere.load("again", &device).unwrap().into_classifier(&device);
    let first = checkpoint.clone().into_classifier(&device);
    let (a, b) = (first.logits(&glyphs()).unwrap(), again.logits(&glyphs()).unwrap());
    for (a, b) in a.concat().iter().zip(b.concat()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }

    // A network that was trained further has not been measured.
    let mut changed = bytes.clone();
    let last = changed.len() - 4;
    changed[last..].copy_from_slice(&0.5f32.to_le_bytes());
    let manifest = safetensors::import(&elsewhere, &changed, "changed".to_owned(), None).unwrap();
    assert!(!metadata::is_measured(&manifest));
    let objections = PromotionPolicy::default().by_scores(&checkpoint.manifest, &manifest);
    assert_eq!(objections, [Objection::NotMeasured]);

    let rejected = |bytes: &[u8], part: &str| {
        let error = format!(
            "{:#}",
            safetensors::import(&elsewhere, bytes, "x".to_owned(), None).unwrap_err()
        );
        assert!(error.contains(part), "'{error}' does not say '{part}'");
        assert_eq!(elsewhere.ids().unwrap(), ["again", "changed"]);
    };
    rejected(b"no tensors", "not a safetensors file");
    rejected(&bytes[..bytes.len() / 2], "not a safetensors file");
    let with = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut changed = bytes.clone();
        changed[at..at + from.len()].copy_from_slice(to.as_bytes());
        changed
    };
    rejected(&with("\"glyphic\":", "\"another\":"), "does not say what its outputs mean");
    rejected(&with("linears.0.bias", "linears.1.bias"), "no tensor 'linears.0.bias'");
    rejected(&with("\\\"channels\\\":24", "\\\"channels\\\":25"), "multiply-adds");
    let mut broken = bytes.clone();
    broken[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    rejected(&broken, "finite");

    // Programs that save tensors drop the metadata: then --like names a checkpoint.
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let bare = serialize(file.iter(), None).unwrap();
    rejected(&bare, "--like");
    let like = |bytes: &[u8], id: &str| {
        let manifest = checkpoint.manifest.clone();
        safetensors::import(&elsewhere, bytes, id.to_owned(), Some(manifest))
    };
    assert!(!metadata::is_measured(&like(&bare, "bare").unwrap()));
    /// Its shape, its kind of numbers, and their bytes.
    type Parts = (Vec<usize>, Dtype, Vec<u8>);
    let refused = |change: &dyn Fn(&str, TensorView) -> Option<Parts>, more: bool, part: &str| {
        let mut tensors: Vec<(String, Parts)> = Vec::new();
        for (name, tensor) in file.iter() {
            tensors.extend(change(name, tensor).map(|changed| (name.to_owned(), changed)));
        }
        if more {
            tensors.push(("more".to_owned(), (vec![1], Dtype::F32, vec![0; 4])));
        }
        let views = tensors.iter().map(|(name, (shape, dtype, bytes))| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let bytes = serialize(views, None).unwrap();
        let error = format!("{:#}", like(&bytes, "x").unwrap_err());
        assert!(error.contains(part), "'{error}' does not say '{part}'");
    };
    let same =
        |tensor: TensorView| (tensor.shape().to_vec(), tensor.dtype(), tensor.data().to_vec());
    refused(&|_, tensor| Some(same(tensor)), true, "11 tensors");
    refused(
        &|name, tensor| (name != "convolutions.2.bias").then(|| same(tensor)),
        false,
        "no tensor",
    );
    let as_int = |_: &str, tensor: TensorView| {
        let (shape, _, bytes) = same(tensor);
        Some((shape, Dtype::I32, bytes))
    };
    refused(&as_int, false, "not F32");
    let flat = |_: &str, tensor: TensorView| {
        let (shape, dtype, bytes) = same(tensor);
        Some((vec![shape.iter().product()], dtype, bytes))
    };
    refused(&flat, false, "four dimensions");
    let turned = |name: &str, tensor: TensorView| {
        let (mut shape, dtype, bytes) = same(tensor);
        if name == "linears.0.weight" {
            shape.reverse();
        }
        Some((shape, dtype, bytes))
    };
    refused(&turned, false, "do not match its manifest");
}

/// What PyTorch would compute from the file, layer by layer.
#[test]
fn safetensors_are_laid_out_as_pytorch_has_them() {
    let (registry, id) = released();
    let device = Device::flex();
    let mut checkpoint = registry.load(&id, &device).unwrap();
    checkpoint.manifest.network = NetworkConfig::mlp(10);
    checkpoint.network = checkpoint.manifest.network.init(&device);
    let bytes = safetensors::export(&checkpoint).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let (numbers, _) = file.tensor(name).unwrap().data().as_chunks::<4>();
        numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    assert_eq!(file.tensor("linears.0.weight").unwrap().shape(), [16, 784]);
    let glyphs = glyphs();
    let expected = checkpoint.into_classifier(&device).logits(&glyphs).unwrap();
    for (glyph, expected) in glyphs.iter().zip(expected) {
        let normal = |&pixel: &u8| (f32::from(pixel) / 255.0 - MEAN) / STD;
        let mut values: Vec<f32> = glyph.pixels().iter().map(normal).collect();
        for layer in 0..3 {
            let (weights, bias) = (
                floats(&format!("linears.{layer}.weight")),
                floats(&format!("linears.{layer}.bias")),
            );
            let sum = |row: &[f32]| row.iter().zip(&values).map(|(w, x)| w * x).sum::<f32>();
            let outputs = weights.chunks(values.len()).zip(&bias).map(|(row, b)| sum(row) + b);
            let outputs: Vec<f32> = outputs.collect();
            values = match layer < 2 {
                true => outputs.into_iter().map(|value| value.max(0.0)).collect(),
                false => outputs,
            };
        }
        for (a, b) in values.iter().zip(expected) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
    // A kernel is [out, in, side, side].
    let bytes = safetensors::export(&registry.load(&id, &device).unwrap()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("convolutions.1.weight").unwrap().shape(), [56, 24, 3, 3]);
}

#[test]
fn exports_into_the_folder_where_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts");
    let train = |arguments: &[&str]| {
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_trainer"))
            .args(arguments)
            .current_dir(folder.path())
            .env("GLYPHIC_ARTIFACTS", &artifacts)
            .output()
            .unwrap();
        (program.status.success(), String::from_utf8_lossy(&program.stderr).into_owned())
    };
    for file in ["glyphic.onnx", "glyphic.safetensors", "glyphic.zip"] {
        let (done, error) = train(&["export", "stable", file]);
        assert!(done, "{error}");
        assert!(fs::metadata(folder.path().join(file)).unwrap().len() > 100_000, "{file}");
    }
    let (done, error) = train(&["export", "stable", "glyphic.txt"]);
    assert!(!done && error.contains("*.onnx"), "{error}");
    let (done, error) = train(&["import", "glyphic.zip"]);
    assert!(!done && error.contains("already exists"), "{error}");
}

#[test]
fn imports_a_network_without_metadata_as_a_new_checkpoint() {
    let (registry, id) = released();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Registry::new(folder.path().join("artifacts"));
    archive::unpack(&elsewhere, &archive::pack(&registry, &id).unwrap()).unwrap();
    let bytes = safetensors::export(&elsewhere.load(&id, &Device::flex()).unwrap()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    fs::write(folder.path().join("bare.safetensors"), serialize(file.iter(), None).unwrap())
        .unwrap();
    let import = |options: &[&str]| {
        let arguments = [&["import", "bare.safetensors"], options].concat();
        crate::common::run(folder.path(), &arguments)
    };
    let refused = import(&["--like", &id]);
    assert!(!refused.status.success());
    assert!(crate::common::errors(&refused).contains("with --id"), "{refused:?}");
    crate::common::assert_success(&import(&["--like", &id, "--id", "bare"]));
    let labels = |id: &str| elsewhere.manifest(id).unwrap().labels;
    assert_eq!(labels("bare"), labels(&id));
}

#[test]
fn a_full_disk_publishes_nothing() {
    let (registry, id) = released();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("glyphic.zip");
    fs::write(&archive, archive::pack(&registry, &id).unwrap()).unwrap();
    let elsewhere = Registry::new(folder.path().join("artifacts"));
    let import = |limit: &str| {
        std::process::Command::new("sh")
            .args([
                "-c",
                &format!("{limit} exec \"$0\" import \"$1\""),
                env!("CARGO_BIN_EXE_trainer"),
            ])
            .arg(&archive)
            .env("GLYPHIC_ARTIFACTS", elsewhere.root())
            .output()
            .unwrap()
    };
    // No file may grow beyond 100 KiB: for the weights the disk is full.
    let full = import("trap '' XFSZ; ulimit -f 200;");
    let error = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(!full.status.success() && error.contains("cannot write"), "{error}");
    assert_eq!(elsewhere.ids().unwrap(), Vec::<String>::new());
    let left = fs::read_dir(elsewhere.folder("")).unwrap().count();
    assert_eq!(left, 0, "half a checkpoint is left");
    // With room again it is published.
    assert!(import("").status.success());
    elsewhere.load(&id, &Device::flex()).unwrap();
}
