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
    bucket::{Bucket, BucketError},
    config::{Artifacts, Config},
    models::Models,
    probe::{ProbeArgs, probe},
    routes::page,
    run,
    store::Store,
    teach::Teaching,
    traces,
};
use glyphic_train::cli::folder;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// The first argument that makes this the training program.
const TRAIN: &str = "train";
/// The first argument that writes the page into a folder.
const PAGE: &str = "page";
/// The first argument that sends checkpoints to where servers share them.
const PUSH: &str = "push";
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
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Sends checkpoints to where servers share them. The first one that arrives is promoted.
#[derive(Parser)]
#[command(name = "push")]
struct PushArgs {
    /// The checkpoints [default: the promoted one].
    ids: Vec<String>,
    /// Where to: s3://BUCKET/PATH, gs://… or az://…
    #[arg(long)]
    to: String,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

fn main() -> ExitCode {
    // TLS, for an object store or a collector of traces: the provider is ours to choose. It
    // fails if one is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
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
    if arguments.get(1).is_some_and(|first| first == PUSH) {
        return ended(push(PushArgs::parse_from(arguments.into_iter().skip(1))));
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
async fn push(PushArgs { mut ids, to, artifacts }: PushArgs) -> Result<()> {
    let registry = Registry::new(artifacts);
    if ids.is_empty() {
        ids.push(registry.current()?);
    }
    let bucket = Bucket::open_without_copy(&to, registry)?;
    for id in &ids {
        bucket.send(bucket.registry(), id).await?;
        println!("{id} is in {to}");
    }
    if bucket.promote_first(&ids[0]).await? {
        println!("{} is promoted there, as the first", ids[0]);
    }
    Ok(())
}

#[tokio::main]
async fn serve_until_stopped() -> ExitCode {
    let config = Config::parse();
    let traces = match traces::sender() {
        Ok(traces) => traces,
        Err(error) => return ended(Err(error.context("traces cannot be sent"))),
    };
    start_log(config.log_json, traces.as_ref());
    let served = serve(config).await;
    if let Some(traces) = traces {
        // The last ones; if nobody takes them, they are lost.
        let _ = tokio::task::spawn_blocking(move || traces.shutdown()).await;
    }
    ended(served)
}

/// The log, to the standard error; and traces.
fn start_log(json: bool, traces: Option<&SdkTracerProvider>) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,glyphic_server=info".into());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match json {
        true => lines.json().boxed(),
        false => lines.boxed(),
    };
    let spans = traces.map(|traces| traces::layer(traces));
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
}

async fn serve(config: Config) -> Result<()> {
    // Before the model is loaded: a port that is taken is known at once.
    let listener = TcpListener::bind(config.addr).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --addr", config.addr)
    })?;
    let registry = Registry::new(config.folder());
    let bucket = match &config.artifacts {
        Artifacts::Folder(_) => None,
        Artifacts::Shared(url) => Some(shared(url, registry.clone()).await?),
    };
    let device = config.device.open()?;
    let (queue, max_batch) = (config.limits.queue.into(), config.limits.max_batch.into());
    let models = Models::start(registry, device, queue, max_batch)?.shared_in(bucket);
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

/// The registry that is shared at `url`, fetched. If it does not answer, what was fetched
/// before serves.
async fn shared(url: &str, registry: Registry) -> Result<Bucket> {
    let bucket = Bucket::open(url, registry)?;
    match bucket.fetch().await {
        Err(error @ BucketError::Failed { .. }) if bucket.registry().current().is_ok() => {
            tracing::error!("{error}; serving from its copy");
        }
        fetched => fetched?,
    }
    if !bucket.keeps_conditions().await.unwrap_or(true) {
        tracing::warn!(
            "{url} takes every write: of two promotions or labels at the same moment one may be \
             lost. S3, Google's and Azure's stores refuse the second"
        );
    }
    Ok(bucket)
}

/// The memory for samples. A database that was asked for must be there; without
/// a place for the default one, the server serves and does not learn.
async fn teaching(config: &Config) -> Result<Result<Teaching, String>> {
    let options = &config.teaching;
    let store = match Store::open(&options.url(config.folder())).await {
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
