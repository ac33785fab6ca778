//! Where the network computes.
//!
//! Requests reach the threads that compute through one bounded queue: one thread for a GPU,
//! one a core where the network is compiled for the CPU. While they compute, requests pool
//! in the queue; whatever has pooled is the next batch, so batches grow with load and
//! nothing ever waits for a timer. A new checkpoint comes through the same queue: what came
//! before it is read by the old one, what comes after by the new one.
//!
//! A few glyphs for a small compiled network do not go that way: reading them takes less than
//! handing them to another thread and back would add, so whoever asks computes.

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
    Classifier, Glyph, Prediction, checkpoint::Manifest, classifier::DeviceFailed,
};
use tokio::sync::oneshot;

use crate::{error::ApiError, meters::Meters};

/// Most threads that compute on the CPU; beyond that the queue's lock would be in their way.
const MOST_THREADS: usize = 16;
/// Multiply-adds that whoever asks does itself, if the network is compiled: some 0.25 ms,
/// which other requests of that thread can wait. Four glyphs for the default network.
const AT_ONCE: usize = 12_000_000;

/// A checkpoint that is ready to answer: verified, built, warmed.
pub struct Model {
    /// What it is.
    pub manifest: Manifest,
    /// Its network.
    pub classifier: Classifier,
}

/// Predictions, and how they came about.
#[derive(Debug)]
pub struct Answer<P = Prediction> {
    /// What the network said.
    pub prediction: P,
    /// The checkpoint that said it.
    pub model: Arc<Manifest>,
    /// Time from entering the queue to the start of the batch.
    pub queue: Duration,
    /// Time the batch took.
    pub compute: Duration,
}

/// A handle to the threads that compute; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<Command>,
    shared: Arc<Shared>,
    /// Held by each thread as long as it lives.
    life: Weak<()>,
    /// Whether whoever asks for little computes it.
    at_once: bool,
}

enum Command {
    Predict(Job),
    Swap(Box<Model>, oneshot::Sender<()>),
}

struct Job {
    glyphs: Vec<Glyph>,
    queued: Instant,
    reply: oneshot::Sender<Result<Answer<Vec<Prediction>>, ApiError>>,
}

impl Engine {
    /// Starts the threads with their first model. `queue` is how many requests
    /// may wait, `max_batch` how many are read at once.
    pub fn start(
        model: Model,
        queue: usize,
        max_batch: usize,
        meters: Meters,
    ) -> std::io::Result<Self> {
        let (commands, received) = sync_channel(queue);
        // A compiled network computes on the thread that asks; a GPU, or burn on the CPU,
        // has threads of its own.
        let threads = match model.classifier.uses_kernels() {
            true => thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
            false => 1,
        };
        let shared = Arc::new(Shared {
            commands: Mutex::new(received),
            serving: Mutex::new(model.into()),
            max_batch,
            meters,
        });
        let life = Arc::new(());
        let handle = Self { commands, shared, life: Arc::downgrade(&life), at_once: true };
        for _ in 0..threads {
            let (shared, life) = (Arc::clone(&handle.shared), Arc::clone(&life));
            thread::Builder::new().name("network".into()).spawn(move || {
                // What panics outside the computation fails the requests of its batch, not
                // those that come after.
                while catch_unwind(AssertUnwindSafe(|| shared.run())).is_err() {
                    tracing::error!("the network's thread panicked and begins again");
                }
                drop(life);
            })?;
        }
        Ok(handle)
    }

    /// The same engine, on whose threads all of it is computed.
    pub fn queued(self) -> Self {
        Self { at_once: false, ..self }
    }

    /// Reads a glyph. Fails with [`ApiError::Busy`] at once if the queue is full.
    pub async fn predict(&self, glyph: Glyph) -> Result<Answer, ApiError> {
        let Answer { prediction, model, queue, compute } = self.predict_all(vec![glyph]).await?;
        let only = prediction.into_iter().next();
        let prediction =
            only.ok_or_else(|| ApiError::Unavailable("the network gave no answer".to_owned()))?;
        Ok(Answer { prediction, model, queue, compute })
    }

