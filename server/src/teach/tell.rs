//! Tells those who follow how training goes on. One look at the database serves all of
//! them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::Teaching;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The last jobs that are told of.
const JOBS: i64 = 10;

/// What is told, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The last jobs, newest first, without their progress.
    pub jobs: Arc<str>,
    /// The job under way, whole; `null` if there is none.
    pub progress: Arc<str>,
}

impl Teaching {
    /// What is told from now on; nothing before the first look.
    pub fn follow(&self) -> watch::Receiver<Option<Told>> {
        self.told.subscribe()
    }

    /// Looks as long as somebody follows.
    pub(crate) async fn tell(self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if self.told.receiver_count() == 0 {
                // Whoever comes next must not be told what was.
                self.told.send_replace(None);
                continue;
            }
            // The database may be away for a moment.
            let Ok(jobs) = self.store.jobs(JOBS).await else { continue };
            let active = jobs.iter().find(|job| job.is_active());
            let progress = active.map_or(Value::Null, |job| json!(job)).to_string().into();
            let mut listed = json!(jobs);
            for job in listed.as_array_mut().into_iter().flatten() {
                job["progress"] = Value::Null;
            }
            let told = Some(Told { jobs: listed.to_string().into(), progress });
            self.told.send_if_modified(|last| {
                let is_news = *last != told;
                *last = told;
                is_news
            });
        }
    }
}
