//! The one thread that owns the network.
//!
//! Requests reach it through a bounded queue. While it computes, requests pool
//! in the queue; whatever has pooled is the next batch, so batches grow with
//! load and nothing ever waits for a timer. A new checkpoint comes through the
//! same queue and takes over between two batches.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use glyphic_model::{
    Classifier, Glyph, Prediction, checkpoint::Manifest, classifier::DeviceFailed,
};
use tokio::sync::{oneshot, watch};

use crate::error::ApiError;

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

/// A handle to the thread that owns the network; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<Command>,
    serving: watch::Receiver<Arc<Manifest>>,
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
    /// Starts the thread with its first model. `queue` is how many requests
    /// may wait, `max_batch` how many are read at once.
    pub fn start(model: Model, queue: usize, max_batch: usize) -> std::io::Result<Self> {
        let (commands, received) = sync_channel(queue);
        let (announce, serving) = watch::channel(Arc::new(model.manifest.clone()));
        let worker = Worker {
            model: Arc::new(model.manifest),
            classifier: model.classifier,
            announce,
            max_batch,
        };
        thread::Builder::new().name("network".into()).spawn(move || worker.run(&received))?;
        Ok(Self { commands, serving })
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
    pub async fn predict_all(
        &self,
        glyphs: Vec<Glyph>,
    ) -> Result<Answer<Vec<Prediction>>, ApiError> {
        if glyphs.is_empty() {
            let (queue, compute) = (Duration::ZERO, Duration::ZERO);
            return Ok(Answer { prediction: Vec::new(), model: self.serving(), queue, compute });
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { glyphs, queued: Instant::now(), reply };
        self.commands.try_send(Command::Predict(job)).map_err(|error| match error {
            TrySendError::Full(_) => ApiError::Busy,
            TrySendError::Disconnected(_) => stopped(),
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
        self.serving.borrow().clone()
    }

    /// Whether the thread is alive.
    pub fn is_alive(&self) -> bool {
        self.serving.has_changed().is_ok()
    }
}

fn stopped() -> ApiError {
    ApiError::Unavailable("the network's thread has stopped; restart the server".to_owned())
}

struct Worker {
    model: Arc<Manifest>,
    classifier: Classifier,
    announce: watch::Sender<Arc<Manifest>>,
    max_batch: usize,
}

impl Worker {
    fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let mut next = Some(first);
            let mut batch = Vec::new();
            while let Some(command) = next.take() {
                match command {
                    Command::Predict(job) => batch.push(job),
                    Command::Swap(model, done) => {
                        self.answer(std::mem::take(&mut batch));
                        self.take_over(*model);
                        // Nobody may be waiting any more; the swap holds.
                        let _ = done.send(());
                    }
                }
                let pooled: usize = batch.iter().map(|job| job.glyphs.len()).sum();
                if pooled < self.max_batch {
                    next = commands.try_recv().ok();
                }
            }
            self.answer(batch);
        }
    }

    fn take_over(&mut self, model: Model) {
        self.model = Arc::new(model.manifest);
        self.classifier = model.classifier;
        self.announce.send_replace(self.model.clone());
    }

    fn answer(&self, mut batch: Vec<Job>) {
        // Requests whose client has gone are not computed.
        batch.retain(|job| !job.reply.is_closed());
        if batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        let counts: Vec<usize> = batch.iter().map(|job| job.glyphs.len()).collect();
        let glyphs: Vec<Glyph> = batch.iter_mut().flat_map(|job| job.glyphs.drain(..)).collect();
        // A device that is lost may panic inside its driver's bindings; the thread
        // must outlive that, to say so.
        let compute = AssertUnwindSafe(|| -> Result<Vec<Prediction>, DeviceFailed> {
            let batches =
                glyphs.chunks(self.max_batch).map(|batch| self.classifier.classify(batch));
            Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
        });
        let outcome = match catch_unwind(compute) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the network's computation panicked".to_owned()),
        };
        let compute = begun.elapsed();
        match outcome {
            Ok(predictions) => {
                let mut predictions = predictions.into_iter();
                for (job, count) in batch.into_iter().zip(counts) {
                    let prediction = predictions.by_ref().take(count).collect();
                    let answer = Answer {
                        prediction,
                        model: self.model.clone(),
                        queue: begun - job.queued,
                        compute,
                    };
                    let _ = job.reply.send(Ok(answer));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a batch failed");
                for job in batch {
                    let _ = job.reply.send(Err(ApiError::Unavailable(error.clone())));
                }
            }
        }
    }
}
