//! A run from its first or its next step to a published checkpoint.
//!
//! ```text
//! artifacts/runs/<id>/        while it runs; gone once the checkpoint is there
//! ├── lock                    held by the process that trains it
//! ├── state.bpk               all that a resumed run needs, replaced atomically
//! ├── metrics.jsonl           one line an epoch
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
    checkpoint::{
        CARD_FILE, DRAWINGS_FILE, DatasetRecord, EpochMetrics, METRICS_FILE, Manifest, Metrics,
        REPORT_FILE,
    },
};
use glyphic_runtime::{
    device::ComputeDevice,
    registry::{COMPARISON_FILE, Comparison, Draft, Registry},
};

use indicatif::ProgressBar;

use crate::{
    calibrate::{accepting_taught, temperature, tempered, thresholds},
    card::{Card, Measured},
    data::{Data, Example},
    drawn::Shapes,
    environment,
    evaluate::{evaluate, logits},
    lesson::Lesson,
    progress::{Progress, say},
    report,
    state::{POOL_EPOCHS, Position, State, Sums},
    tensorboard,
    trainer::{Trainer, check_devices},
};

/// Time between two looks at the loss, and so between two waits for the device.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Most time whose work a killed process may lose.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// Set when the user asks the process to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// How a run ended.
pub enum Ending {
    /// The checkpoint is published.
    Finished(Box<Manifest>),
    /// The user stopped it; its state is saved.
    Stopped,
}

