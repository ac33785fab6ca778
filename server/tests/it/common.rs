//! A real server on a port of its own, and requests to it. No test file needs
//! all of it.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use flate2::read::GzDecoder;
use glyphic_model::{
    Thresholds,
    checkpoint::{Metrics, Score},
    network::{ConvolutionConfig, Network, NetworkConfig},
    preprocess::Pictures,
};
use glyphic_runtime::{
    device::ComputeDevice,
    registry::{Draft, Registry},
};
use glyphic_server::{
    App,
    config::Limits,
    jobs::{JobSettings, TrainingService},
    models::Models,
    run,
    samples::{Keeping, Quota},
    store::Store,
};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How often a proof repeats what it does: `full` times in `./test --full`, else the
/// smaller number, which leaves CI room.
pub fn repetitions(full: usize, usual: usize) -> usize {
    match std::env::var("GLYPHIC_PROOFS") {
        Ok(proofs) if proofs == "full" => full,
        _ => usual,
    }
}

/// Held by a test in which a trainer runs: training takes all cores, so one runs at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static TRAINING: Mutex<()> = Mutex::new(());
    TRAINING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// An artifacts folder of a test's own.
pub struct TestArtifacts {
    pub folder: TempDir,
    pub registry: Registry,
}

impl TestArtifacts {
    /// The address of the database that a server makes here by default.
    pub fn database(&self) -> String {
        Store::file_url(&self.registry.root().join("glyphic.db"))
    }

    /// Holds the repository's released checkpoint, promoted.
    pub fn released() -> Self {
        let released = Registry::new(repository().join("artifacts"));
        Self::with(&released.current().unwrap())
    }

    /// Holds one of the repository's checkpoints, promoted.
    pub fn with(id: &str) -> Self {
        let artifacts = Self::empty();
        let repository = Registry::new(repository().join("artifacts"));
        let (from, to) = (repository.folder(id), artifacts.registry.folder(id));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        artifacts.registry.promote(id).unwrap();
        artifacts
    }

    /// Holds nothing.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::new(folder.path());
        Self { folder, registry }
    }

    /// Publishes a small untrained network; each call gives another one.
    pub fn publish(&self, id: &str) -> Network {
        publish(&self.registry, id)
    }
}

/// The same in any registry.
pub fn publish(registry: &Registry, id: &str) -> Network {
    publish_changed(registry, id, |network| network)
}

/// The same, of a network that is changed first.
pub fn publish_changed(
    registry: &Registry,
    id: &str,
    change: impl FnOnce(Network) -> Network,
) -> Network {
    let conv = ConvolutionConfig { channels: 8, kernel: 5, stride: 2, padding: 2 };
    let config = NetworkConfig { convolutions: vec![conv, conv], hidden: vec![], classes: 10 };
    let network = change(config.init(&Device::flex()));
    let score = Score { accuracy: 0.1, loss: 2.3, examples: 10 };
    let draft = Draft {
        id: id.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        network_config: config,
        network: &network,
        labels: (0..10).map(|digit| digit.to_string()).collect(),
        pictures: Pictures::Ink,
        temperature: 1.0,
        thresholds: Thresholds::default(),
        training: json!({}),
        datasets: vec![],
        metrics: Metrics { epochs: 1, seconds: 1.0, validation: score, test: None },
        epochs: &[],
        parent: None,
        git_revision: None,
        files: vec![],
    };
    registry.publish(draft).unwrap();
    network
}

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(artifacts: &TestArtifacts) -> Self {
        Self::start_with(artifacts, Limits::default())
    }

    pub fn start_with(artifacts: &TestArtifacts, limits: Limits) -> Self {
        Self::start_app(artifacts, limits, None)
    }

    /// One that keeps samples and trains, in a database of its own or a given
    /// one.
    pub fn training(artifacts: &TestArtifacts, training: TrainingSetup) -> Self {
        Self::start_app(artifacts, Limits::default(), Some(training))
    }

    fn start_app(
        artifacts: &TestArtifacts,
        limits: Limits,
        training: Option<TrainingSetup>,
    ) -> Self {
        Self::start_changed(artifacts, limits, training, |app| app)
    }

    /// One whose state is changed before it serves.
    pub fn start_changed(
        artifacts: &TestArtifacts,
        limits: Limits,
        training: Option<TrainingSetup>,
        change: impl FnOnce(App) -> App + Send + 'static,
    ) -> Self {
        let root = artifacts.registry.root().to_owned();
        let registry = artifacts.registry.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let (queue, batch) = (limits.queue.into(), limits.max_batch.into());
                let models = Models::start(registry, ComputeDevice::cpu(), queue, batch).unwrap();
                let shutdown = async { drop(stopped.await) };
                let mut app = App::new(models, limits);
                if let Some(TrainingSetup { url, quota, keeping, settings }) = training {
                    let url = url.unwrap_or_else(|| Store::file_url(&root.join("glyphic.db")));
                    let store = Store::open(&url).await.unwrap();
                    let training = TrainingService::new(store, quota, settings).keeping(keeping);
                    app = app.with_training(Ok(training));
                }
                // Not before: a test that waits must find files in place, not half read.
                ready.send(listener.local_addr().unwrap()).unwrap();
                run(listener, change(app), shutdown).await;
            });
        });
        let address = started.recv().unwrap();
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Sends a body of a content type; returns status and JSON.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> (u16, Value) {
        let request = ureq::post(self.url(path))
            .config()
            .http_status_as_error(false)
            .build()
            .content_type(content_type);
        read(request.send(body))
    }

    pub fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post(path, "application/json", body.to_string().as_bytes())
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        let request = ureq::get(self.url(path)).config().http_status_as_error(false).build();
        read(request.call())
    }

    /// Sends a body by another method than POST.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path))
            .header("content-type", "application/json")
            .body(body.to_string())
            .unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = ureq::Agent::new_with_config(agent);
        read(agent.run(request))
    }

    /// The bytes at a path.
    pub fn download(&self, path: &str) -> Vec<u8> {
        let mut response = ureq::get(self.url(path)).call().unwrap();
        response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap()
    }

    /// Sends a drawing as a sample.
    pub fn teach(&self, label: &str, source: &str, strokes: &Value) -> Value {
        let body = json!({ "label": label, "source": source, "strokes": strokes });
        let (status, answer) = self.post_json("/api/samples", &body);
        assert!(status == 201 || status == 200, "{answer}");
        answer
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let result = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            result.expect("the server panicked");
        }
    }
}

