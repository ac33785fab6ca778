//! `train`: from scratch.

use anyhow::Result;
use glyphic_model::checkpoint::Registry;

use super::default_data;
use crate::{
    cli::StartArgs,
    data,
    environment::new_id,
    run::{Ending, Run},
    state::Position,
};

pub fn run(arguments: StartArgs) -> Result<Ending> {
    let config = arguments.settings.config();
    config.check()?;
    let registry = Registry::new(&arguments.common.artifacts);
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let data = data::load(&path, config.validation)?;
    let device = arguments.common.device.open()?;
    let id = new_id(&registry, &data.record.name, config.seed);
    let position =
        Position::start(config, path, data.record.clone(), data.labels.clone(), arguments.promote);
    Run::start(id, position, &registry, &data, &device)?.drive()
}
