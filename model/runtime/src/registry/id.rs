//! Which texts may be the ids of checkpoints.

use super::error::RegistryError;

/// Whether a text could be a checkpoint's id, or the name of one of its files.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.chars().all(allowed)
}

/// Checks that a text could be a checkpoint's id.
pub(super) fn check_id(id: &str) -> Result<(), RegistryError> {
    match is_id(id) {
        true => Ok(()),
        false => Err(RegistryError::BadId(id.chars().take(80).collect())),
    }
}
