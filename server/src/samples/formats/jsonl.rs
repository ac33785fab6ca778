//! JSON lines: everything that is known about each sample.

use std::str;

use crate::samples::{
    incoming::{FormatError, Incoming},
    record::parse,
};

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Incoming>, FormatError> {
    let text = str::from_utf8(bytes)
        .map_err(|error| FormatError::damaged(format!("it is not UTF-8: {error}")))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let problem = |i: usize, problem| FormatError::damaged(format!("line {}: {problem}", i + 1));
    lines.map(|(i, line)| parse(line).map_err(|error: String| problem(i, error))).collect()
}
