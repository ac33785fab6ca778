//! `server probe`: whether a server is ready, for health checks where no HTTP client is
//! installed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use glyphic_runtime::listen::address;

/// Longest time to connect, and between two parts of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest answer that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Which server is asked.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Address that the server listens on; for 0.0.0.0, 127.0.0.1 is asked.
    #[arg(long, env = "GLYPHIC_ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    addr: SocketAddr,
    /// Its address for probes, if it has one: this one is asked then, because it answers however
    /// busy the other is.
    #[arg(long, env = "GLYPHIC_PROBE_ADDR", value_parser = address)]
    probe_addr: Option<SocketAddr>,
}

/// Fails if the server is not ready.
pub fn probe(ProbeArgs { addr, probe_addr }: ProbeArgs) -> Result<()> {
    let mut addr = probe_addr.unwrap_or(addr);
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            [0, 0, 0, 0, 0, 0, 0, 1].into()
        });
    }
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)
        .with_context(|| format!("nothing is listening on {addr}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream
        .take(LONGEST)
        .read_to_string(&mut answer)
        .with_context(|| format!("{addr} does not answer"))?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{addr} is not ready: {answer}");
    Ok(())
}
