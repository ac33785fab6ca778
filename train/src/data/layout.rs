//! What lies in a folder of data: people's files and folders, not those of systems, and which of the
//! folders are sets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use glyphic_runtime::clutter::is_clutter;

use super::{
    error::{DataError, unreadable},
    idx,
};

/// The names of folders with a training set and with a test set, in lower case.
const TRAINING: [&str; 2] = ["train", "training"];
const TEST: [&str; 2] = ["test", "testing"];

/// The files and the folders in a folder, each by name, without those of systems and hidden ones.
pub(super) fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let entries = fs::read_dir(folder).map_err(unreadable(folder))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths.filter(|path| !is_clutter(&name_of(path))).collect();
    paths.sort();
    Ok(paths.into_iter().partition(|path| !path.is_dir()))
}

/// The last part of a path, as far as it is text.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A folder of pictures that is divided into sets.
pub(super) struct Divided {
    /// The folder of the training set.
    pub(super) training: PathBuf,
    /// The folder of the test set, if there is one.
    pub(super) test: Option<PathBuf>,
    /// The other folders.
    pub(super) others: Vec<String>,
}

impl Divided {
    /// How a folder is divided; `None` if its subfolders are labels. Pictures of trains lie in `train`
    /// itself.
    pub(super) fn of(folder: &Path) -> Result<Option<Self>, DataError> {
        let (_, folders) = entries(folder)?;
        let named = |names: [&str; 2]| {
            folders.iter().find(|path| names.contains(&name_of(path).to_ascii_lowercase().as_str()))
        };
        let Some(training) = named(TRAINING) else { return Ok(None) };
        if entries(training)?.1.is_empty() {
            return Ok(None);
        }
        let test = named(TEST);
        let others = folders.iter().filter(|path| *path != training && Some(*path) != test);
        Ok(Some(Self {
            others: others.map(|path| name_of(path)).collect(),
            training: training.clone(),
            test: test.cloned(),
        }))
    }
}

/// Whether a folder's name says that it is a set.
pub(super) fn is_set(folder: &Path) -> bool {
    let name = name_of(folder).to_ascii_lowercase();
    TRAINING.iter().chain(&TEST).any(|set| name == *set)
}

/// Why there is no data in a folder, and what lies there instead.
pub(super) fn nothing_found(folder: &Path) -> DataError {
    let path = folder.to_owned();
    let Ok((files, folders)) = entries(folder) else { return DataError::NothingFound(path) };
    let below: Vec<String> = folders.iter().filter_map(|folder| described(folder)).collect();
    if !below.is_empty() {
        return DataError::FoundBelow { path, below: below.join(", ") };
    }
    match files.iter().any(|file| is_picture(file)) {
        true => DataError::NoLabels(path),
        false => DataError::NothingFound(path),
    }
}

/// A subfolder with data, and which it has.
fn described(folder: &Path) -> Option<String> {
    let has_pictures = |folder: &PathBuf| {
        entries(folder).is_ok_and(|(files, _)| files.iter().any(|file| is_picture(file)))
    };
    let what = match idx::is_in(folder) {
        true => "IDX files",
        false => {
            entries(folder).ok()?.1.iter().any(has_pictures).then_some("subfolders of pictures")?
        }
    };
    Some(format!("{} ({what})", folder.display()))
}

/// Whether a file's name says that it is a picture.
fn is_picture(file: &Path) -> bool {
    glyphic_runtime::decode::is_picture_name(&name_of(file))
}
