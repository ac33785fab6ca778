//! The server's flags and environment variables, checked once.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Parser;
use glyphic_model::Thresholds;
use glyphic_runtime::{device::DeviceChoice, registry::Gate};

use crate::{
    store::{Store, samples::Quota},
    teach::Settings,
};

/// Serves Glyphic: the drawing page, and predictions over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(name = "server", version)]
pub struct Config {
    /// Address and port to listen on.
    #[arg(long, env = "GLYPHIC_ADDR", default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,
    /// Folder with the checkpoints and CURRENT, or where servers share them: s3://BUCKET/PATH,
    /// gs://… or az://…, with credentials in the environment.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    pub artifacts: Artifacts,
    /// Folder for this server's copy of what is shared.
    #[arg(long, env = "GLYPHIC_ARTIFACTS_COPY", default_value = "artifacts-copy")]
    pub artifacts_copy: PathBuf,
    /// auto (a real GPU if it is faster, else the CPU), gpu, gpu:N (see `train devices`), cpu, or
    /// remote:ws://HOST:PORT for one that another machine lends.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Share (0–1) of what is answered that the checkpoint labelled `candidate` reads too,
    /// unseen [default: nothing].
    #[arg(long, env = "GLYPHIC_SHADOW_SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = probability)]
    pub shadow_share: f32,
    /// What changes need as `Authorization: Bearer TOKEN`: promote, roll back, load, train,
    /// delete [default: nothing on loopback, else a token that is made and printed].
    #[arg(long, env = "GLYPHIC_ADMIN_TOKEN", hide_env_values = true, value_parser = token)]
    pub admin_token: Option<String>,
    /// The log as JSON, a line an event.
    #[arg(long, env = "GLYPHIC_LOG_JSON")]
    pub log_json: bool,
    /// What requests may take.
    #[command(flatten)]
    pub limits: Limits,
    /// Where answers become doubtful.
    #[command(flatten)]
    pub doubt: Doubt,
    /// What is learned, and when.
    #[command(flatten)]
    pub teaching: TeachingOptions,
}

impl Config {
    /// The folder that checkpoints are read from.
    pub fn folder(&self) -> &Path {
        match &self.artifacts {
            Artifacts::Folder(folder) => folder,
            Artifacts::Shared(_) => &self.artifacts_copy,
        }
    }
}

/// Where the checkpoints are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifacts {
    /// In a folder.
    Folder(PathBuf),
    /// In an object store, at a URL.
    Shared(String),
}

impl FromStr for Artifacts {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.contains("://") {
            true => Self::Shared(text.to_owned()),
            false => Self::Folder(text.into()),
        })
    }
}

/// A folder; a URL would be taken for one with a strange name.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    match text.parse() {
        Ok(Artifacts::Folder(folder)) => Ok(folder),
        _ => Err("it must be a folder".to_owned()),
    }
}

/// Where answers become doubtful, if not where the checkpoint says.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Doubt {
    /// An answer is `not_a_digit` if it is one of the labels with less than this
    /// probability (0–1) [default: the checkpoint's].
    #[arg(long, env = "GLYPHIC_REJECT_BELOW", value_parser = probability)]
    pub reject_below: Option<f32>,
    /// An answer is `unsure` below this confidence (0–1) [default: the checkpoint's].
    #[arg(long, env = "GLYPHIC_UNSURE_BELOW", value_parser = probability)]
    pub unsure_below: Option<f32>,
}

impl Doubt {
    /// These thresholds where they are given, else the others. A network that has not
    /// learned what is no label does not reject by any.
    pub fn over(self, others: Thresholds) -> Thresholds {
        Thresholds {
            in_distribution: self
                .reject_below
                .filter(|_| others.rejects())
                .unwrap_or(others.in_distribution),
            confidence: self.unsure_below.unwrap_or(others.confidence),
        }
    }
}

/// A secret that a header can carry, and that is not guessed in a day.
fn token(text: &str) -> Result<String, String> {
    match text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("it must be 16 or more characters, without spaces".to_owned()),
    }
}

fn probability(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    (0.0..=1.0).contains(&value).then_some(value).ok_or_else(|| "it must be 0 to 1".to_owned())
}

