//! The registry: a folder of checkpoints with the promoted one, its history, aliases and pins.
//!
//! ```text
//! artifacts/
//! ├── CURRENT             the promoted checkpoint's id, then those promoted before it, newest
//! │                       first, one per line
//! ├── MARKS               aliases and pins ([`Aliases`])
//! └── checkpoints/<id>/   see [`glyphic_model::checkpoint`]
//! ```
//!
//! A checkpoint is written under a temporary name, synced, and renamed, so its own name appears
//! only when it is complete. After that it never changes, except that its reports are replaced,
//! each by a rename. Changes of `CURRENT` and `MARKS` hold a file lock, because a server and a
//! trainer may use the same folder.

mod aliases;
mod comparison;
mod copy;
#[cfg(feature = "burn")]
mod draft;
mod error;
mod folder;
mod history;
mod id;
mod promotion;
mod publish;
mod read;
mod removed;
mod retention;
mod write;

pub use aliases::{Aliases, CANDIDATE, STABLE, is_alias};
pub use comparison::{COMPARISON_FILE, Changed, Comparison, SampleReading, Tally};
pub use copy::Names;
#[cfg(feature = "burn")]
pub use draft::Draft;
pub use error::RegistryError;
pub use folder::Registry;
pub use id::is_id;
pub use promotion::{Basis, Objection, PromotionPolicy};
pub use read::{MOST_JSON, read_bounded};
pub use removed::RESTORABLE;
pub use write::write_atomically;
