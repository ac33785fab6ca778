//! The server's flags and environment variables, checked once.

use std::{
    convert::Infallible,
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use axum::http::HeaderValue;
use clap::{ArgAction, Args, builder::TypedValueParser, error::ErrorKind};
use glyphic_model::Thresholds;
use glyphic_runtime::{device::DeviceChoice, listen::address};

use crate::{
    jobs::JobSettings,
    samples::{Keeping, Quota},
    store::Store,
};

/// The flags of serving.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Address and port to listen on.
    #[arg(long, env = "GLYPHIC_ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    pub addr: SocketAddr,
    /// A second address, for `/healthz`, `/readyz` and `/metrics` alone: it answers however many
    /// clients keep the other one busy. Do not publish it [default: none].
    #[arg(long, env = "GLYPHIC_PROBE_ADDR", value_parser = address)]
    pub probe_addr: Option<SocketAddr>,
    /// Folder with the checkpoints and CURRENT, or the URL of a registry that servers share:
    /// s3://BUCKET/PATH, gs://… or az://…, with credentials in the environment.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    pub artifacts: Artifacts,
    /// Folder for this server's copy of a shared registry.
    #[arg(long, env = "GLYPHIC_ARTIFACTS_COPY", default_value = "artifacts-copy")]
    pub artifacts_copy: PathBuf,
    /// Device to compute on: auto (a real GPU if it is faster, otherwise the CPU), gpu, gpu:N (see
    /// `train devices`), cpu, or remote:ws://HOST:PORT for one that another machine lends.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Share (0–1) of all glyphs that the checkpoint with the alias `candidate` reads as well, for
    /// comparison [default: none].
    #[arg(long, env = "GLYPHIC_SHADOW_SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = probability)]
    pub shadow_share: f32,
    /// Token required for changes (promote, roll back, load, train, delete), sent as
    /// `Authorization: Bearer TOKEN` [default: none on loopback, otherwise a new one, which is
    /// printed].
    #[arg(long, env = "GLYPHIC_ADMIN_TOKEN", hide_env_values = true, value_parser = Token)]
    pub admin_token: Option<String>,
    /// A site whose pages may use this server from browsers, such as `https://example.org`; several with
    /// commas, `*` for all. They may read, not change anything [default: none].
    #[arg(long, env = "GLYPHIC_ALLOW_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub allow_origin: Vec<HeaderValue>,
    /// Write the log as JSON, one event on each line.
    #[arg(long, env = "GLYPHIC_LOG_JSON")]
    pub log_json: bool,
    /// Limits of requests and connections.
    #[command(flatten)]
    pub limits: Limits,
    /// Thresholds instead of the checkpoint's.
    #[command(flatten)]
    pub thresholds: ThresholdOverrides,
    /// Samples and training jobs.
    #[command(flatten)]
    pub training: TrainingOptions,
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

/// Parses a folder. A URL is refused: it would become a folder with a strange name.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    match text.parse() {
        Ok(Artifacts::Folder(folder)) => Ok(folder),
        _ => Err("it must be a folder".to_owned()),
    }
}

/// Parses a site's origin, as browsers send it, or `*`.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let host = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '*', ' ']);
    match text == "*" || host.is_some_and(is_host) {
        true => {
            HeaderValue::from_str(&text.to_ascii_lowercase()).map_err(|error| error.to_string())
        }
        false => Err("write scheme and host, and the port if there is one, without a path: \
                      https://example.org"
            .to_owned()),
    }
}

/// Thresholds instead of the checkpoint's.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ThresholdOverrides {
    /// An answer is `not_a_digit` if its in-distribution score (0–1) is below this [default: the
    /// checkpoint's].
    #[arg(long, env = "GLYPHIC_REJECT_BELOW", value_parser = probability)]
    pub reject_below: Option<f32>,
    /// An answer is `unsure` if its confidence (0–1) is below this [default: the checkpoint's].
    #[arg(long, env = "GLYPHIC_UNSURE_BELOW", value_parser = probability)]
    pub unsure_below: Option<f32>,
}

impl ThresholdOverrides {
    /// These thresholds where they are given, else the others. A network that was trained without
    /// negatives has no in-distribution score to reject by.
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

/// Parses a secret that a header can carry and that is too long to guess. clap's own message about
/// a wrong value shows that value.
#[derive(Clone)]
struct Token;

impl TypedValueParser for Token {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let fits =
            |text: &&str| text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let refused = || {
            let problem = "the value of --admin-token (GLYPHIC_ADMIN_TOKEN) is not shown here; it \
                           must be 16 or more ASCII characters, without spaces\n";
            clap::Error::raw(ErrorKind::ValueValidation, problem).with_cmd(command)
        };
        value.to_str().filter(fits).map(str::to_owned).ok_or_else(refused)
    }
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("it must be on or off".to_owned()),
    }
}