/// What is kept to learn from, and when training begins.
#[derive(Clone, Debug, clap::Args)]
pub struct TeachingOptions {
    /// Where samples and training jobs are kept: a `postgres://` or `sqlite://` URL
    /// [default: glyphic.db in the artifacts folder].
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Most samples that are kept.
    #[arg(long, env = "GLYPHIC_SAMPLES", default_value_t = 100_000)]
    pub samples: u64,
    /// Most samples that one source may send.
    #[arg(long, env = "GLYPHIC_SAMPLES_PER_SOURCE", default_value_t = 10_000)]
    pub samples_per_source: u64,
    /// Days after which samples are removed for good [default: never].
    #[arg(long, env = "GLYPHIC_KEEP_DAYS")]
    pub keep_days: Option<u32>,
    /// Days for which deleted samples can be brought back.
    #[arg(long, env = "GLYPHIC_KEEP_DELETED_DAYS", default_value_t = 30)]
    pub keep_deleted_days: u32,
    /// Train by itself after so many new labelled samples.
    #[arg(long, env = "GLYPHIC_TRAIN_EVERY_SAMPLES", value_parser = clap::value_parser!(u64).range(1..))]
    pub train_every_samples: Option<u64>,
    /// Train by itself after so many hours, if there are new labelled samples.
    #[arg(long, env = "GLYPHIC_TRAIN_EVERY_HOURS", value_parser = clap::value_parser!(u32).range(1..))]
    pub train_every_hours: Option<u32>,
    /// Data that is replayed beside the samples: what the checkpoint learned from
    /// [default: datasets/mnist in the artifacts folder].
    #[arg(long, env = "GLYPHIC_DATA")]
    pub data: Option<PathBuf>,
    /// Further arguments of `train finetune`, separated by spaces.
    #[arg(long, env = "GLYPHIC_TRAIN_ARGUMENTS", default_value = "", allow_hyphen_values = true)]
    pub train_arguments: String,
    /// Device to train on, or several with commas between them, also other machines'
    /// (see `train lend`) [default: --device].
    #[arg(long, env = "GLYPHIC_TRAIN_DEVICE", value_delimiter = ',')]
    pub train_device: Vec<DeviceChoice>,
}

impl TeachingOptions {
    /// The database: as given, or a file in the artifacts folder.
    pub fn url(&self, artifacts: &Path) -> String {
        self.database_url.clone().unwrap_or_else(|| Store::file_url(&artifacts.join("glyphic.db")))
    }

    /// The devices to train on, as `train --device` takes them.
    fn training_devices(&self, serving: &DeviceChoice) -> String {
        let devices = match self.train_device.as_slice() {
            [] => std::slice::from_ref(serving),
            devices => devices,
        };
        devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// How many samples are taken.
    pub fn quota(&self) -> Quota {
        Quota { total: self.samples, per_source: self.samples_per_source }
    }

    /// What jobs take. `program` is the program, and its first arguments, that
    /// is `train`.
    pub fn settings(&self, device: &DeviceChoice, program: Vec<String>) -> Settings {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        Settings {
            program,
            data: self.data.clone(),
            device: self.training_devices(device),
            arguments: self.train_arguments.split_whitespace().map(str::to_owned).collect(),
            every_samples: self.train_every_samples,
            every: self.train_every_hours.map(|h| Duration::from_secs(u64::from(h) * 3600)),
            gate: Gate::default(),
            keep_deleted: days(self.keep_deleted_days),
            keep: self.keep_days.map(days),
        }
    }
}

/// What one request, and all of them together, may take.
#[derive(Clone, Debug, clap::Args)]
pub struct Limits {
    /// Largest request body in MiB.
    #[arg(long, env = "GLYPHIC_MAX_BODY_MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_body_mib: u16,
    /// Requests that may wait for the network; beyond that they get 429. On the CPU a few
    /// glyphs are read at once and do not wait.
    #[arg(long, env = "GLYPHIC_QUEUE", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub queue: u16,
    /// Most pictures the network reads at once.
    #[arg(long, env = "GLYPHIC_MAX_BATCH", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_batch: u16,
    /// Requests a second that one client may send, probes and the pages' files not counted
    /// [default: any number].
    #[arg(long, env = "GLYPHIC_RATE", default_value_t = 0, hide_default_value = true)]
    pub rate: u32,
    /// Behind one proxy, whose X-Forwarded-For names the client.
    #[arg(long, env = "GLYPHIC_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Most open connections; more wait to be accepted.
    #[arg(long, env = "GLYPHIC_CONNECTIONS", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Most open connections of one client; further ones get 429. Behind a proxy all are its
    /// own, and this counts nothing [default: half of --connections].
    #[arg(long, env = "GLYPHIC_CONNECTIONS_PER_CLIENT", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections_per_client: Option<u16>,
    /// Seconds that requests under way have when the server stops.
    #[arg(long, env = "GLYPHIC_DRAIN_SECONDS", default_value_t = 10)]
    pub drain_seconds: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_mib: 16,
            queue: 256,
            max_batch: 64,
            rate: 0,
            behind_proxy: false,
            connections: 512,
            connections_per_client: None,
            drain_seconds: 10,
        }
    }
}

impl Limits {
    /// Most open connections of one client; behind a proxy, which is everybody's client, any
    /// number.
    pub fn connections_of_one(&self) -> Option<usize> {
        let half = self.connections.div_ceil(2);
        (!self.behind_proxy).then_some(self.connections_per_client.unwrap_or(half).into())
    }

    /// Largest request body in bytes.
    pub fn max_body(&self) -> usize {
        usize::from(self.max_body_mib) << 20
    }
}
