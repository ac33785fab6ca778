//! `train sweep`: many runs, one table.

use std::{fs, num::NonZeroUsize, sync::atomic::Ordering, thread};

use anyhow::{Context, Result, ensure};
use glyphic_runtime::{device::ComputeDevice, registry::Registry};

use super::{default_data, load};
use crate::{
    cli::{Globals, SweepArgs},
    config::TrainConfig,
    console::say,
    run::STOP,
    sweep::{Plan, RunOutcome, Sweep, Table},
};

/// Memory reserved for one run beside its copy of the examples, in bytes. It took 24 MiB with
/// batches of 128; larger batches take more.
const RUN_MEMORY: u64 = 256 << 20;

/// Does the sweep's runs; `false` if it was stopped before all were done.
pub fn run(globals: &Globals, arguments: SweepArgs) -> Result<bool> {
    let registry = Registry::new(&globals.artifacts);
    let path = arguments.data.unwrap_or_else(|| default_data(registry.root()));
    let pictures = arguments.pictures;
    let mut data = load(&path, pictures, TrainConfig::default().validation)?;
    // Settings are chosen by the held-back examples: the test set must not be seen.
    data.test.clear();
    let plan = Plan::read(&arguments.file, pictures, data.labels.len())?;
    let name = arguments.file.file_stem().context("the sweep's file needs a name")?;
    let folder = registry.root().join("sweeps").join(name);
    let path = fs::canonicalize(&path).unwrap_or(path);

    let devices = globals.open_devices()?;
    let sweep = Sweep::new(&plan, folder.clone(), path, &data);
    let slots = slots(&devices, arguments.parallel, sweep.most_examples());
    let title = format!("Sweep {}", name.to_string_lossy());
    say(&format!("{title}: {} runs, {} at a time.", plan.runs.len(), slots.len()));
    let outcomes = sweep.drive(&slots)?;

    let table = Table::new(&plan, &outcomes);
    table.write(&folder, &title)?;
    say(&format!("\n{}", table.text()));
    say(&format!("Table and curves: {}", folder.join("report.html").display()));
    let count = |kind: fn(&RunOutcome) -> bool| outcomes.iter().filter(|&one| kind(one)).count();
    let failed = count(|outcome| matches!(outcome, RunOutcome::Failed(_)));
    let open = count(|outcome| matches!(outcome, RunOutcome::Open));
    if open > 0 && STOP.load(Ordering::Relaxed) {
        say("Stopped; nothing is lost. The same command continues the sweep.");
        return Ok(false);
    }
    ensure!(
        open == 0,
        "{failed} runs failed and {open} did not begin, because their devices failed: see above; \
         the same command continues the sweep"
    );
    ensure!(failed == 0, "{failed} of {} runs failed: see above", outcomes.len());
    if let Some(best) = table.best() {
        let checkpoints = registry.root().join("checkpoints");
        let name = best.file_name().unwrap_or_default();
        say(&format!(
            "To keep the best run's checkpoint, copy the folder\n  {}\nto\n  {}",
            best.display(),
            checkpoints.join(name).display()
        ));
    }
    Ok(true)
}

/// A device for each of the runs at a time: as many as asked for, or as the machine has room
/// for.
fn slots(
    devices: &[ComputeDevice],
    parallel: Option<NonZeroUsize>,
    examples: usize,
) -> Vec<ComputeDevice> {
    let on_cpu = devices.iter().all(ComputeDevice::is_cpu);
    let held = if on_cpu { on_this_machine(examples) } else { devices.len() };
    let count = parallel.map_or(held, NonZeroUsize::get);
    devices.iter().cycle().take(count).cloned().collect()
}

/// The number of runs that the processor and the memory have room for: one a core, while
/// memory lasts.
fn on_this_machine(examples: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let of_run = RUN_MEMORY + examples as u64 * 784 * 4;
    let by_memory = available_memory().map_or(cores as u64, |bytes| bytes / of_run);
    cores.min(by_memory as usize).max(1)
}

/// Bytes that can be allocated without swapping; `None` where `/proc/meminfo` does not exist.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}
