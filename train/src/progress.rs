//! The progress of a run: a live bar in a terminal, plain lines elsewhere, and JSON lines for a
//! program that asks for them.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::Path,
    time::{Duration, Instant},
};

use glyphic_model::checkpoint::{EpochMetrics, Manifest, REPORT_FILE};
use glyphic_runtime::device::ComputeDevice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::{
    console::{counted, duration, say},
    state::Position,
    waiting::{LINE_EVERY, Waiting},
};

/// Shows a run's progress on standard error.
pub struct RunProgress {
    bar: ProgressBar,
    is_terminal: bool,
    last_line: Instant,
    epochs: usize,
    step_at_start: usize,
    started: Instant,
    json: bool,
    devices: String,
    on_gpu: bool,
    /// `Some` while a GPU has not finished its first step.
    waiting: Option<Waiting>,
    /// Whether the line above the epochs was printed.
    has_header: bool,
    /// The bar of the sweep that this run is part of, and the step that the bar has counted.
    whole: Option<(ProgressBar, usize)>,
}

/// A line of progress for a program, on standard output.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ProgressLine<'a> {
    /// The run's name.
    Run(&'a str),
    /// Where the run stands.
    Progress {
        step: usize,
        steps: usize,
        loss: f64,
        accuracy: f64,
        images_per_second: f64,
        seconds_left: f64,
    },
    /// An epoch is over.
    Epoch(&'a EpochMetrics),
    /// The checkpoint is published under this id.
    Finished(&'a str),
}

impl RunProgress {
    /// Prepares the bar.
    pub fn new(position: &Position, devices: &[ComputeDevice]) -> Self {
        let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
        let is_terminal = stderr().is_terminal();
        let bar =
            ProgressBar::new(position.total_steps() as u64).with_position(position.step as u64);
        if !is_terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar:.cyan/blue} {percent:>3}%  {msg}")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            is_terminal,
            last_line: Instant::now(),
            epochs: position.config.epochs,
            step_at_start: position.step,
            started: Instant::now(),
            json: false,
            devices: names.join(" and "),
            on_gpu: devices.iter().any(|device| device.adapter.is_some()),
            waiting: None,
            has_header: false,
            whole: None,
        }
    }

    /// Announces the run.
    pub fn begin(&mut self, position: &Position) {
        let network = &position.network;
        self.line(&format!(
            "Training on {}:\n{} examples, {} held back; {}; {} of {}.\n\
             The network has {} parameters and {:.2} M multiply-adds.",
            self.devices,
            position.dataset.training,
            position.dataset.validation,
            counted(position.labels.len(), "label"),
            counted(position.config.epochs, "epoch"),
            counted(position.steps_per_epoch(), "step"),
            network.parameters(),
            network.macs() as f64 / 1e6,
        ));
        if position.step > 0 {
            self.line(&format!(
                "Resuming at step {} of {}.",
                position.step,
                position.total_steps()
            ));
        }
        if self.on_gpu {
            self.line(
                "The first steps compile and tune the GPU's kernels, which may take minutes.",
            );
            // A run that was killed at its very end has no step left to wait for.
            if position.step < position.total_steps() {
                self.waiting = self.waiting();
            }
        }
    }

    /// Reports that a GPU compiles and tunes its kernels, until the result is dropped. `None` on
    /// the CPU.
    pub fn waiting(&self) -> Option<Waiting> {
        let every_second = Duration::from_secs(1);
        self.on_gpu.then(|| match (&self.whole, self.is_terminal) {
            (_, false) => Waiting::begin(LINE_EVERY, |line| say(&line)),
            (None, true) => {
                let bar = self.bar.clone();
                Waiting::begin(every_second, move |line| bar.set_message(line))
            }
            (Some((bar, _)), true) => {
                let bar = bar.clone();
                Waiting::begin(LINE_EVERY, move |line| bar.println(line))
            }
        })
    }

    /// Whether the run is part of a sweep.
    pub fn is_part(&self) -> bool {
        self.whole.is_some()
    }

    /// Moves the sweep's bar from now on, and prints nothing itself.
    pub fn part_of(&mut self, bar: ProgressBar, step: usize) {
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        self.whole = Some((bar, step));
    }

    /// Writes JSON lines to standard output as well.
    pub fn as_json(&mut self, id: &str) {
        self.json = true;
        self.emit(&ProgressLine::Run(id));
    }

    /// Shows where the run stands.
    pub fn show(&mut self, position: &Position) {
        self.waiting = None;
        if let Some((bar, step)) = &mut self.whole {
            bar.inc((position.step - *step) as u64);
            *step = position.step;
            return;
        }
        let steps = position.steps_per_epoch();
        let in_epoch = (position.step - 1) % steps + 1;
        let batch = position.batch_size() as f64;
        let speed = in_epoch as f64 * batch / position.sums.seconds.max(1e-9);
        let done = (position.step - self.step_at_start) as f64;
        let left = (position.total_steps() - position.step) as f64;
        let eta = self.started.elapsed().as_secs_f64() / done * left;
        let loss = f64::from(position.sums.loss) / in_epoch as f64;
        let accuracy = f64::from(position.sums.correct) / (in_epoch as f64 * batch);
        let (step, steps_in_all) = (position.step, position.total_steps());
        self.emit(&ProgressLine::Progress {
            step,
            steps: steps_in_all,
            loss,
            accuracy,
            images_per_second: speed,
            seconds_left: eta,
        });
        let message = format!(
            "epoch {}/{}  loss {loss:.4}  accuracy {:.2} %  {} left",
            (position.step - 1) / steps + 1,
            self.epochs,
            100.0 * accuracy,
            duration(eta),
        );
        self.bar.set_position(position.step as u64);
        if !self.is_terminal && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            say(&format!("step {in_epoch}/{steps}  {message}"));
        }
        self.bar.set_message(message);
    }

    /// Shows a finished epoch.
    pub fn epoch(&mut self, metrics: &EpochMetrics) {
        self.emit(&ProgressLine::Epoch(metrics));
        if !std::mem::replace(&mut self.has_header, true) {
            self.line(
                "  epoch      loss  accuracy    validation: loss  accuracy    img/s     time",
            );
        }
        self.line(&format!(
            "{:>3}/{:<3}  {:>8.4}  {:>6.2} %          {:>8.4}  {:>6.2} %  {:>7.0}  {:>7}",
            metrics.epoch,
            self.epochs,
            metrics.train_loss,
            100.0 * metrics.train_accuracy,
            metrics.validation.loss,
            100.0 * metrics.validation.accuracy,
            metrics.images_per_second,
            duration(metrics.seconds),
        ));
    }

    /// Prints how to continue after the user stopped the run.
    pub fn stopped(&self, id: &str) {
        self.bar.finish_and_clear();
        self.line(&format!("Stopped; nothing is lost. Continue with: train resume {id}"));
    }

    /// Prints the result.
    pub fn finished(&self, manifest: &Manifest, folder: &Path, promoted: bool) {
        self.bar.finish_and_clear();
        self.emit(&ProgressLine::Finished(&manifest.id));
        let metrics = &manifest.metrics;
        if let Some(test) = metrics.test {
            self.line(&format!(
                "Test set: {:.2} % of {} correct, loss {:.4}.",
                100.0 * test.accuracy,
                test.examples,
                test.loss
            ));
        }
        self.line(&format!(
            "Checkpoint {}{} in {}. Its report:\n{}",
            manifest.id,
            if promoted { ", promoted," } else { "" },
            duration(metrics.seconds),
            folder.join(REPORT_FILE).display(),
        ));
    }

    /// A line for the program that asked for JSON. If it has ended, the run goes on.
    fn emit(&self, line: &ProgressLine<'_>) {
        if self.json {
            let text = serde_json::to_string(line).unwrap_or_default();
            let _ = writeln!(stdout(), "{text}");
        }
    }

    fn line(&self, text: &str) {
        if self.whole.is_some() {
            return;
        }
        self.bar.suspend(|| say(text));
    }
}
