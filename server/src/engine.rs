//! Where the network computes.
//!
//! Requests reach the computing threads through one bounded queue. A GPU has one such thread;
//! the CPU kernels have one for each core. While the threads compute, requests pool in the
//! queue, and all that have pooled are the next batch: batches grow with load, and no request
//! waits for a timer. A new checkpoint comes through the same queue, so the requests before it
//! are read by the old network and those after it by the new one.
//!
//! A few glyphs for a small network on the CPU take another way: reading them takes less time
//! than handing them to another thread and back, so the requesting thread computes them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use glyphic_model::{
    Classifier, Glyph, Prediction, backend::DeviceFailed, checkpoint::Manifest, memory::Memory,
};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::metrics::ServerMetrics;

/// Most threads that compute on the CPU; with more they would wait for the queue's lock.
const MOST_THREADS: usize = 16;
/// Most multiply-adds that the requesting thread computes itself with the CPU kernels. They take
/// about 0.25 ms, which other requests on that thread can wait: four glyphs for the default
/// network.
const MAX_INLINE_MACS: usize = 12_000_000;

/// A checkpoint that is ready to answer: verified, built and warmed up.
pub struct Model {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its network.
    pub classifier: Classifier,
    /// What was taught beside its training.
    pub memory: Option<Memory>,
}

/// Predictions, with their checkpoint and their times.
#[derive(Debug)]
pub struct Predicted<P = Prediction> {
    /// The network's output.
    pub prediction: P,
    /// The checkpoint that predicted it.
    pub model: Arc<Manifest>,
    /// Time from entering the queue to the start of the batch.
    pub queue: Duration,
    /// Time the batch took.
    pub compute: Duration,
}

/// A handle to the threads that compute; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<EngineCommand>,
    shared: Arc<Shared>,
    /// Held by each thread as long as it lives.
    life: Weak<()>,
    /// Whether small requests are computed by the thread that makes them.
    inline: bool,
    /// Whether the network answers alone, without its memory.
    alone: bool,
}

/// Why the network did not answer.
#[derive(Clone, Debug, Error)]
pub enum EngineError {
    /// The queue is full.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The computation failed.
    #[error("the network cannot answer now: {0}")]
    Unavailable(String),
}

enum EngineCommand {
    Predict(QueuedRequest),
    Swap(Box<Model>, oneshot::Sender<()>),
}

struct QueuedRequest {
    glyphs: Vec<Glyph>,
    alone: bool,
    queued: Instant,
    reply: oneshot::Sender<Result<Predicted<Vec<Prediction>>, EngineError>>,
}

impl Engine {
    /// Starts the threads with their first model. `queue` is how many requests
    /// may wait, `max_batch` how many are read at once.
    pub fn start(
        model: Model,
        queue: usize,
        max_batch: usize,
        metrics: ServerMetrics,
    ) -> std::io::Result<Self> {
        let (commands, received) = sync_channel(queue);
        // The CPU kernels compute on the thread that calls them; a GPU, or burn on the CPU,
        // has threads of its own.
        let threads = match model.classifier.uses_kernels() {
            true => thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
            false => 1,
        };
        let shared = Arc::new(Shared {
            commands: Mutex::new(received),
            serving: Mutex::new(model.into()),
            max_batch,
            metrics,
        });
        let life = Arc::new(());
        let life_seen = Arc::downgrade(&life);
        let handle = Self { commands, shared, life: life_seen, inline: true, alone: false };
        for _ in 0..threads {
            let (shared, life) = (Arc::clone(&handle.shared), Arc::clone(&life));
            thread::Builder::new().name("network".into()).spawn(move || {
                // A panic outside the computation fails the requests of its batch, not later
                // ones.
                while catch_unwind(AssertUnwindSafe(|| shared.run())).is_err() {
                    tracing::error!("the network's thread panicked and was restarted");
                }
                drop(life);
            })?;
        }
        Ok(handle)
    }

    /// The same engine, but all requests are computed on its own threads.
    pub fn queued(self) -> Self {
        Self { inline: false, ..self }
    }

