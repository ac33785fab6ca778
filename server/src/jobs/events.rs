//! The state of the jobs, for those who follow them. One look at the database serves them all.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::{
    job::{Job, JobEvents, JobViews},
    training::TrainingService,
};

/// Time between two looks at the database.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Number of jobs in an event.
const JOBS: i64 = 10;

impl TrainingService {
    /// Publishes the state of the jobs while somebody follows them; never returns.
    pub(crate) async fn publish_events(self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if self.events.receiver_count() == 0 {
                // The next follower must not get an old state first.
                self.events.send_replace(None);
                continue;
            }
            // The database may be away for a moment.
            let Ok(jobs) = self.store.jobs(JOBS).await else { continue };
            let in_short: Vec<Job> = jobs.iter().cloned().map(Job::in_short).collect();
            let events =
                Some(JobViews { whole: JobEvents::of(&jobs), in_short: JobEvents::of(&in_short) });
            self.events.send_if_modified(|last| {
                let is_news = *last != events;
                *last = events;
                is_news
            });
        }
    }
}

impl JobEvents {
    fn of(jobs: &[Job]) -> Self {
        let active = jobs.iter().find(|job| job.is_active());
        let progress = active.map_or(Value::Null, |job| json!(job)).to_string().into();
        let mut listed = json!(jobs);
        for job in listed.as_array_mut().into_iter().flatten() {
            job["progress"] = Value::Null;
        }
        Self { jobs: listed.to_string().into(), progress }
    }
}
