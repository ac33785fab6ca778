//! A run, from its first step or the one it was stopped at to a published checkpoint.
//!
//! ```text
//! artifacts/runs/<id>/        while it runs; gone once the checkpoint is there
//! ├── lock                    held by the process that trains it
//! ├── state.bpk               all that a resumed run needs, replaced atomically
//! ├── metrics.jsonl           one line per epoch
//! └── events.out.tfevents.*   the same for TensorBoard
//! ```

use std::{
    borrow::Cow,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use glyphic_model::{
    Classifier,
    checkpoint::{EpochMetrics, METRICS_FILE, Manifest},
};
use glyphic_runtime::{
    device::ComputeDevice,
    registry::{Basis, PromotionPolicy, Registry, RegistryError},
};
use indicatif::ProgressBar;

use crate::{
    console::say,
    data::Data,
    environment,
    evaluate::evaluate,
    example::Example,
    finetune::FineTuning,
    progress::RunProgress,
    publish::FinishedRun,
    state::{Position, RunState, Sums},
    tensorboard,
    trainer::{Trainer, check_devices},
};

/// Time between two updates of the shown loss. Each of them waits for the device.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// The most work that a killed process loses, as time.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// Set when the user asks the process to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);
/// Whether anything would be lost if the process ended at once: a run has begun.
pub static BEGUN: AtomicBool = AtomicBool::new(false);

/// How a run ended.
pub enum RunEnding {
    /// The checkpoint is published.
    Finished(Box<Manifest>),
    /// The user stopped it; its state is saved.
    Stopped,
}

impl RunEnding {
    /// Whether the run came to its end.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }
}

/// A run and where its files are.
pub struct Run<'a> {
    id: String,
    folder: PathBuf,
    registry: &'a Registry,
    data: &'a Data,
    /// The examples and measurements of fine-tuning, if the run began from a checkpoint.
    fine_tuning: Option<&'a FineTuning>,
    /// Whether its folder is removed when it is stopped.
    discarded: bool,
    device: Device,
    trainer: Trainer,
    progress: RunProgress,
    /// Keeps other processes from training the run; released when this one ends.
    _lock: File,
}

impl<'a> Run<'a> {
    /// Begins a run: makes its folder and initialises its network.
    pub fn start(
        position: Position,
        registry: &'a Registry,
        data: &'a Data,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        check_devices(&position, devices)?;
        let position = position.with_synthetic(&data.generator);
        let examples = all_examples(&position, data);
        let trainer = supervised(Trainer::new(position, &examples, devices)?, registry)?;
        // Made only now, because drawing the synthetic examples takes seconds, and a process
        // that was killed meanwhile would leave a run without a state.
        let (id, folder) = new_folder(registry, &trainer.position)?;
        let run = Self::with(id, folder, trainer, registry, data, devices)?;
        run.trainer.state()?.save(&run.folder)?;
        Ok(run)
    }

    /// Begins a run that fine-tunes a checkpoint.
    pub fn finetune(
        position: Position,
        registry: &'a Registry,
        fine_tuning: &'a FineTuning,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        check_devices(&position, devices)?;
        let (id, folder) = new_folder(registry, &position)?;
        let data = &fine_tuning.data;
        let network = fine_tuning.network();
        let trainer = Trainer::from_network(position, &network, &data.training, devices)?;
        let run = Self::with(id, folder, trainer, registry, data, devices)?;
        let run = run.with_fine_tuning(fine_tuning)?;
        run.trainer.state()?.save(&run.folder)?;
        Ok(run)
    }

    /// Makes it a fine-tuning run: with a teacher, a blend to choose and a comparison.
    pub fn with_fine_tuning(self, fine_tuning: &'a FineTuning) -> Result<Self> {
        let trainer = fine_tuning.supervise(self.trainer)?;
        Ok(Self { fine_tuning: Some(fine_tuning), trainer, ..self })
    }

    /// Makes it the run of a child process: it reports progress as JSON lines on standard
    /// output, and removes its folder if it is stopped.
    pub fn as_child(mut self) -> Self {
        self.progress.as_json(&self.id);
        Self { discarded: true, ..self }
    }

    /// Makes it one run of a sweep: it moves the sweep's bar and prints nothing itself.
    pub fn part_of(mut self, bar: ProgressBar) -> Self {
        self.progress.part_of(bar, self.trainer.position.step);
        self
    }