    /// The same engine, but what was taught has no part in what it reads.
    pub fn without_memory(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Reads a glyph. Fails with [`EngineError::Busy`] at once if the queue is full.
    pub async fn predict(&self, glyph: Glyph) -> Result<Predicted, EngineError> {
        let Predicted { prediction, model, queue, compute } = self.predict_all(vec![glyph]).await?;
        let only = prediction.into_iter().next();
        let prediction =
            only.ok_or_else(|| EngineError::Unavailable("the network gave no answer".to_owned()))?;
        Ok(Predicted { prediction, model, queue, compute })
    }

    /// Reads glyphs that belong together, all with the same checkpoint; else as
    /// [`predict`](Self::predict).
    #[tracing::instrument(level = "debug", name = "network", skip_all)]
    pub async fn predict_all(
        &self,
        glyphs: Vec<Glyph>,
    ) -> Result<Predicted<Vec<Prediction>>, EngineError> {
        if glyphs.is_empty() {
            let (queue, compute) = (Duration::ZERO, Duration::ZERO);
            return Ok(Predicted { prediction: Vec::new(), model: self.serving(), queue, compute });
        }
        let serving = self.shared.serving();
        let reads = serving.reads(self.alone);
        let work = glyphs.len().saturating_mul(reads.manifest.macs);
        if self.inline && work <= MAX_INLINE_MACS && reads.classifier.uses_kernels() {
            // A client that sends a thousand of these in a row gives others their turn.
            tokio::task::coop::consume_budget().await;
            return self.shared.read(reads, &glyphs, Instant::now());
        }
        let (reply, answer) = oneshot::channel();
        let request = QueuedRequest { glyphs, alone: self.alone, queued: Instant::now(), reply };
        // Before it is sent: the thread may have taken it when sending returns.
        self.metrics().queue.inc();
        self.commands.try_send(EngineCommand::Predict(request)).map_err(|error| {
            self.metrics().queue.dec();
            match error {
                TrySendError::Full(_) => {
                    self.metrics().turned_away("queue");
                    EngineError::Busy
                }
                TrySendError::Disconnected(_) => stopped(),
            }
        })?;
        answer.await.map_err(|_| stopped())?
    }

    /// Replaces the model between two batches; returns when it is replaced.
    pub async fn swap(&self, model: Model) -> Result<(), EngineError> {
        let (done, swapped) = oneshot::channel();
        let commands = self.commands.clone();
        // The queue may be full; waiting for a place must not block the runtime.
        tokio::task::spawn_blocking(move || {
            commands.send(EngineCommand::Swap(Box::new(model), done))
        })
        .await
        .map_err(|_| stopped())?
        .map_err(|_| stopped())?;
        swapped.await.map_err(|_| stopped())
    }

    /// Gives the serving network this memory, or takes it away, if it is still this checkpoint that
    /// serves: a memory is for one network alone. What is read from now on is read with it.
    pub fn remember(&self, checkpoint: &str, memory: Option<Memory>) -> bool {
        let mut serving = locked(&self.shared.serving);
        let is_for_it = serving.alone.manifest.id == checkpoint;
        if is_for_it {
            *serving = Arc::new(serving.with_memory(memory));
        }
        is_for_it
    }

    /// The checkpoint that serves, and its classifier.
    pub fn classifier(&self) -> (Arc<Manifest>, Classifier) {
        let serving = self.shared.serving();
        let Reads { manifest, classifier } = serving.reads(self.alone).clone();
        (manifest, classifier)
    }

    /// The serving checkpoint. Among its labels are those that its memory alone knows.
    pub fn serving(&self) -> Arc<Manifest> {
        Arc::clone(&self.shared.serving().reads(self.alone).manifest)
    }

    /// The counters of this engine and of the server around it.
    pub fn metrics(&self) -> &ServerMetrics {
        &self.shared.metrics
    }

    /// Fails if the threads are gone.
    pub fn check_alive(&self) -> Result<(), EngineError> {
        if self.life.strong_count() > 0 { Ok(()) } else { Err(stopped()) }
    }
}

fn stopped() -> EngineError {
    EngineError::Unavailable("the network's thread has stopped; restart the server".to_owned())
}

/// What the threads share.
struct Shared {
    /// The thread that holds the lock collects the next batch; the others wait or compute.
    commands: Mutex<Receiver<EngineCommand>>,
    /// Locked to read or replace it, never during a computation.
    serving: Mutex<Arc<Serving>>,
    max_batch: usize,
    metrics: ServerMetrics,
}

/// A model as the threads use it.
struct Serving {
    /// The network.
    alone: Reads,
    /// The network with its memory; without one, the network.
    taught: Reads,
}

/// What reads glyphs.
#[derive(Clone)]
struct Reads {
    /// The checkpoint, with the labels of the classifier.
    manifest: Arc<Manifest>,
    classifier: Classifier,
}

impl From<Model> for Arc<Serving> {
    fn from(Model { manifest, classifier, memory }: Model) -> Self {
        let alone = Reads { manifest: Arc::new(manifest), classifier };
        Arc::new(Serving { taught: alone.clone(), alone }.with_memory(memory))
    }
}

impl Serving {
    fn reads(&self, alone: bool) -> &Reads {
        if alone { &self.alone } else { &self.taught }
    }

