//! The child process that trains, and the progress that it reports.

use std::{collections::VecDeque, path::Path, process::Stdio, time::Duration};

use glyphic_model::preprocess::Pictures;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    task::JoinHandle,
};

use super::{job::NetworkKind, settings::JobSettings};
use crate::secrets;

/// Longest time for an audit of the training data.
const AUDIT: Duration = Duration::from_secs(1800);
/// Most points of a curve; when there are more, every other one is dropped.
const CURVE: usize = 120;
/// Number of the child's last error lines that are kept.
const LAST_LINES: usize = 20;

/// A running `train`. It stops when this is dropped.
pub(super) struct TrainingProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: JoinHandle<VecDeque<String>>,
    /// The progress that it has reported so far.
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

/// A line that the child reports; see the progress module of `train`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportedLine {
    Run(String),
    Progress(Value),
    Epoch(Value),
    Finished(String),
}

impl TrainingProcess {
    /// Starts to fine-tune a checkpoint on the samples in a file.
    pub fn finetune(
        settings: &JobSettings,
        artifacts: &Path,
        parent: &str,
        samples: &Path,
    ) -> std::io::Result<Self> {
        let mut command = command(settings, &settings.device, artifacts, Some("finetune"))?;
        command.args(["--from", parent]).arg("--samples").arg(samples);
        command.args(&settings.arguments);
        Self::start(command)
    }

    /// Starts to train a network from scratch on these pictures.
    pub fn train(
        settings: &JobSettings,
        artifacts: &Path,
        pictures: Pictures,
        network: NetworkKind,
        epochs: i64,
    ) -> std::io::Result<Self> {
        let mut command = command(settings, &settings.device, artifacts, None)?;
        command.args(["--network", network.name(), "--epochs", &epochs.to_string()]);
        command.args(["--pictures", pictures.name()]);
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
            errors: tokio::spawn(last_lines(stderr)),
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

    /// Asks the child to stop: it ends without saving anything.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end. `Err` has the child's own error message.
    pub async fn end(mut self) -> Result<Progress, (Progress, String)> {
        // Its last reports must not be lost.
        while self.listen().await {}
        let status = self.child.wait().await;
        let errors = self.errors.await.unwrap_or_default();
        match status {
            Ok(status) if status.success() => Ok(self.progress),
            Ok(status) => {
                let error = errors.iter().rev().find_map(|line| line.strip_prefix("error: "));
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
            Ok(ReportedLine::Run(id)) => self.run = Some(id),
            Ok(ReportedLine::Progress(report)) => {
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
            Ok(ReportedLine::Epoch(epoch)) => {
                self.validation.push(json!([epoch["step"], epoch["validation"]["accuracy"]]));
            }
            Ok(ReportedLine::Finished(id)) => self.finished = Some(id),
            Err(error) => {
                tracing::warn!(%error, line, "the trainer sent a line that could not be parsed")
            }
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

/// Starts an audit of the training data.
pub(super) fn start_audit(
    settings: &JobSettings,
    artifacts: &Path,
    checkpoint: &str,
) -> std::io::Result<Child> {
    // An audit only evaluates: the first of several devices is enough.
    let device = settings.device.split(',').next().unwrap_or_default();
    let mut command = command(settings, device, artifacts, Some("audit"))?;
    command.arg(checkpoint);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// Waits for the end of an audit. `Err` has its last line.
pub(super) async fn end_of_audit(child: Child) -> Result<(), String> {
    // At the end of its time the child is dropped, which kills it.
    let output = tokio::time::timeout(AUDIT, child.wait_with_output())
        .await
        .map_err(|_| format!("it did not end within {} minutes", AUDIT.as_secs() / 60))?
        .map_err(|error| error.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(errors.lines().last().unwrap_or("it printed no error").to_owned()),
    }
}

/// One of `train`'s commands, or `train` itself, on this server's artifacts.
fn command(
    settings: &JobSettings,
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
    // Neither the token nor the credentials of stores and databases: it reads pictures that
    // strangers have sent.
    command.env_clear().envs(secrets::environment(device.contains("remote:")));
    // The server's own may be a URL, which `train` would reject before it reads --artifacts.
    command.env("GLYPHIC_ARTIFACTS", artifacts);
    if let Some(data) = &settings.data {
        command.arg("--data").arg(data);
    }
    // Ctrl-C at the terminal reaches the server alone, which then stops the child.
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
