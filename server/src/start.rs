//! Serving from the command line: opens what the configuration names, and wires it together.

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use anyhow::{Context, Result};
use glyphic_runtime::{device::DeviceChoice, registry::Registry};
use glyphic_train::{
    data::{Data, learned_from},
    waiting::{LINE_EVERY, Waiting},
};
use tokio::net::TcpListener;

use crate::{
    App, answer_probes, auto,
    bucket::Bucket,
    config::{Artifacts, Config},
    http::access::Admin,
    jobs::TrainingService,
    log,
    models::Models,
    neighbours::{ExampleSource, TrainingExample},
    run,
    store::Store,
    traces,
};

/// The command of this program that trains.
const TRAIN: &str = "train";

/// Serves until Ctrl-C or SIGTERM, with a log and, where the environment asks for them, traces.
#[tokio::main]
pub async fn serve_until_stopped(config: Config) -> Result<()> {
    let traces = traces::sender().context("traces cannot be sent")?;
    log::start(config.log_json, traces.as_ref());
    let served = serve(config).await;
    if let Some(traces) = traces {
        traces::finish(traces).await;
    }
    served
}

async fn serve(config: Config) -> Result<()> {
    // Before the model is loaded, so that a port in use is reported at once.
    let listener = listen(config.addr, "--addr").await?;
    let probes = match config.probe_addr {
        Some(address) => Some(listen(address, "--probe-addr").await?),
        None => None,
    };
    let models = models(&config).await?;
    announce(&listener, &models)?;
    let (admin, made) =
        Admin::new(config.admin_token.clone(), config.addr, config.limits.behind_proxy);
    if let Some(token) = made {
        let _ = writeln!(
            io::stdout(),
            "  token       {token}   (required for changes; set your own with --admin-token)"
        );
    }
    let _ = writeln!(io::stdout(), "  changes     {}", admin.describe(listener.local_addr()?));
    let app = App::new(models, config.limits.clone())
        .with_thresholds(config.thresholds)
        .with_admin(admin)
        .with_origins(config.allow_origin.clone())
        .with_training(training(&config).await?)
        .with_examples(examples(&config))
        .with_shadow(config.shadow_share);
    let app = if config.training.memory { app.with_memory() } else { app };
    if let Some(probes) = probes {
        tokio::spawn(answer_probes(probes, app.clone()));
    }
    run(listener, app, stop_signal()).await;
    Ok(())
}

async fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener
        .with_context(|| format!("cannot listen on {address}: choose another address with {flag}"))
}

/// The promoted checkpoint, on the device that was asked for.
async fn models(config: &Config) -> Result<Models> {
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
    Ok(models)
}

fn announce(listener: &TcpListener, models: &Models) -> Result<()> {
    // The reader of the output may have closed it, which must not stop the server.
    let _ = writeln!(
        io::stdout(),
        "Glyphic is at http://{}\n  device      {}\n  checkpoint  {}",
        listener.local_addr()?,
        models.device(),
        models.engine().serving().id
    );
    Ok(())
}

/// The registry that is shared at `url`, fetched. If it does not answer, the copy that was fetched
/// before is used.
async fn shared(url: &str, registry: Registry) -> Result<Bucket> {
    let bucket = Bucket::open(url, registry)?;
    match bucket.fetch().await {
        Err(error) if bucket.registry().current().is_ok() => {
            tracing::error!("{error}; serving from the copy");
            return Ok(bucket);
        }
        fetched => fetched?,
    }
    if !bucket.keeps_conditions().await.unwrap_or(true) {
        tracing::warn!(
            "{url} does not support conditional writes: of two promotions or aliases set at the \
             same moment, one may be lost. S3, Google Cloud Storage and Azure support them"
        );
    }
    Ok(bucket)
}

/// Samples and training jobs, or why there are none. A database that was asked for must be there;
/// if the default one cannot be made, the server only serves.
async fn training(config: &Config) -> Result<Result<TrainingService, String>> {
    let options = &config.training;
    let store = match Store::open(&options.url(config.folder())).await {
        Ok(store) => store,
        Err(error) if options.database_url.is_some() => return Err(error.into()),
        Err(error) => {
            tracing::warn!("samples and training are off: {error}");
            return Ok(Err(error.to_string()));
        }
    };
    if let Some(weakness) = store.weakness().await? {
        tracing::warn!("a power cut may lose samples: {weakness}");
    }
    let itself = env::current_exe().context("the server cannot find its own program")?;
    let program = vec![itself.to_string_lossy().into_owned(), TRAIN.to_owned()];
    let settings = options.settings(&config.device, program);
    let training = TrainingService::new(store, options.quota(), settings);
    Ok(Ok(training.keeping(options.keeping())))
}

/// The examples that checkpoints were trained on, read as the trainer reads them.
fn examples(config: &Config) -> Arc<ExampleSource> {
    let given = config.training.data.clone();
    let path = given.unwrap_or_else(|| glyphic_train::commands::default_data(config.folder()));
    Arc::new(move |manifest| {
        let Data { record, labels, training, .. } =
            learned_from(manifest, &path).map_err(|error| error.to_string())?;
        let from: Arc<str> = record.name.into();
        let example = |example: glyphic_train::data::Example| {
            let label = labels.get(example.label)?.clone();
            Some(TrainingExample { glyph: example.glyph, label, from: Arc::clone(&from) })
        };
        Ok(training.into_iter().filter_map(example).collect())
    })
}

/// Waits for Ctrl-C or SIGTERM.
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
