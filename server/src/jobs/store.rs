//! Training jobs, one at a time over all servers of a database.

use std::time::Instant;

use serde_json::Value;
use sqlx::{Row, any::AnyRow};

use super::{
    heartbeat::{Heartbeat, Watch},
    job::{Ending, Job, JobState, NetworkKind, Recipe},
};
use crate::{
    samples::HELD_BACK,
    secrets::without_paths,
    store::{Store, StoreError, id_after, now},
};

/// Times that a job is started before it counts as failed.
const ATTEMPTS: i64 = 2;

macro_rules! columns {
    () => {
        "id, created, reason, state, owner, attempts, cancel, parent, candidate, samples, \
         labelled_until, recipe, network, epochs, progress, message, started, finished"
    };
}

macro_rules! newest_labelling {
    () => {
        "(SELECT COALESCE(MAX(labelled), 0) FROM samples)"
    };
}

/// A heartbeat that is made at `$1`: always another one than before, also if the clock stands still.
macro_rules! next_heartbeat {
    () => {
        "CASE WHEN heartbeat = $1 THEN heartbeat + 1 ELSE $1 END"
    };
}

impl Store {
    /// Asks for a job. Fails with [`StoreError::JobUnderWay`] if there is one, and with
    /// [`StoreError::NothingHeldBack`] if none of the samples could measure what is learned of them.
    pub async fn ask_for_job(&self, reason: &str, recipe: &Recipe) -> Result<Job, StoreError> {
        let created = self.clock().await?;
        let mut transaction = self.begin().await?;
        if *recipe == Recipe::Samples {
            let held_back = sqlx::query(HELD_BACK).fetch_one(&mut **transaction).await?;
            if held_back.try_get::<i64, _>(0)? == 0 {
                return Err(StoreError::NothingHeldBack);
            }
        }
        // After all earlier ones, so that the last job is the last, whatever the clocks say.
        let last = sqlx::query("SELECT COALESCE(MAX(id), '') FROM jobs");
        let last: String = last.fetch_one(&mut **transaction).await?.try_get(0)?;
        let id = id_after(&last);
        let (network, epochs) = match recipe {
            Recipe::Scratch { network, epochs } => (Some(network.name().to_owned()), Some(*epochs)),
            Recipe::Samples | Recipe::Unknown(_) => (None, None),
        };
        let asked = sqlx::query(concat!(
            "INSERT INTO jobs (id, created, reason, state, active, attempts, cancel, samples, \
             labelled_until, recipe, network, epochs, progress) \
             VALUES ($1, $2, $3, 'queued', 1, 0, 0, 0, ",
            newest_labelling!(),
            ", $4, $5, $6, '{}') ON CONFLICT (active) DO NOTHING",
        ))
        .bind(id.clone())
        .bind(created)
        .bind(reason.to_owned())
        .bind(recipe.name().to_owned())
        .bind(network)
        .bind(epochs)
        .execute(&mut **transaction)
        .await?;
        self.commit(transaction).await?;
        if asked.rows_affected() == 1 {
            return self.job(&id).await;
        }
        let active = self.active_job().await?.map_or_else(String::new, |job| job.id);
        Err(StoreError::JobUnderWay(active))
    }

