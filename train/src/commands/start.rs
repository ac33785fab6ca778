//! `train`: from scratch.

use std::fs;

use anyhow::{Result, ensure};
use glyphic_runtime::registry::Registry;

use super::{become_a_child, chosen, default_data, read_network};
use crate::{
    cli::StartArgs,
    data,
    run::{Ending, Run},
    state::Position,
};

/// Trains from scratch until the run ends or is stopped.
pub fn run(arguments: StartArgs) -> Result<Ending> {
    if arguments.as_child {
        become_a_child();
    }
    let registry = Registry::new(&arguments.common.artifacts);
    let mut config = arguments.settings.config();
    config.check()?;
    if let Some(teacher) = &config.teacher {
        config.teacher = Some(chosen(&registry, Some(teacher))?);
    }
    let config = config.settled()?;
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let mut data = data::load(&path, config.validation)?;
    if let Some(drawings) = &arguments.drawings {
        ensure!(config.drawn > 0.0, "--drawings needs --drawn above 0: else none of them is seen");
        data = data.with_drawings(drawings)?;
    }
    // A run may be resumed from another folder.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let network = read_network(&arguments.network, data.labels.len())?;
    let devices = arguments.common.devices.open()?;
    let (record, labels) = (data.record.clone(), data.labels.clone());
    let mut position = Position::start(config, network, path, record, labels, arguments.promote);
    position.drawings = arguments.drawings.map(|file| fs::canonicalize(&file).unwrap_or(file));
    let run = Run::start(position, &registry, &data, &devices)?;
    match arguments.as_child {
        true => run.as_child().drive(),
        false => run.drive(),
    }
}
