//! A folder of pictures, one sub-folder per label; or two of such folders, for training and for
//! testing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use glyphic_model::{
    Glyph,
    checkpoint::{FileRecord, sha256},
    labels,
    preprocess::Pictures,
};
use glyphic_runtime::{
    clutter::left_out,
    decode::{decode, is_no_picture},
    text::normal,
};

use super::{
    error::{DataError, unreadable},
    layout::{Divided, entries, name_of, nothing_found},
    sets::RawData,
};
use crate::example::Example;

pub(super) fn read(folder: &Path, pictures: Pictures) -> Result<RawData, DataError> {
    let divided = Divided::of(folder)?;
    let training = divided.as_ref().map_or(folder, |divided| &divided.training);
    let mut reader = Reader { root: folder, pictures, files: Vec::new(), left_out: Vec::new() };
    let mut raw = RawData {
        are_named: true,
        name: name_of(folder),
        labels: Vec::new(),
        training: Vec::new(),
        test: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
    };
    let mut empty = Vec::new();
    for (label, folders) in label_folders(training)? {
        let glyphs = reader.glyphs(&folders)?;
        if glyphs.is_empty() {
            empty.push(label);
            continue;
        }
        raw.training.extend(examples(glyphs, raw.labels.len()));
        raw.labels.push(label);
    }
    if raw.labels.is_empty() {
        return Err(match (nothing_found(folder), left_out(&reader.left_out)) {
            (DataError::NothingFound(path), Some(files)) => {
                let problem = format!("it has no pictures. {}", files.trim_end_matches('.'));
                DataError::TooLittle { path, problem }
            }
            (error, _) => error,
        });
    }
    if let Some(test) = divided.as_ref().and_then(|divided| divided.test.as_ref()) {
        raw.test = reader.test(test, &raw.labels)?;
    }
    let others = divided.map_or_else(Vec::new, |divided| divided.others);
    raw.notes.extend(named("No picture is in", &empty));
    raw.notes.extend(named("Neither the training set nor the test set is in", &others));
    raw.notes.extend(left_out(&reader.left_out));
    raw.files = reader.files;
    Ok(raw)
}

/// A sentence that ends with names; `None` without a name.
fn named(beginning: &str, folders: &[String]) -> Option<String> {
    (!folders.is_empty()).then(|| format!("{beginning} {}: left out.", folders.join(", ")))
}

fn examples(glyphs: Vec<Glyph>, label: usize) -> impl Iterator<Item = Example> {
    glyphs.into_iter().map(move |glyph| Example { glyph, label })
}

/// The labels in a folder, each with its sub-folders: two if their names only look the same.
fn label_folders(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, DataError> {
    let mut of_label: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in entries(folder)?.1 {
        let name = path.file_name().and_then(|name| name.to_str());
        let label = normal(name.ok_or_else(|| DataError::NameNotText(path.clone()))?);
        labels::check(&label)
            .map_err(|reason| DataError::BadLabel { path: path.clone(), reason })?;
        of_label.entry(label).or_default().push(path);
    }
    Ok(of_label)
}

/// Reads pictures, and notes which files they were in and which files were none.
struct Reader<'a> {
    root: &'a Path,
    pictures: Pictures,
    files: Vec<FileRecord>,
    left_out: Vec<String>,
}

impl Reader<'_> {
    /// The pictures in some folders.
    fn glyphs(&mut self, folders: &[PathBuf]) -> Result<Vec<Glyph>, DataError> {
        let mut glyphs = Vec::new();
        for folder in folders {
            for path in entries(folder)?.0.into_iter().filter(|path| path.is_file()) {
                glyphs.extend(self.glyph(&path)?);
            }
        }
        Ok(glyphs)
    }

    /// The picture in a file; `None` if the file is no picture.
    fn glyph(&mut self, path: &Path) -> Result<Option<Glyph>, DataError> {
        let bytes = fs::read(path).map_err(unreadable(path))?;
        let bad = |reason: String| DataError::BadPicture { path: path.to_owned(), reason };
        let shown = path.strip_prefix(self.root).unwrap_or(path).components();
        let shown: Vec<_> = shown.map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = shown.join("/");
        let picture = match decode(&bytes) {
            Err(error) if is_no_picture(&name, &error) => {
                self.left_out.push(name);
                return Ok(None);
            }
            picture => picture.map_err(|error| bad(error.to_string()))?,
        };
        let glyph = self.pictures.glyph(&picture).ok_or_else(|| bad(blank(self.pictures)))?;
        self.files.push(FileRecord { name, sha256: sha256(&bytes) });
        Ok(Some(glyph))
    }

    /// The test set in a folder, which has no labels but these.
    fn test(&mut self, folder: &Path, labels: &[String]) -> Result<Vec<Example>, DataError> {
        let mut test = Vec::new();
        for (label, folders) in label_folders(folder)? {
            let glyphs = self.glyphs(&folders)?;
            match labels.iter().position(|known| *known == label) {
                Some(place) => test.extend(examples(glyphs, place)),
                None if glyphs.is_empty() => {}
                None => {
                    let problem = format!("no training picture has its label '{label}'");
                    return Err(DataError::TooLittle { path: folder.to_owned(), problem });
                }
            }
        }
        Ok(test)
    }
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