    /// The same with another memory.
    fn with_memory(&self, memory: Option<Memory>) -> Self {
        let alone = self.alone.clone();
        let classifier = alone.classifier.clone().with_memory(memory.map(Arc::new));
        let manifest = match classifier.labels() == alone.manifest.labels {
            true => Arc::clone(&alone.manifest),
            false => Arc::new(Manifest {
                labels: classifier.labels().to_vec(),
                ..Manifest::clone(&alone.manifest)
            }),
        };
        Self { alone, taught: Reads { manifest, classifier } }
    }
}

impl Shared {
    fn run(&self) {
        while let Some((serving, batch)) = self.next_batch() {
            self.answer(&serving, batch);
        }
    }

    /// The requests that have pooled in the queue, and the model that is to read them. `None`
    /// when no handle is left that could send more.
    fn next_batch(&self) -> Option<(Arc<Serving>, Vec<QueuedRequest>)> {
        let commands = locked(&self.commands);
        let mut next = Some(commands.recv().ok()?);
        let (mut batch, mut pooled) = (Vec::new(), 0);
        while let Some(command) = next.take() {
            match command {
                EngineCommand::Predict(request) => {
                    self.metrics.queue.dec();
                    pooled += request.glyphs.len();
                    batch.push(request);
                }
                EngineCommand::Swap(model, done) => {
                    let before = self.replace(*model);
                    // Nobody may be waiting any more; the swap is done all the same.
                    let _ = done.send(());
                    // Requests from before the swap are read by the old model.
                    if !batch.is_empty() {
                        return Some((before, batch));
                    }
                }
            }
            if pooled < self.max_batch {
                next = commands.try_recv().ok();
            }
        }
        Some((self.serving(), batch))
    }

    fn serving(&self) -> Arc<Serving> {
        Arc::clone(&locked(&self.serving))
    }

    /// Replaces the model; returns the one before.
    fn replace(&self, model: Model) -> Arc<Serving> {
        let serving: Arc<Serving> = model.into();
        let id = serving.alone.manifest.id.clone();
        let before = std::mem::replace(&mut *locked(&self.serving), serving);
        self.metrics.serves(&id, Some(&before.alone.manifest.id));
        before
    }

    fn answer(&self, serving: &Serving, mut batch: Vec<QueuedRequest>) {
        // Requests whose client has gone are not computed.
        batch.retain(|request| !request.reply.is_closed());
        let (alone, others) = batch.into_iter().partition(|request| request.alone);
        for (batch, reads) in [(others, &serving.taught), (alone, &serving.alone)] {
            self.answer_with(reads, batch);
        }
    }

    /// Answers requests in one batch.
    fn answer_with(&self, reads: &Reads, mut batch: Vec<QueuedRequest>) {
        if batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        let counts: Vec<usize> = batch.iter().map(|request| request.glyphs.len()).collect();
        let glyphs: Vec<Glyph> =
            batch.iter_mut().flat_map(|request| request.glyphs.drain(..)).collect();
        match self.read(reads, &glyphs, begun) {
            Ok(Predicted { prediction, model, compute, .. }) => {
                let mut predictions = prediction.into_iter();
                for (request, count) in batch.into_iter().zip(counts) {
                    let queue = begun - request.queued;
                    self.metrics.stage("queue", queue);
                    let prediction = predictions.by_ref().take(count).collect();
                    let model = Arc::clone(&model);
                    let _ = request.reply.send(Ok(Predicted { prediction, model, queue, compute }));
                }
            }
            Err(error) => {
                for request in batch {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Has the network read glyphs now.
    fn read(
        &self,
        reads: &Reads,
        glyphs: &[Glyph],
        begun: Instant,
    ) -> Result<Predicted<Vec<Prediction>>, EngineError> {
        // A lost device may panic inside its driver's bindings; the thread must survive that
        // to report it.
        let compute = AssertUnwindSafe(|| -> Result<Vec<Prediction>, DeviceFailed> {
            let batches =
                glyphs.chunks(self.max_batch).map(|batch| reads.classifier.classify(batch));
            Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
        });
        let outcome = match catch_unwind(compute) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the network's computation panicked".to_owned()),
        };
        let compute = begun.elapsed();
        self.metrics.stage("compute", compute);
        self.metrics.batch(glyphs.len());
        let prediction = outcome.map_err(|error| {
            tracing::error!(%error, "a batch failed");
            EngineError::Unavailable(error)
        })?;
        let model = Arc::clone(&reads.manifest);
        Ok(Predicted { prediction, model, queue: Duration::ZERO, compute })
    }
}

/// Takes a lock even if a thread panicked with it: what it protects is replaced as a whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
