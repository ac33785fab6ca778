//! `server`: parses the command line, wires the parts, and serves. As
//! `server train …` it is the program `train`, so that one file is all a server
//! needs to learn; `server page FOLDER` writes the page for a host of files; `server probe`
//! asks a running one whether it is ready.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Parser;
use glyphic_model::checkpoint::Registry;
use glyphic_server::{
    App,
    access::Admin,
    config::Config,
    models::Models,
    probe::{ProbeArgs, probe},
    routes::page,
    run,
    store::Store,
    teach::Teaching,
};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// The first argument that makes this the training program.
const TRAIN: &str = "train";
/// The first argument that writes the page into a folder.
const PAGE: &str = "page";
/// The first argument that asks a running server whether it is ready.
const PROBE: &str = "probe";

/// Writes the page and the promoted checkpoint into a folder that any host of files can
/// serve.
#[derive(Parser)]
#[command(name = "page")]
struct PageArgs {
    /// The folder.
    folder: PathBuf,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts")]
    artifacts: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == TRAIN) {
        return glyphic_train::program::main(arguments.into_iter().skip(1));
    }
    if arguments.get(1).is_some_and(|first| first == PAGE) {
        return ended(write_page(PageArgs::parse_from(arguments.into_iter().skip(1))));
    }
    if arguments.get(1).is_some_and(|first| first == PROBE) {
        return ended(probe(ProbeArgs::parse_from(arguments.into_iter().skip(1))));
    }
    serve_until_stopped()
}

fn ended(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write_page(PageArgs { folder, artifacts }: PageArgs) -> Result<()> {
    page::write(&folder, &Registry::new(artifacts))?;
    println!("The page is in {}: any host of files can serve it.", folder.display());
    Ok(())
}

#[tokio::main]
async fn serve_until_stopped() -> ExitCode {
    let config = Config::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,glyphic_server=info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_json {
        true => log.json().init(),
        false => log.init(),
    }
    ended(serve(config).await)
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
    // Whoever started it may not read this to its end.
    let _ = writeln!(
        io::stdout(),
        "Glyphic is at http://{}\n  device      {}\n  checkpoint  {}",
        listener.local_addr()?,
        models.device(),
        model.id
    );
    let (admin, made) =
        Admin::new(config.admin_token.clone(), config.addr, config.limits.behind_proxy);
    if let Some(token) = made {
        let _ = writeln!(
            io::stdout(),
            "  token       {token}   (changes need it; --admin-token sets it)"
        );
    }
    let app = App::new(models, config.limits.clone())
        .with_doubt(config.doubt)
        .with_admin(admin)
        .with_teaching(teaching(&config).await?)
        .with_shadow(config.shadow_share);
    run(listener, app, stop_signal()).await;
    Ok(())
}

/// The memory for samples. A database that was asked for must be there; without
/// a place for the default one, the server serves and does not learn.
async fn teaching(config: &Config) -> Result<Result<Teaching, String>> {
    let options = &config.teaching;
    let store = match Store::open(&options.url(&config.artifacts)).await {
        Ok(store) => store,
        Err(error) if options.database_url.is_some() => return Err(error.into()),
        Err(error) => {
            tracing::warn!("no teaching: {error}");
            return Ok(Err(error.to_string()));
        }
    };
    if let Some(weakness) = store.weakness().await? {
        tracing::warn!("a power cut may lose samples: {weakness}");
    }
    let itself = env::current_exe().context("the server does not know its own program")?;
    let program = vec![itself.to_string_lossy().into_owned(), TRAIN.to_owned()];
    let settings = options.settings(&config.device, program);
    Ok(Ok(Teaching::new(store, options.quota(), settings)))
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
