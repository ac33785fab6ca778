//! `train lend`: this machine's devices for runs on other machines, through burn's
//! remote backend.

use anyhow::Result;

use crate::cli::LendArgs;

/// Says how to get a program that can.
#[cfg(not(feature = "remote"))]
pub fn run(_: LendArgs) -> Result<()> {
    Err(glyphic_model::device::DeviceError::NoRemote.into())
}

/// Lends the devices until the process is stopped.
#[cfg(feature = "remote")]
pub fn run(arguments: LendArgs) -> Result<()> {
    use std::{env, io::Write, net::TcpListener};

    use anyhow::{Context, ensure};
    use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
    use glyphic_model::device::TOKEN_VARIABLE;

    let token = env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
    let LendArgs { devices, listen } = arguments;
    ensure!(
        token.is_some() || listen.ip().is_loopback(),
        "{listen} can be reached from other machines: set {TOKEN_VARIABLE} to a secret, here and \
         where the device is used"
    );
    let devices = devices.open()?;
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: choose another address with --listen")
    })?;
    let address = listener.local_addr()?;
    let mut lines = String::new();
    for (number, device) in devices.iter().enumerate() {
        let place = if number == 0 { String::new() } else { format!("/{number}") };
        lines += &format!("{device}: --device remote:ws://{address}{place}\n");
    }
    lines += "The traffic is not encrypted: on a network that is not yours, go through SSH (ssh -L) \
              or a VPN.\n";
    // Whoever started it may not read this to its end.
    let _ = std::io::stdout().write_all(lines.as_bytes());
    let mut server = RemoteServer::new(devices.into_iter().map(|device| device.device));
    if let Some(token) = token {
        server = server.with_authorizer(TokenAuthorizer::new(token)?);
    }
    server.serve(WebSocketTransport::from_listener(listener))?;
    Ok(())
}
