//! Lines on standard error, and how times are written there.

use std::io::{Write, stderr};

/// Writes a line to standard error. If nobody reads it any more, the run goes on.
pub(crate) fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// A count of things: `1 epoch`, `30 epochs`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Seconds as a person writes them: `42 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}
