//! The child process that trains, and what it says of itself.

use std::{collections::VecDeque, path::Path, process::Stdio, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    task::JoinHandle,
};

use super::Settings;
use crate::store::jobs::Network;

/// Longest time for a look through the training data.
const AUDIT: Duration = Duration::from_secs(1800);
/// Points that a curve keeps; beyond that every other one is dropped.
const CURVE: usize = 120;
/// Last lines of the child's messages that are kept.
const LAST_LINES: usize = 20;

/// A `train` that is running. It stops when this is dropped.
pub(super) struct Trainer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: JoinHandle<VecDeque<String>>,
    /// What it has said of its progress so far.
    pub progress: Progress,
}

/// A job's progress as the API shows it.
#[derive(Default)]
pub(super) struct Progress {
    /// The last report.
    last: Value,
    /// `[step, loss, accuracy]` over time.
    curve: Vec<Value>,
    every: usize,
    seen: usize,
    /// Accuracy on the validation examples after each epoch.
    validation: Vec<Value>,
    /// The published checkpoint.
    pub finished: Option<String>,
    /// The folder's name of the unfinished run.
    pub run: Option<String>,
}

/// A line of the child's progress; see `train`'s progress module.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(String),
    Progress(Value),
    Epoch(Value),
    Finished(String),
}

impl Trainer {
    /// Starts to teach a checkpoint the samples in a file.
    pub fn teach(
        settings: &Settings,
        artifacts: &Path,
        parent: &str,
        samples: &Path,
    ) -> std::io::Result<Self> {
        let mut command = command(settings, &settings.device, artifacts, Some("finetune"))?;
        command.args(["--from", parent]).arg("--samples").arg(samples);
        command.args(&settings.arguments);
        Self::start(command)
    }

    /// Starts to train a network of this kind anew.
    pub fn train(
        settings: &Settings,
        artifacts: &Path,
        network: Network,
        epochs: i64,
    ) -> std::io::Result<Self> {
        let mut command = command(settings, &settings.device, artifacts, None)?;
        command.args(["--network", network.name(), "--epochs", &epochs.to_string()]);
        Self::start(command)
    }

    fn start(mut command: Command) -> std::io::Result<Self> {
        command.arg("--as-child");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let taken = || std::io::Error::other("the child has no output");
        let stdout = child.stdout.take().ok_or_else(taken)?;
        let stderr = child.stderr.take().ok_or_else(taken)?;
        Ok(Self {
            lines: lines(stdout),
            said: tokio::spawn(last_lines(stderr)),
            child,
            progress: Progress { every: 1, ..Progress::default() },
        })
    }

    /// Waits for the next report; `false` when there are no more. May be
    /// cancelled.
    pub async fn listen(&mut self) -> bool {
        match self.lines.next_line().await {
            Ok(Some(line)) => {
                self.progress.take(&line);
                true
            }
            _ => false,
        }
    }

    /// Asks the child to stop: it saves nothing and goes.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end. `Err` has the child's own last words.
    pub async fn end(mut self) -> Result<Progress, (Progress, String)> {
        // What it said last must not be lost.
        while self.listen().await {}
        let status = self.child.wait().await;
        let said = self.said.await.unwrap_or_default();
        match status {
            Ok(status) if status.success() => Ok(self.progress),
            Ok(status) => {
                let error = said.iter().rev().find_map(|line| line.strip_prefix("error: "));
                let words = error.map_or_else(|| format!("it ended with {status}"), str::to_owned);
                Err((self.progress, words))
            }
            Err(error) => Err((self.progress, error.to_string())),
        }
    }
}

impl Progress {
    fn take(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Line::Run(id)) => self.run = Some(id),
            Ok(Line::Progress(report)) => {
                if self.seen.is_multiple_of(self.every) {
                    let [step, loss, accuracy] =
                        ["step", "loss", "accuracy"].map(|name| report[name].clone());
                    self.curve.push(json!([step, loss, accuracy]));
                }
                self.seen += 1;
                if self.curve.len() > CURVE {
                    let mut kept = 0;
                    self.curve.retain(|_| {
                        kept += 1;
                        kept % 2 == 1
                    });
                    self.every *= 2;
                }
                self.last = report;
            }
            Ok(Line::Epoch(epoch)) => {
                self.validation.push(json!([epoch["step"], epoch["validation"]["accuracy"]]));
            }
            Ok(Line::Finished(id)) => self.finished = Some(id),
            Err(error) => tracing::warn!(%error, line, "the trainer says something unknown"),
        }
    }

    /// As the API shows it.
    pub fn json(&self) -> Value {
        let mut json = self.last.clone();
        if !json.is_object() {
            json = json!({});
        }
        json["curve"] = json!(self.curve);
        json["validation"] = json!(self.validation);
        json
    }
}

/// Starts a look through the training data.
pub(super) fn start_audit(
    settings: &Settings,
    artifacts: &Path,
    checkpoint: &str,
) -> std::io::Result<Child> {
    // It only reads: one of several devices is enough.
    let device = settings.device.split(',').next().unwrap_or_default();
    let mut command = command(settings, device, artifacts, Some("audit"))?;
    command.arg(checkpoint);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// Waits for its end. `Err` has its last words.
pub(super) async fn end_of_audit(child: Child) -> Result<(), String> {
    // Dropped at the end of its time, and killed by that.
    let output = tokio::time::timeout(AUDIT, child.wait_with_output())
        .await
        .map_err(|_| format!("it was not done after {} minutes", AUDIT.as_secs() / 60))?
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(said.lines().last().unwrap_or("it said nothing").to_owned()),
    }
}

/// One of `train`'s commands, or `train` itself, on this server's artifacts.
fn command(
    settings: &Settings,
    device: &str,
    artifacts: &Path,
    name: Option<&str>,
) -> std::io::Result<Command> {
    let [program, first @ ..] = settings.program.as_slice() else {
        return Err(std::io::Error::other("no training program is configured"));
    };
    let mut command = Command::new(program);
    command.args(first).args(name).arg("--artifacts").arg(artifacts);
    command.args(["--device", device]).kill_on_drop(true);
    // The server's own may be a URL, and `train` reads it before its arguments.
    command.env("GLYPHIC_ARTIFACTS", artifacts);
    if let Some(data) = &settings.data {
        command.arg("--data").arg(data);
    }
    // A Ctrl-C at the server's terminal is the server's business.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

fn lines<T: AsyncRead + Unpin>(stream: T) -> Lines<BufReader<T>> {
    BufReader::new(stream).lines()
}

async fn last_lines(stderr: ChildStderr) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let mut lines = lines(stderr);
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!("train: {line}");
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    last
}