/// The status and the JSON of a response, or its text if it is not JSON.
pub fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut response = response.unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (response.status().as_u16(), body)
}

/// A hand-drawn 7, as strokes.
pub fn seven() -> Value {
    json!([[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]])
}

/// A stored picture from the model's tests.
pub fn picture(name: &str) -> Vec<u8> {
    fs::read(repository().join("model/tests/pictures").join(name)).unwrap()
}

/// Changes a database as no server does.
pub fn execute(url: &str, statements: &[&str]) {
    sqlx::any::install_default_drivers();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = AnyConnection::connect(url).await.unwrap();
        for &statement in statements {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

/// How a test's server keeps samples and trains.
pub struct TrainingSetup {
    /// The database; a file in the artifacts folder by default.
    pub url: Option<String>,
    pub quota: Quota,
    pub keeping: Keeping,
    pub settings: JobSettings,
}

impl Default for TrainingSetup {
    fn default() -> Self {
        Self {
            url: None,
            quota: Quota::default(),
            keeping: Keeping::default(),
            settings: JobSettings {
                program: vec![env!("CARGO_BIN_EXE_server").to_owned(), "train".to_owned()],
                data: Some(repository().join("artifacts/datasets/mnist")),
                device: "cpu".to_owned(),
                arguments: Vec::new(),
                every_samples: None,
                every: None,
                keep_deleted: Duration::from_secs(3600),
                keep: None,
            },
        }
    }
}

impl TrainingSetup {
    /// With a program in the place of the trainer.
    pub fn with_program(program: &[&str]) -> Self {
        let mut setup = Self::default();
        setup.settings.program = program.iter().map(|&part| part.to_owned()).collect();
        setup
    }
}

/// When a wait is given up. It is no bound on a time, which a busy machine would miss: those are
/// measured in `bench`.
const GIVEN_UP: Duration = Duration::from_secs(300);

/// Waits until `look` finds something and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < GIVEN_UP, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Waits for a job to be over and returns it.
#[track_caller]
pub fn wait_for_job(server: &Server, id: &str) -> Value {
    wait_for("the job's end", || {
        let (status, job) = server.get(&format!("/api/jobs/{id}"));
        assert_eq!(status, 200, "{job}");
        let is_over = !matches!(job["state"].as_str(), Some("queued" | "running"));
        is_over.then_some(job)
    })
}

/// Asks for training and waits for its end.
#[track_caller]
pub fn train(server: &Server) -> Value {
    let (status, job) = server.post_json("/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    wait_for_job(server, job["id"].as_str().unwrap())
}

/// The first pictures of MNIST as a dataset of their own.
pub fn a_little_of_mnist(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let from = repository().join("artifacts/datasets/mnist");
    for (name, header, size, count) in [
        ("train-images-idx3-ubyte", 16, 784, 1200u32),
        ("train-labels-idx1-ubyte", 8, 1, 1200),
        ("t10k-images-idx3-ubyte", 16, 784, 200),
        ("t10k-labels-idx1-ubyte", 8, 1, 200),
    ] {
        let packed = fs::File::open(from.join(format!("{name}.gz"))).unwrap();
        let mut bytes = vec![0; header + size * count as usize];
        GzDecoder::new(packed).read_exact(&mut bytes).unwrap();
        bytes[4..8].copy_from_slice(&count.to_be_bytes());
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Drawings of digits, each a little different: `count` of them.
pub fn drawings(count: usize) -> Vec<(String, Value)> {
    (0..count)
        .map(|i| {
            let wide = 30.0 + i as f64;
            if i % 2 == 0 {
                let seven = json!([[[0.0, 0.0], [wide, 2.0], [wide / 2.0, 80.0 + i as f64]]]);
                ("7".to_owned(), seven)
            } else {
                let point = |step: usize| {
                    let angle = 0.4 * step as f64;
                    [wide * angle.cos(), 60.0 * angle.sin()]
                };
                ("0".to_owned(), json!([(0..=16).map(point).collect::<Vec<_>>()]))
            }
        })
        .collect()
}

/// The names of a JSON object's fields, in alphabetical order.
#[track_caller]
pub fn names(object: &Value) -> Vec<String> {
    let mut names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
    names.sort();
    names
}