impl Ending {
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
    /// What the run teaches, if it began from a checkpoint.
    lesson: Option<&'a Lesson>,
    /// Whether nothing is left of it when it is stopped.
    discarded: bool,
    device: Device,
    trainer: Trainer,
    progress: Progress,
    /// Keeps other processes off the run; released when this one ends.
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
        let position = position.with_synthetic(&data.shapes);
        let examples = all_examples(&position, data);
        let trainer = supervised(Trainer::new(position, &examples, devices)?, registry)?;
        // Not before: drawing takes seconds, and whoever ends the process then would leave it.
        let (id, folder) = new_folder(registry, &trainer.position)?;
        let run = Self::with(id, folder, trainer, registry, data, devices)?;
        run.trainer.state()?.save(&run.folder)?;
        Ok(run)
    }

    /// Begins a run that goes on from the lesson's checkpoint.
    pub fn teach(
        position: Position,
        registry: &'a Registry,
        lesson: &'a Lesson,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        check_devices(&position, devices)?;
        let (id, folder) = new_folder(registry, &position)?;
        let data = &lesson.data;
        let network = lesson.network();
        let trainer = Trainer::from_network(position, &network, &data.training, devices)?;
        let run = Self::with(id, folder, trainer, registry, data, devices)?.of_lesson(lesson)?;
        run.trainer.state()?.save(&run.folder)?;
        Ok(run)
    }

    /// Says what the run teaches.
    pub fn of_lesson(self, lesson: &'a Lesson) -> Result<Self> {
        let trainer = lesson.supervise(self.trainer)?;
        Ok(Self { lesson: Some(lesson), trainer, ..self })
    }

    /// Serves a parent process: progress as JSON lines on standard output, and
    /// nothing left if it is stopped.
    pub fn as_child(mut self) -> Self {
        self.progress.as_json(&self.id);
        Self { discarded: true, ..self }
    }

    /// One run of many: it moves their common bar, and says nothing itself.
    pub fn part_of(mut self, bar: ProgressBar) -> Self {
        self.progress.part_of(bar, self.trainer.position.step);
        self
    }

    /// Takes up a run where its state left it.
    pub fn resume(
        id: String,
        state: State,
        registry: &'a Registry,
        data: &'a Data,
        devices: &[ComputeDevice],
    ) -> Result<Self> {
        check_devices(&state.position, devices)?;
        if state.position.devices != devices.len() {
            say(&format!(
                "The run began on {} device(s) and goes on with {}: it will not end in the same \
                 weights.",
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
        let position = &trainer.position;
        // Lines of epochs that the state does not know are of work that was lost.
        write_logs(&folder, &position.epochs)?;
        let progress = Progress::new(position, devices);
        let device = devices.first().context("training needs a device")?.device.clone();
        Ok(Self {
            id,
            folder,
            registry,
            data,
            lesson: None,
            discarded: false,
            device,
            trainer,
            progress,
            _lock: lock,
        })
    }

    /// Trains to the end, or until [`STOP`] is set.
    pub fn drive(mut self) -> Result<Ending> {
        self.progress.begin(&self.trainer.position);
        if self.progress.is_part() {
            // How to go on is the sweep's to say.
            return self.steps();
        }
        let id = &self.id;
        let resume = format!("the run stopped; `train resume {id}` goes on from what was saved");
        self.steps().context(resume)
    }

    fn steps(mut self) -> Result<Ending> {
        let mut clock = Instant::now();
        let (mut looked, mut saved) = (Instant::now(), Instant::now());
        while self.trainer.position.step < self.trainer.position.total_steps() {
            self.trainer.step()?;
            let position = &mut self.trainer.position;
            let epoch_is_over = position.step.is_multiple_of(position.steps_per_epoch());
            let stop = STOP.load(Ordering::Relaxed);
            let save = stop || saved.elapsed() > SAVE_EVERY;
            if epoch_is_over || save || looked.elapsed() > LOOK_EVERY {
                self.trainer.sync()?;
                let spent = clock.elapsed().as_secs_f64();
                clock = Instant::now();
                self.trainer.position.seconds += spent;
                self.trainer.position.sums.seconds += spent;
                self.progress.look(&self.trainer.position);
                looked = Instant::now();
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
                // After the state, from which they can be made again.
                write_logs(&self.folder, &self.trainer.position.epochs)?;
            }
            if stop && self.discarded {
                let _ = fs::remove_dir_all(&self.folder);
                return Ok(Ending::Stopped);
            }
            if stop {
                self.progress.stopped(&self.id);
                return Ok(Ending::Stopped);
            }
        }
        let manifest = match self.registry.manifest(&self.id) {
            // A process before this one published it, and was killed then.
            Ok(published) => published,
            Err(_) => self.publish()?,
        };
        self.finish(&manifest)?;
        Ok(Ending::Finished(Box::new(manifest)))
    }

    /// Validates and writes the epoch's line.
    fn end_epoch(&mut self) -> Result<()> {
        let begun = Instant::now();
        let waiting = self.progress.waiting();
        let outcome = evaluate(&self.classifier(), &self.data.validation)?;
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
            validation: outcome.score,
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

    /// Fits the temperature and the thresholds, measures on the test set, once, and
    /// publishes the checkpoint.
    fn publish(&self) -> Result<Manifest> {
        let position = &self.trainer.position;
        let network = match self.lesson {
            Some(lesson) => lesson.settle(&self.trainer.network(), &self.device)?,
            None => self.trainer.network(),
        };
        let labels = self.data.labels.clone();
        let classifier = Classifier::new(network.clone(), labels.clone(), &self.device);
        let held_back = &self.held_back();
        let waiting = self.progress.waiting();
        let logits = logits(&classifier, held_back)?;
        drop(waiting);
        let temperature = temperature(&logits, held_back);
        let mut thresholds = thresholds(&tempered(&logits, temperature), held_back, self.rejects());
        let classifier = classifier.with_temperature(temperature);
        if let Some(lesson) = self.lesson {
            let taught = evaluate(&classifier, &lesson.held_back)?.predictions;
            thresholds = accepting_taught(thresholds, &taught);
        }
        let classifier = classifier.with_thresholds(thresholds);
        let validation = evaluate(&classifier, &self.data.validation)?;
        let comparison =
            self.lesson.map(|lesson| lesson.compare(&classifier, &self.device)).transpose()?;
        let others = match (self.rejects(), self.lesson) {
            (false, _) => Vec::new(),
            (true, None) => self.data.shapes.others_to_check_on(),
            // A letter that was taught is a label now.
            (true, Some(_)) => Shapes::of(&labels).others_to_check_on(),
        };
        let on_test = !self.data.test.is_empty();
        let examples = if on_test { &self.data.test } else { &self.data.validation };
        let measured = Measured {
            id: &self.id,
            data: &position.dataset.name,
            created: environment::now(),
            examples,
            others: &others,
        };
        let (card, outcome) = Card::measure(&classifier, measured)?;
        let metrics = Metrics {
            epochs: position.epochs.len(),
            seconds: position.seconds,
            validation: validation.score,
            test: on_test.then_some(outcome.score),
        };
        let page = report::html(&report::Content {
            title: &self.id,
            epochs: &position.epochs,
            metrics: &metrics,
            network: &position.network,
            set: if on_test { "the test set" } else { "held-back examples" },
            card: &card,
            outcome: &outcome,
            examples,
        });
        let mut files = vec![
            (REPORT_FILE.to_owned(), page.into_bytes()),
            (CARD_FILE.to_owned(), serde_json::to_vec_pretty(&card)?),
            (tensorboard::FILE.to_owned(), tensorboard::events(&position.epochs)),
        ];
        if let Some(drawings) = &self.data.drawings {
            files.push((DRAWINGS_FILE.to_owned(), drawings.clone().into_bytes()));
        }
        if let Some(comparison) = &comparison {
            files.push((COMPARISON_FILE.to_owned(), serde_json::to_vec_pretty(comparison)?));
        }
        let manifest = self.registry.publish(Draft {
            id: self.id.clone(),
            created: environment::now(),
            network_config: position.network.clone(),
            network: &network,
            labels: self.data.labels.clone(),
            temperature,
            thresholds,
            training: serde_json::to_value(&position.config)?,
            datasets: self.datasets(),
            metrics,
            epochs: &position.epochs,
            parent: comparison.map(|Comparison { parent, .. }| parent),
            git_revision: position.git_revision.clone(),
            files,
        })?;
        Ok(manifest)
    }

    /// The examples kept from training: by them it is decided how sure an answer is.
    fn held_back(&self) -> Vec<Example> {
        let scanned = match self.lesson {
            Some(lesson) => lesson.all_held_back(),
            None => self.data.validation.clone(),
        };
        let [drawn, _] = self.trainer.position.synthetic;
        let drawn = if drawn > 0 { self.data.shapes.to_check_on() } else { Vec::new() };
        [scanned, drawn].concat()
    }

    /// What was trained on.
    fn datasets(&self) -> Vec<DatasetRecord> {
        let position = &self.trainer.position;
        let made = position.turn() * POOL_EPOCHS;
        let name = || format!("synthetic handwriting, generator {:.8}", position.generator);
        let synthetic = (made > 0).then(|| DatasetRecord {
            name: name(),
            training: made,
            validation: 0,
            test: 0,
            files: Vec::new(),
        });
        [position.dataset.clone()].into_iter().chain(synthetic).collect()
    }

    /// Whether the network has learned what is none of the labels.
    fn rejects(&self) -> bool {
        let [_, others] = self.trainer.position.synthetic;
        others > 0 || self.lesson.is_some_and(Lesson::rejects)
    }

    /// Promotes if asked to, and removes the run's folder: the checkpoint holds
    /// all that it did.
    fn finish(&self, manifest: &Manifest) -> Result<()> {
        let promote = self.trainer.position.promote;
        if promote {
            self.registry.promote(&manifest.id)?;
        }
        self.progress.finished(manifest, &self.registry.folder(&manifest.id), promote);
        let _ = fs::remove_dir_all(&self.folder);
        Ok(())
    }
}

/// Holds a run to its teacher, if it has one.
fn supervised(trainer: Trainer, registry: &Registry) -> Result<Trainer> {
    let Some(id) = &trainer.position.config.teacher else { return Ok(trainer) };
    let teacher = registry.load(id, &Device::flex())?;
    ensure!(
        trainer.position.labels == teacher.manifest.labels,
        "the teacher {id} knows other labels than the data has: {}",
        teacher.manifest.labels.join(", ")
    );
    let [_, others] = trainer.position.synthetic;
    ensure!(
        others == 0 || teacher.manifest.thresholds.rejects(),
        "the teacher {id} does not tell what is none of the labels: give --others 0, or another \
         teacher"
    );
    trainer.with_teacher(&teacher.network, 0)
}

/// What a run trains on: the data's examples, and behind them what is drawn.
fn all_examples<'a>(position: &Position, data: &'a Data) -> Cow<'a, [Example]> {
    match position.draw(&data.shapes) {
        drawn if drawn.is_empty() => Cow::Borrowed(&data.training),
        drawn => Cow::Owned([data.training.as_slice(), &drawn].concat()),
    }
}

/// The folder of unfinished runs.
pub fn runs_folder(registry: &Registry) -> PathBuf {
    registry.root().join("runs")
}

/// Makes a folder for a new run under a name that no other run or checkpoint
/// has, also if several start at once.
fn new_folder(registry: &Registry, position: &Position) -> Result<(String, PathBuf)> {
    let runs = runs_folder(registry);
    fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    let name = match &position.lesson {
        Some(_) => environment::new_id("taught", position.config.seed),
        None => environment::new_id(&position.dataset.name, position.config.seed),
    };
    for id in std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}"))) {
        let folder = runs.join(&id);
        match fs::create_dir(&folder) {
            Ok(()) if !registry.folder(&id).exists() => return Ok((id, folder)),
            Ok(()) => fs::remove_dir(&folder)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", folder.display()));
            }
        }
    }
    bail!("no name is left for a run in {}", runs.display())
}

/// Keeps other processes off a folder until the file is dropped.
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
        // Rewritten in place, growing at the end: TensorBoard follows an open
        // file. What it holds can always be made again from the state.
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
