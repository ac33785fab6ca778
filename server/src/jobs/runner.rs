//! The loop that takes training jobs and runs them, one at a time.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use glyphic_runtime::registry::{Basis, CANDIDATE, Comparison, Objection, Registry, RegistryError};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::{
    child::{Progress, TrainingProcess},
    heartbeat::Watch,
    job::{Ending, Job, JobState, Recipe},
    samples_file,
    training::TrainingService,
};
use crate::{
    models::{Models, ModelsError},
    store::StoreError,
};

/// Time between two looks for a job.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two reports of a running job.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// Longest time for one report.
const REPORT_WITHIN: Duration = Duration::from_secs(5);
/// Time between two heartbeats of a job.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(4);
/// A child that reports nothing for this time is stuck. A GPU may compile for minutes.
const SILENCE: Duration = Duration::from_secs(900);
/// Time that a child has to stop by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Time between two purges.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// Time after which it is forgotten from which network a visitor's sample came.
const NETWORKS_KEPT: Duration = Duration::from_secs(30 * 86_400);

impl TrainingService {
    /// Runs jobs until `stop` is true. A job that is running then goes back to the queue.
    pub(crate) async fn run_jobs(self, models: Models, mut stop: watch::Receiver<bool>) {
        let mut purged: Option<Instant> = None;
        let mut away = false;
        let mut watch = Watch::default();
        while !*stop.borrow() {
            if purged.is_none_or(|last| last.elapsed() > PURGE_EVERY) {
                purged = Some(Instant::now());
                self.purge(models.registry().root()).await;
            }
            self.ask_by_itself().await;
            match self.store.claim_job(&self.owner, &mut watch).await {
                Ok(Some(job)) => self.run_job(job, &models, &mut stop).await,
                Ok(None) => away = false,
                Err(error) if !away => {
                    away = true;
                    tracing::error!(%error, "no training job can be taken: the database does not answer");
                }
                Err(_) => {}
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.wake.notified() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Asks for a job if there are enough new samples that count, or if it is time.
    async fn ask_by_itself(&self) {
        let (every_samples, every) = (self.settings.every_samples, self.settings.every);
        if every_samples.is_none() && every.is_none() {
            return;
        }
        let due = async {
            let last = self.store.last_finetuning().await?;
            let (until, begun) = last
                .as_ref()
                .map_or((0, 0), |job| (job.labelled_until, job.started.unwrap_or(job.created)));
            let new = self.store.labelled_since(until, None).await?;
            let enough = every_samples.is_some_and(|count| new as u64 >= count);
            let now = self.store.clock().await?;
            let old = every.is_some_and(|time| now - begun >= time.as_millis() as i64);
            Ok::<_, StoreError>(match (enough, old && new > 0) {
                (true, _) => Some("samples"),
                (_, true) => Some("schedule"),
                _ => None,
            })
        };
        if let Ok(Some(reason)) = due.await {
            // If there is a job already, it will train on the new samples too. If none of them can
            // measure what is learned, more are waited for.
            let _ = self.store.ask_for_job(reason, &Recipe::Samples).await;
        }
    }

    async fn purge(&self, artifacts: &Path) {
        // By this server's clock, if that were ahead, samples would be purged too early.
        let now = match self.store.clock().await {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(%error, "samples could not be purged");
                return;
            }
        };
        let ago = |time: Duration| now - time.as_millis() as i64;
        let created_before = self.settings.keep.map_or(i64::MIN, ago);
        match self.store.purge(ago(self.settings.keep_deleted), created_before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("purged {count} samples"),
            Err(error) => tracing::error!(%error, "samples could not be purged"),
        }
        if let Err(error) = self.store.forget_networks(ago(NETWORKS_KEPT)).await {
            tracing::error!(%error, "the networks of visitors could not be forgotten");
        }
        self.remove_folders(&artifacts.join("jobs")).await;
    }

    /// Removes the folders of jobs that are over: a server that was killed left its copy of the
    /// samples in one.
    async fn remove_folders(&self, folders: &Path) {
        // Listed first: the folder of a job that begins meanwhile is not among them.
        let entries: Vec<_> = std::fs::read_dir(folders).into_iter().flatten().flatten().collect();
        let Ok(active) = self.store.active_job().await else { return };
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if active.as_ref().is_none_or(|job| !name.starts_with(&job.id)) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Trains, evaluates, promotes, and stores how the job ended.
    async fn run_job(&self, job: Job, models: &Models, stop: &mut watch::Receiver<bool>) {
        tracing::info!("training job {} begins", job.id);
        // Of this server alone: another one may have taken the job over, or lost it.
        let folder = models.registry().root().join("jobs");
        let folder = folder.join(format!("{}-{}", job.id, self.owner));
        // The heartbeat goes on to the end of the job, also while the samples are written, the
        // trainer ends, and the new network is warmed. Dropping the set stops it.
        let mut heartbeat = JoinSet::new();
        heartbeat.spawn(self.clone().keep_heartbeat(job.id.clone()));
        let ending = match self.train(&job, models, &folder, stop).await {
            Ok(Trained::Checkpoint(id)) => self.evaluate(&job, &id, models).await,
            Ok(Trained::Cancelled) => Some(ended(JobState::Cancelled, None, "cancelled")),
            Ok(Trained::Lost) => None,
            Ok(Trained::Stopping) => {
                let _ = self.store.give_job_back(&job.id, &self.owner).await;
                None
            }
            Err(error) => Some(ended(JobState::Failed, None, format!("{error:#}"))),
        };
        let _ = std::fs::remove_dir_all(&folder);
        let Some(ending) = ending else { return };
        tracing::info!("training job {}: {}", job.id, ending.message);
        let message = self.for_everybody(&ending.message, models.registry().root());
        let ending = Ending { message, ..ending };
        // The database may be away for a moment; the result must not be lost.
        while let Err(error) = self.store.end_job(&job.id, &self.owner, ending.clone()).await {
            tracing::error!(%error, "the result of job {} could not be stored", job.id);
            tokio::select! {
                () = sleep(Duration::from_secs(2)) => {}
                _ = stop.changed() => return,
            }
        }
    }

    async fn keep_heartbeat(self, job: String) {
        loop {
            sleep(HEARTBEAT_EVERY).await;
            // If the database is away, another server may take the job; `evaluate` checks that.
            let _ = self.store.heartbeat(&job, &self.owner).await;
        }
    }

    async fn train(
        &self,
        job: &Job,
        models: &Models,
        folder: &Path,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Trained> {
        let artifacts = models.registry().root();
        let mut trainer = self.start(job, models, folder).await?;
        let mut heard = Instant::now();
        let mut because = None;
        let mut report = tokio::time::interval(REPORT_EVERY);
        while because.is_none() {
            tokio::select! {
                more = trainer.listen() => match more {
                    true => heard = Instant::now(),
                    false => break,
                },
                _ = stop.changed() => because = Some(Trained::Stopping),
                _ = report.tick() => {
                    because = self.report(job, &trainer.progress).await;
                    if heard.elapsed() > SILENCE {
                        remove_run(artifacts, trainer.progress.run.take());
                        anyhow::bail!("the trainer reported nothing for {} s", SILENCE.as_secs());
                    }
                }
            }
        }
        let Some(because) = because else {
            return match trainer.end().await {
                Ok(progress) => {
                    // Its last lines came after the last report.
                    self.report(job, &progress).await;
                    let id = progress.finished.context("the trainer ended without a checkpoint")?;
                    Ok(Trained::Checkpoint(id))
                }
                Err((progress, words)) => {
                    remove_run(artifacts, progress.run);
                    anyhow::bail!("training failed: {words}")
                }
            };
        };
        trainer.stop();
        let run = trainer.progress.run.clone();
        // If it stops by itself, it removes its unfinished run.
        if tokio::time::timeout(GRACE, trainer.end()).await.is_err() {
            remove_run(artifacts, run);
        }
        Ok(because)
    }

    /// Starts the child that does what the job asks for.
    async fn start(&self, job: &Job, models: &Models, folder: &Path) -> Result<TrainingProcess> {
        let artifacts = models.registry().root();
        let started = match &job.recipe {
            Recipe::Samples => {
                let parent = models.engine().clone().without_memory().serving();
                let registry = models.registry();
                let file = samples_file::write(&self.store, registry, &parent, folder).await?;
                self.store.begin_job(&job.id, &self.owner, &parent.id, file.samples).await?;
                TrainingProcess::finetune(&self.settings, artifacts, &parent.id, &file.path)
            }
            Recipe::Scratch { network, epochs } => {
                // The data is that of the serving checkpoint.
                let pictures = models.engine().serving().pictures;
                TrainingProcess::train(&self.settings, artifacts, pictures, *network, *epochs)
            }
            Recipe::Unknown(recipe) => {
                anyhow::bail!("this version of the server cannot train '{recipe}': update it")
            }
        };
        started.with_context(|| {
            format!("the training program {:?} cannot be started", self.settings.program)
        })
    }

    /// Stores a job's progress. Returns why it should stop, if it should.
    async fn report(&self, job: &Job, progress: &Progress) -> Option<Trained> {
        let json = progress.json();
        let reported = self.store.report_job(&job.id, &self.owner, &json);
        match tokio::time::timeout(REPORT_WITHIN, reported).await {
            Ok(Ok(Some(job))) => job.cancel.then_some(Trained::Cancelled),
            Ok(Ok(None)) => Some(Trained::Lost),
            // Training goes on without the database; it may come back.
            Ok(Err(error)) => {
                tracing::error!(%error, "the progress of job {} could not be stored", job.id);
                None
            }
            Err(_) => None,
        }
    }

    /// The job as it is now, if it is still this server's. Waits until the database answers.
    async fn mine(&self, job: &Job) -> Option<Job> {
        loop {
            match self.store.job(&job.id).await {
                Ok(now) => return (now.owner.as_ref() == Some(&self.owner)).then_some(now),
                Err(error) => {
                    tracing::error!(%error, "job {} cannot be evaluated yet", job.id);
                    sleep(Duration::from_secs(2)).await;
                }
            }
        }
    }

    /// Gives the checkpoint the alias `candidate`, so that it is compared with the serving one.
    async fn make_candidate(&self, id: &str, models: &Models) {
        let named = id.to_owned();
        let set_alias = move |registry: &Registry| registry.set_alias(CANDIDATE, &named);
        if let Err(error) = models.change_aliases(set_alias).await {
            tracing::warn!("'{id}' could not be given the alias '{CANDIDATE}': {error}");
        }
    }

    /// Promotes the trained checkpoint unless the policy objects.
    async fn evaluate(&self, job: &Job, id: &str, models: &Models) -> Option<Ending> {
        let candidate = || Some(id.to_owned());
        // Somebody may have cancelled the job while the networks were compared, and another
        // server may have taken it over while the database was away.
        match self.mine(job).await {
            Some(job) if job.cancel => {
                return Some(ended(JobState::Cancelled, candidate(), "cancelled"));
            }
            Some(_) => {}
            None => return None,
        }
        // Shared even if it is not promoted: this server's disk may be lost with the server.
        if let Err(error) = models.share(id).await {
            tracing::warn!("'{id}' could not be sent to the shared registry: {error}");
        }
        if job.recipe != Recipe::Samples {
            // It was not trained on the samples, so a person decides.
            self.make_candidate(id, models).await;
            return Some(ended(JobState::Candidate, candidate(), measured(models.registry(), id)));
        }
        let comparison = match models.registry().comparison(id) {
            Ok(Some(comparison)) => comparison,
            Ok(None) => {
                let message = "the trainer left no comparison with the parent checkpoint";
                return Some(ended(JobState::Failed, candidate(), message));
            }
            Err(error) => return Some(ended(JobState::Failed, candidate(), error.to_string())),
        };
        Some(self.promote_if_better(id, comparison, models).await)
    }

    async fn promote_if_better(&self, id: &str, comparison: Comparison, models: &Models) -> Ending {
        let candidate = || Some(id.to_owned());
        let ([before, after], parent) = (comparison.held_back, comparison.parent.clone());
        let basis = Basis::Comparison(Arc::new(comparison));
        match models.promote(id.to_owned(), Some(parent.clone()), basis).await {
            Ok(()) => {
                let message = format!(
                    "it reads {} of {} held-back samples correctly (its parent read {}) and is now \
                     serving",
                    after.right, after.of, before.right
                );
                ended(JobState::Promoted, candidate(), message)
            }
            Err(ModelsError::Checkpoint(RegistryError::Objected { objections, .. })) => {
                self.make_candidate(id, models).await;
                let message = format!("it is not promoted: {}", Objection::joined(&objections));
                ended(JobState::Candidate, candidate(), message)
            }
            Err(ModelsError::Checkpoint(RegistryError::PromotedMeanwhile { found, .. })) => {
                let message = format!(
                    "it is not promoted: '{found}' was promoted while it was trained from '{parent}'"
                );
                ended(JobState::Candidate, candidate(), message)
            }
            Err(error) => {
                ended(JobState::Candidate, candidate(), format!("it cannot serve: {error}"))
            }
        }
    }
}

/// How well a checkpoint reads the test set, for a person.
fn measured(registry: &Registry, id: &str) -> String {
    let score = registry.manifest(id).map(|manifest| manifest.metrics.test);
    match score {
        Ok(Some(score)) => format!(
            "it reads {:.2} % of the {} test pictures correctly; it will serve once it is promoted",
            100.0 * score.accuracy,
            score.examples
        ),
        _ => "it was not measured on a test set; it will serve once it is promoted".to_owned(),
    }
}

/// How the trainer's work ended.
enum Trained {
    /// With a checkpoint of this id.
    Checkpoint(String),
    /// Somebody cancelled it.
    Cancelled,
    /// Another server has the job now.
    Lost,
    /// This server is about to stop.
    Stopping,
}

fn ended(state: JobState, candidate: Option<String>, message: impl Into<String>) -> Ending {
    Ending { state, candidate, message: message.into() }
}

/// Removes what an unfinished run left: it will not be resumed.
fn remove_run(artifacts: &Path, run: Option<String>) {
    if let Some(run) = run {
        let _ = std::fs::remove_dir_all(artifacts.join("runs").join(run));
    }
}
