//! Samples: pictures with what people say they show. They are kept in the database, and they
//! come and go as files. Nothing in here knows HTTP.
//!
//! ```text
//! raw input ─► Kept ─► NewSample ─► store ─► Sample ─► formats (jsonl, csv, idx, png)
//!                          ▲          │                    │
//!                          │          └ quota: what gives way
//!                          └────────────── Incoming ◄──────┘
//! ```

mod edits;
pub mod formats;
mod incoming;
mod kept;
mod quota;
mod raw;
mod record;
mod sample;
mod sender;
mod store;
mod taught;

pub use incoming::{FormatError, Incoming};
pub use kept::{Keeping, Kept};
pub use quota::Quota;
pub use raw::{Aim, Effort, Raw, RawError};
pub use record::{SampleRecord, data_url};
pub use sample::{Added, Count, Filter, Form, NewSample, OfSource, Sample};
pub use sender::Sender;
pub use store::HELD_BACK;
pub use taught::LearnedSample;
