//! `train pairs`: the data of the network that reads pairs of digits.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use glyphic_model::{glyph::SIDE, number::pairs::network, preprocess::Pictures};
use glyphic_runtime::registry::write_atomically;
use rayon::prelude::*;

use super::{default_data, load};
use crate::{
    cli::{Globals, PairsArgs},
    data::Example,
    synthetic::Touching,
};

/// The share of MNIST's training digits whose numbers are for testing.
const HELD_BACK: f64 = 0.1;
/// Numbers for testing, for each one hundred for training.
const TESTED: usize = 4;

/// Writes the pictures as an IDX folder, and the network's architecture beside them.
pub fn run(globals: &Globals, arguments: PairsArgs) -> Result<()> {
    let PairsArgs { folder, data, numbers, seed } = arguments;
    let data = data.unwrap_or_else(|| default_data(&globals.artifacts));
    let data = load(&data, Pictures::Ink, HELD_BACK)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let sets = [
        ("train", &data.training, numbers, seed),
        ("t10k", &data.validation, numbers * TESTED / 100, seed + 1),
    ];
    for (name, scanned, numbers, seed) in sets {
        let touching = Touching { generator: &data.generator, scanned };
        let numbers = (0..numbers as u64).into_par_iter();
        let examples: Vec<Example> =
            numbers.flat_map_iter(|number| touching.examples(seed, number)).collect();
        write(&folder, name, &examples)?;
        println!("{name}: {} pictures", examples.len());
    }
    let architecture = serde_json::to_vec_pretty(&network())?;
    write_atomically(&folder.join("network.json"), &architecture)?;
    Ok(())
}

/// Writes the two files of a set.
fn write(folder: &Path, name: &str, examples: &[Example]) -> Result<()> {
    let header = |sizes: &[usize]| -> Vec<u8> {
        let magic = 0x0800 + sizes.len() as u32;
        let sizes = sizes.iter().map(|&size| size as u32);
        [magic].into_iter().chain(sizes).flat_map(u32::to_be_bytes).collect()
    };
    let mut pictures = header(&[examples.len(), SIDE, SIDE]);
    pictures.extend(examples.iter().flat_map(|example| *example.glyph.pixels()));
    let mut labels = header(&[examples.len()]);
    labels.extend(examples.iter().map(|example| example.label as u8));
    write_atomically(&folder.join(format!("{name}-images-idx3-ubyte")), &pictures)?;
    write_atomically(&folder.join(format!("{name}-labels-idx1-ubyte")), &labels)?;
    Ok(())
}
