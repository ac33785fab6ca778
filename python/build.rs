//! Names the promoted checkpoint of the repository, which the module contains.

use std::{fs, path::Path};

fn main() {
    let artifacts = Path::new("../artifacts");
    println!("cargo:rerun-if-changed=../artifacts/CURRENT");
    let current = fs::read_to_string(artifacts.join("CURRENT")).unwrap_or_default();
    match current.lines().next().map(str::trim) {
        Some(id) if artifacts.join("checkpoints").join(id).join("manifest.json").is_file() => {
            println!("cargo:rustc-env=GLYPHIC_RELEASED={id}");
        }
        _ => println!(
            "cargo:error=artifacts/CURRENT does not name a checkpoint in artifacts/checkpoints"
        ),
    }
}
