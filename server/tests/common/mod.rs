//! A real server on a port of its own, and requests to it. No test file needs
//! all of it.
#![allow(dead_code)]

use std::{fs, net::SocketAddr, path::PathBuf, thread::JoinHandle};

use burn::tensor::Device;
use glyphic_model::{
    checkpoint::{Draft, Metrics, Registry, Score},
    device::ComputeDevice,
    network::{ConvolutionConfig, Network, NetworkConfig},
};
use glyphic_server::{App, config::Limits, models::Models, run};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An artifacts folder of a test's own.
pub struct Artifacts {
    pub folder: TempDir,
    pub registry: Registry,
}

impl Artifacts {
    /// Holds the repository's released checkpoint, promoted.
    pub fn released() -> Self {
        let artifacts = Self::empty();
        let released = Registry::new(repository().join("artifacts"));
        let id = released.current().unwrap();
        let (from, to) = (released.folder(&id), artifacts.registry.folder(&id));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        artifacts.registry.promote(&id).unwrap();
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
        let conv = ConvolutionConfig { channels: 8, kernel: 5, stride: 2, padding: 2 };
        let config = NetworkConfig { convolutions: vec![conv, conv], hidden: vec![], classes: 10 };
        let network = config.init(&Device::flex());
        let score = Score { accuracy: 0.1, loss: 2.3, examples: 10 };
        let draft = Draft {
            id: id.to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            network_config: config,
            network: &network,
            labels: (0..10).map(|digit| digit.to_string()).collect(),
            temperature: 1.0,
            training: json!({}),
            datasets: vec![],
            metrics: Metrics { epochs: 1, seconds: 1.0, validation: score, test: None },
            epochs: &[],
            parent: None,
            git_revision: None,
            files: vec![],
        };
        self.registry.publish(draft).unwrap();
        network
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(artifacts: &Artifacts) -> Self {
        Self::start_with(artifacts, Limits::default())
    }

    pub fn start_with(artifacts: &Artifacts, limits: Limits) -> Self {
        let registry = artifacts.registry.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let (queue, batch) = (limits.queue.into(), limits.max_batch.into());
                let models = Models::start(registry, ComputeDevice::cpu(), queue, batch).unwrap();
                let shutdown = async { drop(stopped.await) };
                run(listener, App::new(models, limits), shutdown).await.unwrap();
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

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
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