    /// The job that waits or runs.
    pub async fn active_job(&self) -> Result<Option<Job>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM jobs WHERE active = 1");
        let row = sqlx::query(sql).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(job).transpose()?)
    }

    /// One job.
    pub async fn job(&self, id: &str) -> Result<Job, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1");
        let row = sqlx::query(sql).bind(id.to_owned()).fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| StoreError::NoSuchJob(id.to_owned()))?;
        Ok(job(&row)?)
    }

    /// The last jobs, newest first.
    pub async fn jobs(&self, limit: i64) -> Result<Vec<Job>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM jobs ORDER BY id DESC LIMIT $1");
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| job(row).map_err(StoreError::from)).collect()
    }

    /// The last fine-tuning job, whatever its state.
    pub async fn last_finetuning(&self) -> Result<Option<Job>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE recipe = 'samples' ORDER BY id DESC LIMIT 1"
        );
        let row = sqlx::query(sql).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(job).transpose()?)
    }

    /// The newest labelling that the last successful fine-tuning job trained on; 0 if there was
    /// none.
    pub async fn last_learned(&self) -> Result<i64, StoreError> {
        // An older program left 0 there.
        let sql = "SELECT COALESCE(MAX(CASE WHEN labelled_until > 0 THEN labelled_until \
                   ELSE COALESCE(started, created) END), 0) FROM jobs \
                   WHERE candidate IS NOT NULL AND recipe = 'samples'";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Takes the waiting job, or one whose server has stopped, for the server `owner`. Two servers
    /// that try at once do not both get it. A job that was started too often fails here. `watch` is
    /// what this server has seen of others' jobs: this is to be called every second or so.
    pub(super) async fn claim_job(
        &self,
        owner: &str,
        watch: &mut Watch,
    ) -> Result<Option<Job>, StoreError> {
        self.check_files()?;
        let running =
            "SELECT id, owner, heartbeat FROM jobs WHERE active = 1 AND state = 'running'";
        let stopped = match sqlx::query(running).fetch_optional(&self.pool).await? {
            Some(row) => {
                let heartbeat = Heartbeat {
                    job: row.try_get(0)?,
                    owner: row.try_get(1)?,
                    time: row.try_get(2)?,
                };
                watch.has_stopped(heartbeat.clone(), Instant::now()).then_some(heartbeat)
            }
            None => None,
        };
        // Nothing has this id.
        let (job, time) = stopped.map_or((String::new(), None), |h| (h.job, h.time));
        let now = self.clock().await?;
        sqlx::query(
            "UPDATE jobs SET state = 'failed', active = NULL, finished = $1, \
             message = 'the server that trained it stopped, twice; start it again' \
             WHERE active = 1 AND state = 'running' AND id = $2 \
             AND COALESCE(heartbeat, 0) = COALESCE(CAST($3 AS BIGINT), 0) AND attempts >= $4",
        )
        .bind(now)
        .bind(job.clone())
        .bind(time)
        .bind(ATTEMPTS)
        .execute(&self.pool)
        .await?;
        let claimed = sqlx::query(concat!(
            "UPDATE jobs SET state = 'running', owner = $1, heartbeat = $2, started = $2, \
             attempts = attempts + 1, labelled_until = ",
            newest_labelling!(),
            " WHERE active = 1 AND (state = 'queued' OR (id = $3 \
             AND COALESCE(heartbeat, 0) = COALESCE(CAST($4 AS BIGINT), 0))) \
             AND recipe IN ('samples', 'scratch')",
        ))
        .bind(owner.to_owned())
        .bind(now)
        .bind(job)
        .bind(time)
        .execute(&self.pool)
        .await?;
        match claimed.rows_affected() {
            0 => Ok(None),
            _ => self.active_job().await,
        }
    }

    /// Stores a job's progress, which is a heartbeat too. Returns the job as it is now, or
    /// nothing if it is no longer this server's.
    pub async fn report_job(
        &self,
        id: &str,
        owner: &str,
        progress: &Value,
    ) -> Result<Option<Job>, StoreError> {
        let reported = sqlx::query(concat!(
            "UPDATE jobs SET heartbeat = ",
            next_heartbeat!(),
            ", progress = $2 WHERE id = $3 AND owner = $4 AND active = 1",
        ))
        .bind(now())
        .bind(progress.to_string())
        .bind(id.to_owned())
        .bind(owner.to_owned())
        .execute(&self.pool)
        .await?;
        match reported.rows_affected() {
            0 => Ok(None),
            _ => self.job(id).await.map(Some),
        }
    }

    /// Gives a job another heartbeat.
    pub async fn heartbeat(&self, id: &str, owner: &str) -> Result<(), StoreError> {
        let sql = concat!(
            "UPDATE jobs SET heartbeat = ",
            next_heartbeat!(),
            " WHERE id = $2 AND owner = $3 AND active = 1",
        );
        sqlx::query(sql)
            .bind(now())
            .bind(id.to_owned())
            .bind(owner.to_owned())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Stores what a job of this server trains on.
    pub async fn begin_job(
        &self,
        id: &str,
        owner: &str,
        parent: &str,
        samples: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET parent = $1, samples = $2 WHERE id = $3 AND owner = $4")
            .bind(parent.to_owned())
            .bind(samples)
            .bind(id.to_owned())
            .bind(owner.to_owned())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends a job of this server.
    pub async fn end_job(&self, id: &str, owner: &str, ending: Ending) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = $1, active = NULL, candidate = $2, message = $3, \
             finished = $4 WHERE id = $5 AND owner = $6 AND active = 1",
        )
        .bind(ending.state.name().to_owned())
        .bind(ending.candidate)
        .bind(ending.message)
        .bind(now())
        .bind(id.to_owned())
        .bind(owner.to_owned())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives a job of this server back to the queue: another server, or this one
    /// after its restart, continues it.
    pub async fn give_job_back(&self, id: &str, owner: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = 'queued', owner = NULL, attempts = attempts - 1, \
             progress = '{}' WHERE id = $1 AND owner = $2 AND active = 1",
        )
        .bind(id.to_owned())
        .bind(owner.to_owned())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Asks a job to stop. One that waits stops at once.
    pub async fn cancel_job(&self, id: &str) -> Result<Job, StoreError> {
        self.check_files()?;
        sqlx::query(
            "UPDATE jobs SET state = 'cancelled', active = NULL, finished = $1, \
             message = 'cancelled before it began' \
             WHERE id = $2 AND active = 1 AND state = 'queued'",
        )
        .bind(now())
        .bind(id.to_owned())
        .execute(&self.pool)
        .await?;
        sqlx::query("UPDATE jobs SET cancel = 1 WHERE id = $1 AND active = 1")
            .bind(id.to_owned())
            .execute(&self.pool)
            .await?;
        self.job(id).await
    }
}

fn job(row: &AnyRow) -> Result<Job, sqlx::Error> {
    use JobState::{Cancelled, Candidate, Failed, Promoted, Queued, Running};
    let state: String = row.try_get("state")?;
    let states = [Queued, Running, Promoted, Candidate, Failed, Cancelled];
    let recipe: String = row.try_get("recipe")?;
    let (network, epochs): (Option<String>, Option<i64>) =
        (row.try_get("network")?, row.try_get("epochs")?);
    let unknown = || sqlx::Error::Decode(format!("a job's state is '{state}'").into());
    Ok(Job {
        id: row.try_get("id")?,
        created: row.try_get("created")?,
        reason: row.try_get("reason")?,
        recipe: match (recipe.as_str(), network.as_deref().and_then(NetworkKind::named), epochs) {
            ("samples", ..) => Recipe::Samples,
            ("scratch", Some(network), Some(epochs)) => Recipe::Scratch { network, epochs },
            _ => Recipe::Unknown(recipe),
        },
        state: states.into_iter().find(|s| s.name() == state).ok_or_else(unknown)?,
        owner: row.try_get("owner")?,
        attempts: row.try_get("attempts")?,
        cancel: row.try_get::<i64, _>("cancel")? != 0,
        parent: row.try_get("parent")?,
        candidate: row.try_get("candidate")?,
        samples: Some(row.try_get("samples")?),
        labelled_until: match row.try_get("labelled_until")? {
            // As in `last_learned`.
            0 => row.try_get::<Option<i64>, _>("started")?.unwrap_or(row.try_get("created")?),
            until => until,
        },
        progress: serde_json::from_str(&row.try_get::<String, _>("progress")?).unwrap_or_default(),
        // Older versions stored it with paths.
        message: row.try_get::<Option<String>, _>("message")?.map(|m| without_paths(&m, &[])),
        started: row.try_get("started")?,
        finished: row.try_get("finished")?,
    })
}
