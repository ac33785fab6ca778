//! The time, the repository's commit and the names of runs, for a checkpoint's manifest.

use std::process::Command;

use jiff::Timestamp;

/// Now, in UTC, to the second (RFC 3339).
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A name for a new run and its checkpoint: the data, the moment, the seed.
pub fn new_id(dataset: &str, seed: u64) -> String {
    let name: String = dataset
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(24)
        .collect::<String>()
        .to_lowercase();
    let name = if name.is_empty() { "data".to_owned() } else { name };
    let moment = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    format!("{name}-{moment}-s{seed}")
}

/// The commit of the repository in the working directory, with `-dirty` if
/// tracked files differ from it. `None` outside a repository.
pub fn git_revision() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let revision = git(&["rev-parse", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if changed { revision + "-dirty" } else { revision })
}