    /// Continues a run where its state left off.
    pub fn resume(
        id: String,
        state: RunState,
        registry: &'a Registry,
        data: &'a Data,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        check_devices(&state.position, devices)?;
        if state.position.devices != devices.len() {
            say(&format!(
                "The run began on {} device(s) and continues on {}, so it will not end with the \
                 same weights.",
                state.position.devices,
                devices.len()
            ));
        }
        let folder = runs_folder(registry).join(&id);
        let examples = all_examples(&state.position, data);
        let trainer = Trainer::restore(state, &examples, devices)
            .with_context(|| format!("the state in {} is damaged", folder.display()))?;
        let trainer = supervised(trainer, registry)?;
        Self::with(id, folder, trainer, registry, data, devices)
    }

    fn with(
        id: String,
        folder: PathBuf,
        trainer: Trainer,
        registry: &'a Registry,
        data: &'a Data,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        let lock = lock(&folder, &format!("the run '{id}'"))?;
        remove_leftovers(registry);
        let position = &trainer.position;
        // Rewritten from the state: later lines belong to work that was lost.
        write_logs(&folder, &position.epochs)?;
        let progress = RunProgress::new(position, devices);
        let device = devices.first().context("training needs a device")?.device.clone();
        Ok(Self {
            id,
            folder,
            registry,
            data,
            fine_tuning: None,
            discarded: false,
            device,
            trainer,
            progress,
            _lock: lock,
        })
    }

    /// Trains to the end, or until [`STOP`] is set.
    pub fn drive(mut self) -> Result<RunEnding> {
        BEGUN.store(true, Ordering::Relaxed);
        self.progress.begin(&self.trainer.position);
        if self.progress.is_part() {
            // The sweep itself tells how to continue.
            return self.steps();
        }
        let id = &self.id;
        let resume =
            format!("the run stopped; `train resume {id}` continues from the last saved state");
        self.steps().context(resume)
    }

    fn steps(mut self) -> Result<RunEnding> {
        let mut clock = Instant::now();
        let (mut shown, mut saved) = (Instant::now(), Instant::now());
        while self.trainer.position.step < self.trainer.position.total_steps() {
            self.trainer.step()?;
            let position = &mut self.trainer.position;
            let epoch_is_over = position.step.is_multiple_of(position.steps_per_epoch());
            let stop = STOP.load(Ordering::Relaxed);
            let save = stop || saved.elapsed() > SAVE_EVERY;
            if epoch_is_over || save || shown.elapsed() > SHOW_EVERY {
                self.trainer.sync()?;
                let spent = clock.elapsed().as_secs_f64();
                clock = Instant::now();
                self.trainer.position.seconds += spent;
                self.trainer.position.sums.seconds += spent;
                self.progress.show(&self.trainer.position);
                shown = Instant::now();
            }
            if epoch_is_over {
                self.end_epoch()?;
                clock = Instant::now();
            }
            if epoch_is_over || save {
                self.trainer.state()?.save(&self.folder)?;
                saved = Instant::now();
            }
            if epoch_is_over {
                // After the state, from which the logs can be written again.
                write_logs(&self.folder, &self.trainer.position.epochs)?;
            }
            if stop && self.discarded {
                let _ = fs::remove_dir_all(&self.folder);
                return Ok(RunEnding::Stopped);
            }
            if stop {
                self.progress.stopped(&self.id);
                return Ok(RunEnding::Stopped);
            }
        }
        let manifest = match self.registry.manifest(&self.id) {
            // An earlier process published it and was killed before it removed the run.
            Ok(published) => published,
            Err(_) => self.publish()?,
        };
        self.finish(&manifest)?;
        Ok(RunEnding::Finished(Box::new(manifest)))
    }

    /// Evaluates the network on the validation examples and records the epoch.
    fn end_epoch(&mut self) -> Result<()> {
        let begun = Instant::now();
        let waiting = self.progress.waiting();
        let evaluation = evaluate(&self.classifier(), &self.data.validation)?;
        drop(waiting);
        let position = &mut self.trainer.position;
        position.seconds += begun.elapsed().as_secs_f64();
        let steps = position.steps_per_epoch() as f64;
        let images = steps * position.batch_size() as f64;
        let Sums { loss, correct, seconds } = std::mem::take(&mut position.sums);
        let metrics = EpochMetrics {
            epoch: position.epochs.len() + 1,
            step: position.step,
            learning_rate: position
                .config
                .learning_rate_at(position.step - 1, position.total_steps()),
            train_loss: f64::from(loss) / steps,
            train_accuracy: f64::from(correct) / images,
            validation: evaluation.score,
            images_per_second: images / seconds,
            seconds: position.seconds,
        };
        self.progress.epoch(&metrics);
        position.epochs.push(metrics);
        Ok(())
    }

    /// The network as it would be served now.
    fn classifier(&self) -> Classifier {
        Classifier::new(self.trainer.network(), self.data.labels.clone(), &self.device)
    }

