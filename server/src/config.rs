//! The server's flags and environment variables, checked once.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use glyphic_model::device::DeviceChoice;

/// Serves Glyphic: the drawing page, and predictions over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(name = "server", version)]
pub struct Config {
    /// Address and port to listen on.
    #[arg(long, env = "GLYPHIC_ADDR", default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    pub artifacts: PathBuf,
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `train devices`), or cpu.
    #[arg(long, env = "GLYPHIC_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// What requests may take.
    #[command(flatten)]
    pub limits: Limits,
}

/// What one request, and all of them together, may take.
#[derive(Clone, Debug, clap::Args)]
pub struct Limits {
    /// Largest request body in MiB.
    #[arg(long, env = "GLYPHIC_MAX_BODY_MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_body_mib: u16,
    /// Pictures that may wait for the network; beyond that requests get 429.
    #[arg(long, env = "GLYPHIC_QUEUE", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub queue: u16,
    /// Most pictures the network reads at once.
    #[arg(long, env = "GLYPHIC_MAX_BATCH", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_batch: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body_mib: 16, queue: 256, max_batch: 64 }
    }
}

impl Limits {
    /// Largest request body in bytes.
    pub fn max_body(&self) -> usize {
        usize::from(self.max_body_mib) << 20
    }
}