fn probability(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    (0.0..=1.0).contains(&value).then_some(value).ok_or_else(|| "it must be 0 to 1".to_owned())
}

/// Samples and training jobs.
#[derive(Clone, Debug, Args)]
pub struct TrainingOptions {
    /// Database for samples and training jobs: a `postgres://` or `sqlite://` URL
    /// [default: glyphic.db in the artifacts folder].
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The most samples to keep.
    #[arg(long, env = "GLYPHIC_SAMPLES", default_value_t = 100_000)]
    pub samples: u64,
    /// The most samples to keep from one source.
    #[arg(long, env = "GLYPHIC_SAMPLES_PER_SOURCE", default_value_t = 10_000)]
    pub samples_per_source: u64,
    /// The most samples to keep from visitors at one IPv4 address or IPv6 /48.
    #[arg(long, env = "GLYPHIC_SAMPLES_PER_CLIENT", default_value_t = 1000)]
    pub samples_per_client: u64,
    /// The most MiB of samples to keep.
    #[arg(long, env = "GLYPHIC_SAMPLES_MIB", default_value_t = 2048)]
    pub samples_mib: u64,
    /// The most MiB of samples to keep from visitors at one IPv4 address or IPv6 /48.
    #[arg(long, env = "GLYPHIC_SAMPLES_MIB_PER_CLIENT", default_value_t = 32)]
    pub samples_mib_per_client: u64,
    /// The most KiB to keep of a sample's picture or drawing: a picture is scaled down until it
    /// fits, and of a drawing that does not fit, the glyph is kept.
    #[arg(long, env = "GLYPHIC_SAMPLE_KIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(32..=8192))]
    pub sample_kib: u16,
    /// Keep pictures as they were sent, with all that is in their files, such as where a photograph
    /// was taken. The page says so.
    #[arg(long, env = "GLYPHIC_KEEP_ORIGINALS")]
    pub keep_originals: bool,
    /// With --shadow-share: keep what the two checkpoints read differently as samples to be labelled,
    /// though nobody taught it. The page says so.
    #[arg(long, env = "GLYPHIC_KEEP_DISAGREEMENTS")]
    pub keep_disagreements: bool,
    /// Days after which samples are removed for good [default: never].
    #[arg(long, env = "GLYPHIC_KEEP_DAYS")]
    pub keep_days: Option<u32>,
    /// Days for which a deletion with the token can be undone.
    #[arg(long, env = "GLYPHIC_KEEP_DELETED_DAYS", default_value_t = 30)]
    pub keep_deleted_days: u32,
    /// Whether labelled samples take part in what is read at once, before any training.
    #[arg(long, env = "GLYPHIC_MEMORY", default_value = "on", value_name = "on|off", value_parser = on_or_off, action = ArgAction::Set)]
    pub memory: bool,
    /// Start training after this number of new labelled samples; those of visitors count once they
    /// are confirmed [default: never].
    #[arg(long, env = "GLYPHIC_TRAIN_EVERY_SAMPLES", value_parser = clap::value_parser!(u64).range(1..))]
    pub train_every_samples: Option<u64>,
    /// Start training after this number of hours, if there are new labelled samples [default:
    /// never].
    #[arg(long, env = "GLYPHIC_TRAIN_EVERY_HOURS", value_parser = clap::value_parser!(u32).range(1..))]
    pub train_every_hours: Option<u32>,
    /// Data that the checkpoint was trained on, to be replayed during fine-tuning [default:
    /// datasets/mnist in the artifacts folder].
    #[arg(long, env = "GLYPHIC_DATA")]
    pub data: Option<PathBuf>,
    /// More arguments for `train finetune`, separated by spaces.
    #[arg(long, env = "GLYPHIC_TRAIN_ARGUMENTS", default_value = "", allow_hyphen_values = true)]
    pub train_arguments: String,
    /// Device to train on, or several separated by commas, which may be on other machines (see
    /// `train lend`) [default: the same as --device].
    #[arg(long, env = "GLYPHIC_TRAIN_DEVICE", value_delimiter = ',')]
    pub train_device: Vec<DeviceChoice>,
}