    /// Publishes the network as a checkpoint.
    fn publish(&self) -> Result<Manifest> {
        let finished = FinishedRun {
            id: &self.id,
            registry: self.registry,
            data: self.data,
            fine_tuning: self.fine_tuning,
            position: &self.trainer.position,
            device: &self.device,
            progress: &self.progress,
        };
        finished.publish(&self.trainer.network())
    }

    /// Promotes if asked to, and removes the run's folder: the checkpoint has all of its
    /// content.
    fn finish(&self, manifest: &Manifest) -> Result<()> {
        let refused = match self.trainer.position.promote {
            true => self.promote(&manifest.id)?,
            false => None,
        };
        let promoted = self.trainer.position.promote && refused.is_none();
        self.progress.finished(manifest, &self.registry.folder(&manifest.id), promoted);
        if let Some(refused) = refused {
            say(&refused.to_string());
        }
        let _ = fs::remove_dir_all(&self.folder);
        Ok(())
    }

    /// Promotes the checkpoint, unless the policy objects: then it returns the objections.
    fn promote(&self, id: &str) -> Result<Option<RegistryError>> {
        let basis = if self.trainer.position.force { Basis::Forced } else { Basis::Scores };
        match self.registry.promote_if_allowed(id, None, &PromotionPolicy::default(), &basis) {
            Ok(()) => Ok(None),
            Err(refused @ RegistryError::Objected { .. }) => Ok(Some(refused)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Gives the trainer its teacher, if the config names one.
fn supervised(trainer: Trainer, registry: &Registry) -> Result<Trainer> {
    let Some(id) = &trainer.position.config.teacher else { return Ok(trainer) };
    let teacher = registry.load(id, &Device::flex())?;
    ensure!(
        trainer.position.labels == teacher.manifest.labels,
        "the teacher {id} has other labels than the data: {}",
        teacher.manifest.labels.join(", ")
    );
    ensure!(
        trainer.position.config.pictures == teacher.manifest.pictures,
        "the teacher {id} reads other pictures: give --pictures {}, or another teacher",
        teacher.manifest.pictures.name()
    );
    let [_, negatives] = trainer.position.synthetic;
    ensure!(
        negatives == 0 || teacher.manifest.thresholds.rejects(),
        "the teacher {id} was not trained to reject negatives: give --negatives 0, or another \
         teacher"
    );
    trainer.with_teacher(&teacher.network, 0)
}

/// The examples that a run trains on: the data's own, then the synthetic ones.
fn all_examples<'a>(position: &Position, data: &'a Data) -> Cow<'a, [Example]> {
    match position.pool(&data.generator) {
        pool if pool.is_empty() => Cow::Borrowed(&data.training),
        pool => Cow::Owned([data.training.as_slice(), &pool].concat()),
    }
}

/// Removes half-written checkpoints that killed processes left. The run does not need that, so
/// it goes on if it fails.
fn remove_leftovers(registry: &Registry) {
    if let Err(error) = registry.remove_leftovers() {
        say(&format!("warning: what killed runs left behind cannot be removed: {error}"));
    }
}

/// The folder of unfinished runs.
pub fn runs_folder(registry: &Registry) -> PathBuf {
    registry.root().join("runs")
}

/// Makes a folder for a new run under a name that no other run or checkpoint
/// has, even if several start at once.
fn new_folder(registry: &Registry, position: &Position) -> Result<(String, PathBuf)> {
    let runs = runs_folder(registry);
    fs::create_dir_all(&runs).with_context(|| format!("cannot create {}", runs.display()))?;
    let name = match &position.fine_tuning {
        Some(_) => environment::new_id("tuned", position.config.seed),
        None => environment::new_id(&position.dataset.name, position.config.seed),
    };
    for id in std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}"))) {
        let folder = runs.join(&id);
        match fs::create_dir(&folder) {
            Ok(()) if !registry.folder(&id).exists() => return Ok((id, folder)),
            Ok(()) => fs::remove_dir(&folder)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", folder.display()));
            }
        }
    }
    bail!("no name is left for a run in {}", runs.display())
}

/// Locks a folder against other processes until the file is dropped.
pub(crate) fn lock(folder: &Path, what: &str) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another process is training {what}"),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn write_logs(folder: &Path, epochs: &[EpochMetrics]) -> Result<()> {
    let mut lines = String::new();
    for epoch in epochs {
        lines += &serde_json::to_string(epoch)?;
        lines.push('\n');
    }
    for (name, bytes) in
        [(METRICS_FILE, lines.into_bytes()), (tensorboard::FILE, tensorboard::events(epochs))]
    {
        // Rewritten in place and not replaced, because TensorBoard keeps the file open. If it
        // is cut short, it is written again from the state.
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
