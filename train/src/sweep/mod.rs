//! Many runs to choose settings by: in parallel, resumable, with one table of results.
//!
//! ```text
//! artifacts/sweeps/<name>/
//! ├── runs/<digest>/     an artifacts folder for each run, with its checkpoint or its state;
//! │                      the digest is of all that decides the result
//! ├── table.csv          a line a run
//! └── report.html        the combinations by their mean, with curves
//! ```
//!
//! A finished run is never done again, even if settings were added to the file.
//! Nothing here reads a test set: settings are chosen by the held-back examples.

mod outcome;
mod plan;
mod table;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError, atomic::Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow};
use glyphic_model::network::NetworkConfig;
use glyphic_runtime::{device::ComputeDevice, registry::Registry};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::{
    config::TrainConfig,
    console::say,
    data::Data,
    run::{Run, RunEnding, STOP, lock, runs_folder},
    state::{POOL_EPOCHS, Position, RunState, STATE_FILE},
};
pub use outcome::{Done, RunOutcome};
pub use plan::{Plan, Planned};
pub use table::Table;

/// Failures in a row after which a device counts as lost.
const MOST_FAILURES: usize = 2;

/// A sweep and where its files are.
pub struct Sweep<'a> {
    plan: &'a Plan,
    folder: PathBuf,
    data: &'a Data,
    /// The position that all runs begin with, but for their config and network.
    beginning: Position,
}

impl<'a> Sweep<'a> {
    /// A sweep in its folder. The data's test set must have been taken out.
    pub fn new(plan: &'a Plan, folder: PathBuf, data_path: PathBuf, data: &'a Data) -> Self {
        let (record, labels) = (data.record.clone(), data.labels.clone());
        let (config, network) = (TrainConfig::default(), NetworkConfig::small(labels.len()));
        let beginning = Position::start(config, network, data_path, record, labels, false);
        Self { plan, folder, data, beginning }
    }

