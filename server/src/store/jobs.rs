//! Training jobs, one at a time over all servers of a database.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use sqlx::{Row, any::AnyRow};
use utoipa::ToSchema;

use super::{Store, StoreError, new_id, now};

/// A job that no server has vouched for in this time is taken over, in ms.
const ABANDONED_AFTER: i64 = 15_000;
/// How often a job is begun before it counts as failed.
const ATTEMPTS: i64 = 2;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a server to take it.
    Queued,
    /// Is being trained.
    Running,
    /// Its checkpoint serves, or did.
    Promoted,
    /// Its checkpoint is there and does not serve; `message` says why.
    Candidate,
    /// It failed; `message` says why.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// A network that can be trained from scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The one that is released.
    #[default]
    Small,
    /// Accuracy first, for a GPU.
    Large,
    /// Without convolutions: to see what they are worth.
    Mlp,
}

/// What a job trains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// What serves, further, with what it was taught.
    Samples,
    /// A network anew, on data alone.
    Scratch {
        /// Which.
        network: Network,
        /// Passes over the data.
        epochs: i64,
    },
    /// What a later version of this program asked for.
    Unknown(String),
}

/// A training job.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Its name; names order by time.
    pub id: String,
    /// When it was asked for, in milliseconds since 1970.
    pub created: i64,
    /// Why: `asked`, `samples` or `schedule`.
    pub reason: String,
    /// What it trains.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Where it stands.
    pub state: State,
    /// The server that runs it.
    pub owner: Option<String>,
    /// How often it was begun.
    pub attempts: i64,
    /// Whether somebody wants it to stop.
    pub cancel: bool,
    /// The checkpoint that training started from.
    pub parent: Option<String>,
    /// The checkpoint that came of it.
    pub candidate: Option<String>,
    /// Labelled samples when it began.
    pub samples: i64,
    /// The newest labelling when it began; see [`Store::labelled_since`].
    #[serde(skip)]
    pub labelled_until: i64,
    /// What the trainer says of itself: see `teach::progress`.
    pub progress: Value,
    /// How it ended, for a person.
    pub message: Option<String>,
    /// When training began.
    pub started: Option<i64>,
    /// When it ended.
    pub finished: Option<i64>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// A state that is not active.
    pub state: State,
    /// The checkpoint that came of it.
    pub candidate: Option<String>,
    /// For a person.
    pub message: String,
}

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

impl Store {
    /// Asks for a job. Fails with [`StoreError::JobUnderWay`] if there is one.
    pub async fn ask_for_job(&self, reason: &str, recipe: &Recipe) -> Result<Job, StoreError> {
        let id = new_id();
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
        .bind(now())
        .bind(reason.to_owned())
        .bind(recipe.name().to_owned())
        .bind(network)
        .bind(epochs)
        .execute(&self.pool)
        .await?;
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

    /// The last job that learned, or will, from samples.
    pub async fn last_lesson(&self) -> Result<Option<Job>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE recipe = 'samples' ORDER BY id DESC LIMIT 1"
        );
        let row = sqlx::query(sql).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(job).transpose()?)
    }

    /// The newest labelling that a job learned from which ended with a checkpoint;
    /// 0 if none did.
    pub async fn last_learned(&self) -> Result<i64, StoreError> {
        // An older program leaves 0.
        let sql = "SELECT COALESCE(MAX(CASE WHEN labelled_until > 0 THEN labelled_until \
                   ELSE COALESCE(started, created) END), 0) FROM jobs \
                   WHERE candidate IS NOT NULL AND recipe = 'samples'";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Takes the waiting job, or one whose server has gone, for the server
    /// `owner`. Two servers that try at once do not both get it. A job that was
    /// begun too often fails here.
    pub async fn claim_job(&self, owner: &str) -> Result<Option<Job>, StoreError> {
        let abandoned = now() - ABANDONED_AFTER;
        sqlx::query(
            "UPDATE jobs SET state = 'failed', active = NULL, finished = $1, \
             message = 'the server that trained it stopped, twice; ask for it again' \
             WHERE active = 1 AND state = 'running' AND heartbeat < $2 AND attempts >= $3",
        )
        .bind(now())
        .bind(abandoned)
        .bind(ATTEMPTS)
        .execute(&self.pool)
        .await?;
        let claimed = sqlx::query(concat!(
            "UPDATE jobs SET state = 'running', owner = $1, heartbeat = $2, started = $2, \
             attempts = attempts + 1, labelled_until = ",
            newest_labelling!(),
            " WHERE active = 1 AND (state = 'queued' OR heartbeat < $3) \
             AND recipe IN ('samples', 'scratch')",
        ))
        .bind(owner.to_owned())
        .bind(now())
        .bind(abandoned)
        .execute(&self.pool)
        .await?;
        match claimed.rows_affected() {
            0 => Ok(None),
            _ => self.active_job().await,
        }
    }

    /// Says how far a job is; returns it as it is now, or
    /// nothing if it is no longer this server's.
    pub async fn report_job(
        &self,
        id: &str,
        owner: &str,
        progress: &Value,
    ) -> Result<Option<Job>, StoreError> {
        let reported = sqlx::query(
            "UPDATE jobs SET heartbeat = $1, progress = $2 \
             WHERE id = $3 AND owner = $4 AND active = 1",
        )
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

    /// Says that a job is alive.
    pub async fn vouch_for_job(&self, id: &str, owner: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET heartbeat = $1 WHERE id = $2 AND owner = $3 AND active = 1")
            .bind(now())
            .bind(id.to_owned())
            .bind(owner.to_owned())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Notes what a job of this server trains on.
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
    /// after its restart, takes it up.
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

impl Job {
    /// Whether it waits or runs.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Queued | State::Running)
    }
}

impl Network {
    /// Its name in the database, in the API and on `train`'s command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Mlp => "mlp",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Small, Self::Large, Self::Mlp].into_iter().find(|network| network.name() == name)
    }
}

impl Recipe {
    /// Its name in the database and in the API.
    pub fn name(&self) -> &str {
        match self {
            Self::Samples => "samples",
            Self::Scratch { .. } => "scratch",
            Self::Unknown(name) => name,
        }
    }
}

impl Serialize for Recipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("recipe", self.name())?;
        if let Self::Scratch { network, epochs } = self {
            map.serialize_entry("network", network)?;
            map.serialize_entry("epochs", epochs)?;
        }
        map.end()
    }
}

impl State {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::Candidate => "candidate",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

fn job(row: &AnyRow) -> Result<Job, sqlx::Error> {
    use State::{Cancelled, Candidate, Failed, Promoted, Queued, Running};
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
        recipe: match (recipe.as_str(), network.as_deref().and_then(Network::named), epochs) {
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
        samples: row.try_get("samples")?,
        labelled_until: match row.try_get("labelled_until")? {
            // As in `last_learned`.
            0 => row.try_get::<Option<i64>, _>("started")?.unwrap_or(row.try_get("created")?),
            until => until,
        },
        progress: serde_json::from_str(&row.try_get::<String, _>("progress")?).unwrap_or_default(),
        message: row.try_get("message")?,
        started: row.try_get("started")?,
        finished: row.try_get("finished")?,
    })
}
