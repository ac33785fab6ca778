//! Made data, and the `train` program run on it. No test file needs all of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use glyphic_model::{checkpoint::Manifest, preprocess::Strokes};
use glyphic_runtime::registry::Registry;
use image::GrayImage;
use tempfile::TempDir;

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder for a test: artifacts and made data.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The `train` program on the CPU, with its artifacts in `folder`.
pub fn train(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command
        .args(arguments)
        .env("GLYPHIC_DEVICE", "cpu")
        .env("GLYPHIC_ARTIFACTS", folder.join("artifacts"))
        .current_dir(folder);
    command
}

/// Runs it to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    train(folder, arguments).output().unwrap()
}

/// Its standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Panics with the program's error if it failed.
#[track_caller]
pub fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", errors(output));
}

/// The manifests of the checkpoints in a folder's artifacts, by id.
pub fn manifests(folder: &Path) -> Vec<Manifest> {
    // Only what the registry calls a checkpoint: a killed process may have left other folders.
    let registry = Registry::new(folder.join("artifacts"));
    registry.ids().unwrap().iter().map(|id| registry.manifest(id).unwrap()).collect()
}

/// A folder of pictures of two symbols, plus and ring, `count` of each, each a
/// little different.
pub fn two_symbols(folder: &Path, count: usize) -> PathBuf {
    let data = folder.join("symbols");
    for (label, draw) in [("plus", plus as fn(usize) -> _), ("ring", ring)] {
        fs::create_dir_all(data.join(label)).unwrap();
        for i in 0..count {
            let strokes: Vec<Vec<[f32; 2]>> = draw(i);
            let glyph = Strokes::new(strokes).unwrap().glyph().unwrap();
            let picture = GrayImage::from_raw(28, 28, glyph.pixels().to_vec()).unwrap();
            picture.save(data.join(label).join(format!("{i}.png"))).unwrap();
        }
    }
    data
}

fn plus(i: usize) -> Vec<Vec<[f32; 2]>> {
    let slant = i as f32 - 8.0;
    vec![vec![[50.0 + slant, 0.0], [50.0 - slant, 100.0]], vec![[0.0, 50.0], [100.0, 50.0 + slant]]]
}

fn ring(i: usize) -> Vec<Vec<[f32; 2]>> {
    let wide = 30.0 + i as f32;
    let point = |step: u8| {
        let angle = f32::from(step) * 0.4;
        [wide * angle.cos(), 40.0 * angle.sin()]
    };
    vec![(0..=16).map(point).collect()]
}

/// A folder of whole pictures of two labels, bar and beam, `count` of each: half of them light on dark
/// with 28 pixels a side, the others dark on light with 140. Their subjects reach the edges.
pub fn whole_pictures(folder: &Path, count: usize) -> PathBuf {
    let data = folder.join("whole");
    for (label, name) in ["bar", "beam"].into_iter().enumerate() {
        fs::create_dir_all(data.join(name)).unwrap();
        for i in 0..count {
            let wide = 5 + i as u32 % 4;
            let inside = |at: u32| (2 + i as u32 % 13..2 + i as u32 % 13 + wide).contains(&at);
            let value = |x: u32, y: u32| match inside(if label == 0 { x } else { y }) {
                true => (120 + 3 * x + y) as u8,
                false => 0,
            };
            let picture = match i % 2 {
                0 => GrayImage::from_fn(28, 28, |x, y| [value(x, y)].into()),
                _ => GrayImage::from_fn(140, 140, |x, y| [255 - value(x / 5, y / 5)].into()),
            };
            picture.save(data.join(name).join(format!("{i}.png"))).unwrap();
        }
    }
    data
}

/// Writes an IDX directory with the first pictures of MNIST's training set.
pub fn small_mnist(folder: &Path, count: usize) -> PathBuf {
    let data = folder.join("small");
    fs::create_dir_all(&data).unwrap();
    let source = repository().join("artifacts/datasets/mnist");
    for (name, header, item) in
        [("train-images-idx3-ubyte", 16, 784), ("train-labels-idx1-ubyte", 8, 1)]
    {
        let file = fs::File::open(source.join(format!("{name}.gz"))).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
        bytes.truncate(header + count * item);
        bytes[4..8].copy_from_slice(&(count as u32).to_be_bytes());
        fs::write(data.join(name), bytes).unwrap();
    }
    // Its checksum is not MNIST's, so its labels need names for synthetic examples.
    fs::write(data.join("labels.txt"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n").unwrap();
    data
}