    /// Does all runs that are not done yet, one at a time on the device of each slot. Stops in
    /// order when [`STOP`] is set. A slot stops after two failures in a row, unless its device
    /// is the CPU: other devices can be lost.
    pub fn drive(&self, slots: &[ComputeDevice]) -> Result<Vec<RunOutcome>> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let _lock = lock(&self.folder, &format!("the sweep '{name}'"))?;
        let bar = self.bar()?;
        let next = Mutex::new(0..self.plan.runs.len());
        let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let outcomes: Vec<Mutex<RunOutcome>> =
            self.plan.runs.iter().map(|_| Mutex::new(RunOutcome::Open)).collect();
        let work = |device: &ComputeDevice| {
            let mut failures = 0;
            while failures < MOST_FAILURES || device.is_cpu() {
                let Some(number) = take() else { return };
                let outcome = self.attempt(number, device, &bar);
                failures = if matches!(outcome, RunOutcome::Failed(_)) { failures + 1 } else { 0 };
                *outcomes[number].lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            }
        };
        thread::scope(|scope| {
            for device in slots {
                scope.spawn(|| work(device));
            }
        });
        bar.finish_and_clear();
        let inner =
            |outcome: Mutex<_>| outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(outcomes.into_iter().map(inner).collect())
    }

    /// Does one run and returns how it ended.
    fn attempt(&self, number: usize, device: &ComputeDevice, bar: &ProgressBar) -> RunOutcome {
        let planned = &self.plan.runs[number];
        let label = format!(
            "run {} of {}: {}",
            number + 1,
            self.plan.runs.len(),
            table::described(&self.plan.varied, planned)
        );
        // A panic in one run must not end the others.
        let run = catch_unwind(AssertUnwindSafe(|| self.run(planned, device, bar, &label)));
        let result = run.unwrap_or_else(|panic| Err(anyhow!(panic_message(panic.as_ref()))));
        match result {
            Ok(Some(done)) => RunOutcome::Done(Box::new(done)),
            Ok(None) => RunOutcome::Open,
            Err(error) => {
                let reason = format!("{error:#}");
                bar.suspend(|| say(&format!("{label}: failed: {reason}")));
                RunOutcome::Failed(reason)
            }
        }
    }

    /// Finds a finished run, continues an unfinished one, or begins it. `None` if it was
    /// stopped.
    fn run(
        &self,
        planned: &Planned,
        device: &ComputeDevice,
        bar: &ProgressBar,
        label: &str,
    ) -> Result<Option<Done>> {
        let registry = self.registry(planned)?;
        if let Some(done) = finished(&registry)? {
            return Ok(Some(done));
        }
        if STOP.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let devices = std::slice::from_ref(device);
        let run = match unfinished(&registry) {
            Some(id) => {
                let state = RunState::load(&runs_folder(&registry).join(&id))?;
                Run::resume(id, state, &registry, self.data, devices)?
            }
            None => {
                let position = self.position(planned);
                Run::start(position, &registry, self.data, devices)?
            }
        };
        let RunEnding::Finished(manifest) = run.part_of(bar.clone()).drive()? else {
            return Ok(None);
        };
        let validation = manifest.metrics.validation;
        let line = format!(
            "{label}: {:.2} % of {} held-back examples, loss {:.4}",
            100.0 * validation.accuracy,
            validation.examples,
            validation.loss
        );
        bar.suspend(|| say(&line));
        finished(&registry)
    }

    /// A bar over the steps of all runs, those that are done included.
    fn bar(&self) -> Result<ProgressBar> {
        let (mut steps, mut done) = (0, 0);
        for planned in &self.plan.runs {
            let registry = self.registry(planned)?;
            let total = self.position(planned).total_steps() as u64;
            steps += total;
            // A run that cannot be read is reported when its turn comes.
            done += match (finished(&registry), unfinished(&registry)) {
                (Ok(Some(_)), _) => total,
                (_, Some(id)) => RunState::load(&runs_folder(&registry).join(id))
                    .map_or(0, |state| state.position.step as u64),
                (_, None) => 0,
            };
        }
        let bar = ProgressBar::new(steps).with_position(done).with_elapsed(Default::default());
        bar.reset_eta();
        let template = "{bar:32.cyan/blue} {percent:>3}%  {msg}step {pos} of {len}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Ok(bar)
    }

    /// Most examples that a run holds, the synthetic ones included.
    pub fn most_examples(&self) -> usize {
        let held = |planned| {
            let position = self.position(planned);
            position.dataset.training + position.turn() * POOL_EPOCHS
        };
        self.plan.runs.iter().map(held).max().unwrap_or(0)
    }

    fn position(&self, Planned { config, network, .. }: &Planned) -> Position {
        let (config, network) = (config.clone(), network.clone());
        let position = Position { config, network, ..self.beginning.clone() };
        position.with_synthetic(&self.data.generator)
    }

    /// The run's own artifacts, in a folder named by the digest of all that decides the run.
    fn registry(&self, planned: &Planned) -> Result<Registry> {
        Ok(Registry::new(self.folder.join("runs").join(digest(&self.position(planned))?)))
    }
}

/// The digest that names a run's folder. Another version of the trainer trains it anew.
fn digest(position: &Position) -> Result<String> {
    let Position { config, network, dataset, generator, trainer, .. } = position;
    let text = serde_json::to_string(&(config, network, dataset, generator, trainer))?;
    Ok(Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// The result in a run's folder, if the run is done.
fn finished(registry: &Registry) -> Result<Option<Done>> {
    let Some(id) = registry.ids()?.pop() else { return Ok(None) };
    let manifest = registry.manifest(&id)?;
    let folder = registry.folder(&id);
    let epochs = registry.epochs(&id)?;
    Ok(Some(Done { folder, manifest, epochs }))
}

/// The unfinished run in a run's folder. One without a state was killed before its first step
/// and counts as not begun.
fn unfinished(registry: &Registry) -> Option<String> {
    let folders = fs::read_dir(runs_folder(registry)).ok()?.flatten();
    folders
        .filter(|folder| folder.path().join(STATE_FILE).is_file())
        .find_map(|folder| folder.file_name().into_string().ok())
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the run panicked".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glyphic_model::{checkpoint::DatasetRecord, network::NetworkConfig};

    use super::*;

    #[test]
    fn another_version_of_the_trainer_trains_a_run_anew() {
        let record = DatasetRecord {
            name: "made".to_owned(),
            training: 12,
            validation: 0,
            test: 0,
            files: Vec::new(),
        };
        let network = NetworkConfig::small(3);
        let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
        let position =
            Position::start(TrainConfig::default(), network, "m".into(), record, labels, false);
        let other = Position { trainer: position.trainer + 1, ..position.clone() };
        assert_eq!(digest(&position).unwrap(), digest(&position.clone()).unwrap());
        assert_ne!(digest(&position).unwrap(), digest(&other).unwrap());
    }
}
