//! `server`: parses the command line, wires the parts, and serves. As
//! `server train …` it is the program `train`, so that one file is all a server
//! needs to learn; its other commands are in [`commands`](glyphic_server::commands) and
//! [`probe`](glyphic_server::probe).

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::Parser;
use glyphic_runtime::{device::DeviceChoice, registry::Registry};
use glyphic_server::{
    App,
    access::Admin,
    auto,
    bucket::Bucket,
    commands::{PageArgs, PushArgs, push, write_page},
    config::{Artifacts, Config},
    models::Models,
    neighbours::{Example, Source},
    probe::{ProbeArgs, probe},
    run,
    store::Store,
    teach::Teaching,
    traces,
};
use glyphic_train::{
    data::{Data, learned_from},
    waiting::{LINE_EVERY, Waiting},
};
use tokio::net::TcpListener;

/// The first argument that makes this the training program.
const TRAIN: &str = "train";

fn main() -> ExitCode {
    // TLS, for an object store or a collector of traces: the provider is ours to choose. It
    // fails if one is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<OsString> = env::args_os().collect();
    let rest = arguments.iter().skip(1);
    match arguments.get(1).and_then(|first| first.to_str()) {
        Some(TRAIN) => glyphic_train::program::main(rest.cloned()),
        Some("page") => ended(write_page(PageArgs::parse_from(rest))),
        Some("probe") => ended(probe(ProbeArgs::parse_from(rest))),
        Some("push") => ended(push(PushArgs::parse_from(rest))),
        _ => serve_until_stopped(),
    }
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

#[tokio::main]
async fn serve_until_stopped() -> ExitCode {
    let config = Config::parse();
    let traces = match traces::sender() {
        Ok(traces) => traces,
        Err(error) => return ended(Err(error.context("traces cannot be sent"))),
    };
    traces::start_log(config.log_json, traces.as_ref());
    let served = serve(config).await;
    if let Some(traces) = traces {
        traces::finish(traces).await;
    }
    ended(served)
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
    let (queue, max_batch) = (config.limits.queue.into(), config.limits.max_batch.into());
    let on_gpu = config.device != DeviceChoice::Cpu;
    let waiting = on_gpu.then(|| Waiting::begin(LINE_EVERY, |line| tracing::info!("{line}")));
    let device = auto::open(&config.device, &registry, max_batch)?;
    let models = Models::start(registry, device, queue, max_batch)?.shared_in(bucket);
    drop(waiting);
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
        .with_examples(examples(&config))
        .with_shadow(config.shadow_share);
    run(listener, app, stop_signal()).await;
    Ok(())
}

/// The registry that is shared at `url`, fetched. If it does not answer, what was fetched
/// before serves.
async fn shared(url: &str, registry: Registry) -> Result<Bucket> {
    let bucket = Bucket::open(url, registry)?;
    match bucket.fetch().await {
        Err(error) if bucket.registry().current().is_ok() => {
            tracing::error!("{error}; serving from its copy");
            return Ok(bucket);
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

/// What checkpoints learn from, as the trainer reads it.
fn examples(config: &Config) -> Arc<Source> {
    let given = config.teaching.data.clone();
    let path = given.unwrap_or_else(|| glyphic_train::commands::default_data(config.folder()));
    Arc::new(move |manifest| {
        let Data { record, labels, training, .. } =
            learned_from(manifest, &path).map_err(|error| error.to_string())?;
        let from: Arc<str> = record.name.into();
        let example = |example: glyphic_train::data::Example| {
            let label = labels.get(example.label)?.clone();
            Some(Example { glyph: example.glyph, label, from: Arc::clone(&from) })
        };
        Ok(training.into_iter().filter_map(example).collect())
    })
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
