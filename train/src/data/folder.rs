//! A folder of pictures, one sub-folder per label.

use std::{
    fs,
    path::{Path, PathBuf},
};

use glyphic_model::{
    checkpoint::{FileRecord, sha256},
    labels,
    preprocess::Pictures,
};
use glyphic_runtime::decode::decode;

use super::{
    error::{DataError, unreadable},
    sets::RawData,
};
use crate::example::Example;

pub(super) fn read(folder: &Path, pictures: Pictures) -> Result<RawData, DataError> {
    let label_folders = children(folder, Path::is_dir)?;
    if label_folders.is_empty() {
        return Err(DataError::NothingFound(folder.to_owned()));
    }
    for path in &label_folders {
        labels::check(&name_of(path))
            .map_err(|reason| DataError::BadLabel { path: path.clone(), reason })?;
    }
    let mut raw = RawData {
        are_named: true,
        name: name_of(folder),
        labels: label_folders.iter().map(|path| name_of(path)).collect(),
        training: Vec::new(),
        test: Vec::new(),
        files: Vec::new(),
    };
    for (label, label_folder) in label_folders.iter().enumerate() {
        for path in children(label_folder, Path::is_file)? {
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            let bad = |reason: String| DataError::BadPicture { path: path.clone(), reason };
            let picture = decode(&bytes).map_err(|error| bad(error.to_string()))?;
            let glyph = pictures.glyph(&picture).ok_or_else(|| bad(blank(pictures)))?;
            raw.training.push(Example { glyph, label });
            let name = format!("{}/{}", raw.labels[label], name_of(&path));
            raw.files.push(FileRecord { name, sha256: sha256(&bytes) });
        }
    }
    if raw.training.is_empty() {
        return Err(DataError::NothingFound(folder.to_owned()));
    }
    Ok(raw)
}

/// Why a picture is refused in which nothing is seen.
fn blank(pictures: Pictures) -> String {
    match pictures {
        Pictures::Ink => {
            "the picture is blank, read as ink on paper (if these are pictures as they are, give \
             --pictures whole)"
        }
        Pictures::Whole => "the picture is blank: it has one colour",
    }
    .to_owned()
}

/// The entries of a folder that `keep` keeps, by name; hidden ones are left out.
fn children(folder: &Path, keep: fn(&Path) -> bool) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(unreadable(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| keep(path) && !name_of(path).starts_with('.'))
        .collect();
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