    /// Reads glyphs that belong together, all with the same checkpoint; else as
    /// [`predict`](Self::predict).
    #[tracing::instrument(level = "debug", name = "network", skip_all)]
    pub async fn predict_all(
        &self,
        glyphs: Vec<Glyph>,
    ) -> Result<Answer<Vec<Prediction>>, ApiError> {
        if glyphs.is_empty() {
            let (queue, compute) = (Duration::ZERO, Duration::ZERO);
            return Ok(Answer { prediction: Vec::new(), model: self.serving(), queue, compute });
        }
        let serving = self.shared.serving();
        let work = glyphs.len().saturating_mul(serving.manifest.macs);
        if self.at_once && work <= AT_ONCE && serving.classifier.uses_kernels() {
            // Whoever reads a thousand of them in a row lets others have their turn.
            tokio::task::coop::consume_budget().await;
            return self.shared.read(&serving, &glyphs, Instant::now());
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { glyphs, queued: Instant::now(), reply };
        // Before it is sent: the thread may have taken it when sending returns.
        self.meters().queue.inc();
        self.commands.try_send(Command::Predict(job)).map_err(|error| {
            self.meters().queue.dec();
            match error {
                TrySendError::Full(_) => {
                    self.meters().turned_away("queue");
                    ApiError::Busy
                }
                TrySendError::Disconnected(_) => stopped(),
            }
        })?;
        answer.await.map_err(|_| stopped())?
    }

    /// Lets a model take over between two batches; returns when it has.
    pub async fn swap(&self, model: Model) -> Result<(), ApiError> {
        let (done, taken_over) = oneshot::channel();
        let commands = self.commands.clone();
        // The queue may be full; waiting for a place must not block the runtime.
        tokio::task::spawn_blocking(move || commands.send(Command::Swap(Box::new(model), done)))
            .await
            .map_err(|_| stopped())?
            .map_err(|_| stopped())?;
        taken_over.await.map_err(|_| stopped())
    }

    /// The checkpoint that is answering now.
    pub fn serving(&self) -> Arc<Manifest> {
        Arc::clone(&self.shared.serving().manifest)
    }

    /// What is counted here and elsewhere in the server.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Fails if the threads are gone.
    pub fn check_alive(&self) -> Result<(), ApiError> {
        if self.life.strong_count() > 0 { Ok(()) } else { Err(stopped()) }
    }
}

fn stopped() -> ApiError {
    ApiError::Unavailable("the network's thread has stopped; restart the server".to_owned())
}

/// What the threads share.
struct Shared {
    /// Whoever holds it collects the next batch; the others wait, or compute.
    commands: Mutex<Receiver<Command>>,
    /// Held to be looked at or replaced, never through a computation.
    serving: Mutex<Arc<Serving>>,
    max_batch: usize,
    meters: Meters,
}

/// A model as the threads use it.
struct Serving {
    manifest: Arc<Manifest>,
    classifier: Classifier,
}

impl From<Model> for Arc<Serving> {
    fn from(Model { manifest, classifier }: Model) -> Self {
        Arc::new(Serving { manifest: Arc::new(manifest), classifier })
    }
}

impl Shared {
    fn run(&self) {
        while let Some((serving, batch)) = self.next_batch() {
            self.answer(&serving, batch);
        }
    }

    /// What has pooled in the queue, and the model that is to read it. `None` when nobody
    /// can ask any more.
    fn next_batch(&self) -> Option<(Arc<Serving>, Vec<Job>)> {
        let commands = locked(&self.commands);
        let mut next = Some(commands.recv().ok()?);
        let (mut batch, mut pooled) = (Vec::new(), 0);
        while let Some(command) = next.take() {
            match command {
                Command::Predict(job) => {
                    self.meters.queue.dec();
                    pooled += job.glyphs.len();
                    batch.push(job);
                }
                Command::Swap(model, done) => {
                    let before = self.take_over(*model);
                    // Nobody may be waiting any more; the swap holds.
                    let _ = done.send(());
                    // What came before it is read by the old one.
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

    /// Lets a model take over; returns the one before.
    fn take_over(&self, model: Model) -> Arc<Serving> {
        let serving: Arc<Serving> = model.into();
        let id = serving.manifest.id.clone();
        let before = std::mem::replace(&mut *locked(&self.serving), serving);
        self.meters.serves(&id, Some(&before.manifest.id));
        before
    }

    fn answer(&self, serving: &Serving, mut batch: Vec<Job>) {
        // Requests whose client has gone are not computed.
        batch.retain(|job| !job.reply.is_closed());
        if batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        let counts: Vec<usize> = batch.iter().map(|job| job.glyphs.len()).collect();
        let glyphs: Vec<Glyph> = batch.iter_mut().flat_map(|job| job.glyphs.drain(..)).collect();
        match self.read(serving, &glyphs, begun) {
            Ok(Answer { prediction, model, compute, .. }) => {
                let mut predictions = prediction.into_iter();
                for (job, count) in batch.into_iter().zip(counts) {
                    let queue = begun - job.queued;
                    self.meters.stage("queue", queue);
                    let prediction = predictions.by_ref().take(count).collect();
                    let model = Arc::clone(&model);
                    let _ = job.reply.send(Ok(Answer { prediction, model, queue, compute }));
                }
            }
            Err(error) => {
                for job in batch {
                    let _ = job.reply.send(Err(ApiError::Unavailable(error.to_string())));
                }
            }
        }
    }

    /// Has the network read glyphs that did not wait.
    fn read(
        &self,
        serving: &Serving,
        glyphs: &[Glyph],
        begun: Instant,
    ) -> Result<Answer<Vec<Prediction>>, ApiError> {
        // A device that is lost may panic inside its driver's bindings; the thread
        // must outlive that, to say so.
        let compute = AssertUnwindSafe(|| -> Result<Vec<Prediction>, DeviceFailed> {
            let batches =
                glyphs.chunks(self.max_batch).map(|batch| serving.classifier.classify(batch));
            Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
        });
        let outcome = match catch_unwind(compute) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the network's computation panicked".to_owned()),
        };
        let compute = begun.elapsed();
        self.meters.stage("compute", compute);
        self.meters.batch(glyphs.len());
        let prediction = outcome.map_err(|error| {
            tracing::error!(%error, "a batch failed");
            ApiError::Unavailable(error)
        })?;
        let model = Arc::clone(&serving.manifest);
        Ok(Answer { prediction, model, queue: Duration::ZERO, compute })
    }
}

/// A lock that a panic elsewhere does not take away: what is behind it is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
