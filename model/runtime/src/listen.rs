//! Addresses to listen on, as people write them.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

/// Parses an address and a port as people write them: `127.0.0.1:8080`, `localhost:8080`, `:8080` and
/// `8080` on this machine alone, `[::1]:8080`, `0.0.0.0:8080` for all machines.
///
/// # Errors
/// It is none of these, or a name that is not known here.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("http://").map_or(text, |rest| rest.trim_end_matches('/'));
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let help = "write an address and a port, such as 127.0.0.1:8080, localhost:8080, [::1]:8080 or \
                0.0.0.0:8080";
    let port: u16 =
        port.parse().map_err(|_| format!("there is no port from 0 to 65535 in it: {help}"))?;
    if host.is_empty() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = (host, port).to_socket_addrs().map_err(|error| format!("{error}: {help}"))?;
    // `localhost` may be both.
    let all: Vec<SocketAddr> = found.collect();
    let best = all.iter().find(|address| address.is_ipv4()).or(all.first());
    best.copied().ok_or_else(|| format!("'{host}' has no address: {help}"))
}
