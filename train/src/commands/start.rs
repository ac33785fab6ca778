//! `train`: from scratch.

use std::fs;

use anyhow::{Result, ensure};
use glyphic_runtime::registry::Registry;

use super::{become_a_child, chosen, default_data, load};
use crate::{
    cli::{Globals, StartArgs},
    console::say,
    network_file,
    run::{Run, RunEnding},
    state::Position,
};

/// Trains from scratch until the run ends or is stopped.
pub fn run(globals: &Globals, arguments: StartArgs) -> Result<RunEnding> {
    if arguments.as_child {
        become_a_child();
    }
    let registry = Registry::new(&globals.artifacts);
    let mut config = arguments.config;
    config.check()?;
    if let Some(teacher) = &config.teacher {
        config.teacher = Some(chosen(&registry, Some(teacher))?);
    }
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let mut data = load(&path, config.pictures, config.validation)?;
    if config.pictures.is_ink() && data.seems_whole() {
        say(&format!(
            "Many pictures in {} reach the edge, so they are hardly framed ink: --pictures whole is \
             probably meant.",
            path.display()
        ));
    }
    if let Some(drawings) = &arguments.drawings {
        ensure!(
            config.synthetic > 0.0,
            "--drawings needs --synthetic above 0, or no drawing is used"
        );
        data = data.with_drawings(drawings)?;
    }
    // The run may be resumed from another working directory.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let network = network_file::read(&arguments.network, data.labels.len())?;
    let devices = globals.open_devices()?;
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let mut position = Position::start(config, network, path, record, labels, arguments.promote);
    position.force = arguments.force;
    if position.config.synthetic + position.config.negatives > 0.0 && !data.generator.is_empty() {
        say("Drawing the synthetic handwriting …");
    }
    position.drawings = arguments.drawings.map(|file| fs::canonicalize(&file).unwrap_or(file));
    let run = Run::start(position, &registry, &data, &devices)?;
    match arguments.as_child {
        true => run.as_child().drive(),
        false => run.drive(),
    }
}
