//! `train`: from scratch.

use std::fs;

use anyhow::{Result, ensure};
use glyphic_model::checkpoint::Registry;

use super::{default_data, read_network};
use crate::{
    cli::StartArgs,
    data,
    run::{Ending, Run},
    state::Position,
};

/// Trains from scratch until the run ends or is stopped.
pub fn run(arguments: StartArgs) -> Result<Ending> {
    let config = arguments.settings.config();
    config.check()?;
    let config = config.settled()?;
    let registry = Registry::new(&arguments.common.artifacts);
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
    Run::start(position, &registry, &data, &devices)?.drive()
}
