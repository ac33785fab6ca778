//! Training jobs: samples are kept, and from time to time a child process trains on them. The
//! checkpoint that comes of it is promoted only if it is better. Nothing in here knows HTTP.
//!
//! ```text
//! POST /api/samples ─► store ─┐
//! POST /api/jobs ─────► store ─► runner ─► child (`train finetune`) ─► checkpoint ─► policy ─► promoted
//!                                 │      └► child (`train`, from scratch) ─► candidate
//!                                 ▲ one job at a time, over all servers of the database
//! ```

mod child;
mod events;
mod heartbeat;
mod job;
mod runner;
mod samples_file;
mod settings;
mod store;
mod training;

pub use job::{Ending, Job, JobEvents, JobState, JobViews, NetworkKind, Recipe};
pub use settings::JobSettings;
pub use training::TrainingService;
