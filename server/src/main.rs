//! `server`: parses the command line, wires the parts, and serves.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use glyphic_model::checkpoint::Registry;
use glyphic_server::{App, config::Config, models::Models, run};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let log =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,glyphic_server=info".into());
    tracing_subscriber::fmt().with_env_filter(log).with_writer(std::io::stderr).init();
    match serve(Config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<()> {
    // Before the model is loaded: a port that is taken is known at once.
    let listener = TcpListener::bind(config.addr).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --addr", config.addr)
    })?;
    let registry = Registry::new(&config.artifacts);
    let device = config.device.open()?;
    let (queue, max_batch) = (config.limits.queue.into(), config.limits.max_batch.into());
    let models = Models::start(registry, device, queue, max_batch)?;
    let model = models.engine().serving();
    println!(
        "Glyphic is at http://{}\n  device      {}\n  checkpoint  {}",
        listener.local_addr()?,
        models.device(),
        model.id
    );
    run(listener, App::new(models, config.limits), stop_signal()).await?;
    Ok(())
}

/// Ctrl-C or SIGTERM.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            return;
        }
    }
    let _ = interrupt.await;
}
