//! `train lend`: lends this machine's devices to runs on other machines, through burn's
//! remote backend.

use anyhow::Result;

use crate::cli::{Globals, LendArgs};

/// Fails with the way to build a program that can lend devices.
#[cfg(not(feature = "remote"))]
pub fn run(_: &Globals, _: LendArgs) -> Result<()> {
    Err(glyphic_runtime::device::DeviceError::NoRemote.into())
}

/// Lends the devices until the process is stopped.
#[cfg(feature = "remote")]
pub fn run(globals: &Globals, LendArgs { listen }: LendArgs) -> Result<()> {
    use std::{io::Write, net::TcpListener};

    use anyhow::{Context, ensure};
    use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};

    let token = token()?;
    let devices = globals.open_devices()?;
    ensure!(
        devices.iter().all(|device| device.is_cpu())
            || devices.iter().all(|device| device.adapter.is_some()),
        "a lender lends either GPUs or the CPU, and no device that is lent to it: start one lender \
         for each kind"
    );
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: choose another address with --listen")
    })?;
    let address = listener.local_addr()?;
    let host = match address.ip() {
        ip if ip.is_unspecified() => "THIS-MACHINE".to_owned(),
        ip => ip.to_string(),
    };
    let mut lines = String::new();
    for (number, device) in devices.iter().enumerate() {
        let place = if number == 0 { String::new() } else { format!("/{number}") };
        lines += &format!("{device}: --device remote:ws://{host}:{}{place}\n", address.port());
    }
    lines += &token.note;
    lines += "The traffic is not encrypted: on a network that you do not control, use ssh -L or a \
              VPN.\n";
    // The reader may close its end after the first line; lending goes on.
    let _ = std::io::stdout().write_all(lines.as_bytes());
    RemoteServer::new(devices.into_iter().map(|device| device.device))
        .with_authorizer(TokenAuthorizer::new(token.secret)?)
        .serve(WebSocketTransport::from_listener(listener))?;
    Ok(())
}

/// The secret that borrowers must show, and the line that tells it to the user.
#[cfg(feature = "remote")]
struct LenderToken {
    secret: String,
    note: String,
}

/// The token that was set, or a new one. There always is one, because any web page in a
/// browser on this machine could open a socket to the lender.
#[cfg(feature = "remote")]
fn token() -> Result<LenderToken> {
    use std::env::{VarError, var};

    use anyhow::bail;
    use glyphic_runtime::device::TOKEN_VARIABLE;

    match var(TOKEN_VARIABLE) {
        Ok(secret) if !secret.is_empty() => Ok(LenderToken { secret, note: String::new() }),
        Err(VarError::NotUnicode(_)) => bail!("{TOKEN_VARIABLE} is not UTF-8 text"),
        _ => {
            let secret = format!("{:032x}", rand::random::<u128>());
            let note = format!("Borrowers need {TOKEN_VARIABLE}={secret}\n");
            Ok(LenderToken { secret, note })
        }
    }
}