impl TrainingOptions {
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
        let bytes = |mib: u64| mib.saturating_mul(1 << 20);
        Quota {
            total: self.samples,
            per_source: self.samples_per_source,
            per_client: self.samples_per_client,
            bytes: bytes(self.samples_mib),
            bytes_per_client: bytes(self.samples_mib_per_client),
        }
    }

    /// What is kept of samples.
    pub fn keeping(&self) -> Keeping {
        Keeping {
            bytes: usize::from(self.sample_kib) << 10,
            originals: self.keep_originals,
            disagreements: self.keep_disagreements,
        }
    }

    /// The settings of training jobs. `program` is the training program with its first arguments.
    pub fn settings(&self, device: &DeviceChoice, program: Vec<String>) -> JobSettings {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        JobSettings {
            program,
            data: self.data.clone(),
            device: self.training_devices(device),
            arguments: self.train_arguments.split_whitespace().map(str::to_owned).collect(),
            every_samples: self.train_every_samples,
            every: self.train_every_hours.map(|h| Duration::from_secs(u64::from(h) * 3600)),
            keep_deleted: days(self.keep_deleted_days),
            keep: self.keep_days.map(days),
        }
    }
}

/// Limits of requests and connections.
#[derive(Clone, Debug, Args)]
pub struct Limits {
    /// Largest request body in MiB.
    #[arg(long, env = "GLYPHIC_MAX_BODY_MIB", default_value_t = Limits::default().max_body_mib, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_body_mib: u16,
    /// Memory in MiB for the bodies of all requests; any more get 429. One client may
    /// have a quarter of it.
    #[arg(long, env = "GLYPHIC_REQUEST_MEMORY_MIB", default_value_t = Limits::default().request_memory_mib, value_parser = clap::value_parser!(u16).range(1..))]
    pub request_memory_mib: u16,
    /// Memory in MiB for the bodies of all answers over 64 KiB that clients have not taken yet;
    /// any more get 429. One client may have a quarter of it, or one answer.
    #[arg(long, env = "GLYPHIC_ANSWER_MEMORY_MIB", default_value_t = Limits::default().answer_memory_mib, value_parser = clap::value_parser!(u16).range(1..))]
    pub answer_memory_mib: u16,
    /// The most megapixels of all pictures in a file of samples that is imported: about 100 of them are
    /// decoded in a second.
    #[arg(long, env = "GLYPHIC_IMPORT_MEGAPIXELS", default_value_t = Limits::default().import_megapixels, value_parser = clap::value_parser!(u32).range(1..))]
    pub import_megapixels: u32,
    /// The most requests that may wait for the network; any more get 429. On the CPU, requests for
    /// a few glyphs do not wait.
    #[arg(long, env = "GLYPHIC_QUEUE", default_value_t = Limits::default().queue, value_parser = clap::value_parser!(u16).range(1..))]
    pub queue: u16,
    /// The most pictures that the network reads at once.
    #[arg(long, env = "GLYPHIC_MAX_BATCH", default_value_t = Limits::default().max_batch, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_batch: u16,
    /// The most requests per second from one client, not counting probes and the files of the
    /// pages [default: no limit].
    #[arg(long, env = "GLYPHIC_RATE", default_value_t = Limits::default().rate, hide_default_value = true)]
    pub rate: u32,
    /// The server is behind a proxy, whose X-Forwarded-For names the client.
    #[arg(long, env = "GLYPHIC_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// The most open connections; any more wait to be accepted.
    #[arg(long, env = "GLYPHIC_CONNECTIONS", default_value_t = Limits::default().connections, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// The most open connections of one client; any more get 429. It has no effect behind a proxy,
    /// where all connections are the proxy's [default: half of --connections].
    #[arg(long, env = "GLYPHIC_CONNECTIONS_PER_CLIENT", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections_per_client: Option<u16>,
    /// Seconds that requests in progress may take to finish when the server stops.
    #[arg(long, env = "GLYPHIC_DRAIN_SECONDS", default_value_t = Limits::default().drain_seconds)]
    pub drain_seconds: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_mib: 16,
            request_memory_mib: 128,
            answer_memory_mib: 32,
            import_megapixels: 500,
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
    /// Most open connections of one client; no limit behind a proxy, from which all connections
    /// come.
    pub fn connections_of_one(&self) -> Option<usize> {
        let half = self.connections.div_ceil(2);
        (!self.behind_proxy).then_some(self.connections_per_client.unwrap_or(half).into())
    }

    /// Largest request body in bytes.
    pub fn max_body(&self) -> usize {
        usize::from(self.max_body_mib) << 20
    }
}
