//! Samples: pictures with what people say they show. They are kept in the database, and they
//! come and go as files. Nothing in here knows HTTP.
//!
//! ```text
//! raw input ─► glyph ─► NewSample ─► store ─► Sample ─► formats (jsonl, csv, idx, png)
//!                                                ▲              │
//!                                                └── Incoming ◄─┘
//! ```

mod edits;
pub mod formats;
mod incoming;
mod raw;
mod record;
mod sample;
mod store;

pub use incoming::{FormatError, Incoming};
pub use raw::{Raw, RawError};
pub use record::{SampleRecord, data_url};
pub use sample::{Added, Count, Filter, Form, NewSample, Quota, Sample};
