//! The file of samples that a job trains on, and which samples are in it.
//!
//! Those that count are all in it: the ones of the token's holder, and those that were confirmed. Of
//! what visitors sent and nobody confirmed, it has no label that the network does not have already,
//! nothing that would measure the result, and no more than there are samples that count. The trainer
//! gives them less weight.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use glyphic_model::labels;

use crate::{
    samples::{Filter, Sample, SampleRecord},
    store::Store,
};

/// Bytes of strokes that are read from the database at once.
const STROKES: i64 = 1 << 20;

/// A file of samples for the trainer, which needs no image files.
pub(super) struct SamplesFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many samples are in it.
    pub samples: i64,
}

/// Writes the samples for a job into its folder. `known` are the labels that its network has.
///
/// # Errors
/// No sample counts, the database fails, or the file cannot be written.
pub(super) async fn write(store: &Store, known: &[String], folder: &Path) -> Result<SamplesFile> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("samples.jsonl");
    let cannot = || format!("cannot write {}", path.display());
    let mut file = Writer {
        file: BufWriter::new(File::create(&path).with_context(cannot)?),
        store,
        left_out: 0,
    };
    let labelled = Filter { labelled: Some(1), ..Filter::default() };
    let counting = Filter { unconfirmed: Some(0), ..labelled.clone() };
    let counted = file.write(&counting, usize::MAX, |_| true).await.with_context(cannot)?;
    ensure!(
        counted > 0,
        "there is no labelled sample to train on: label some first, or confirm those that visitors \
         sent"
    );
    let unconfirmed = Filter { unconfirmed: Some(1), held_back: Some(0), ..labelled };
    let is_known = |label: &str| known.iter().any(|known| known == label);
    let others = file.write(&unconfirmed, counted, is_known).await.with_context(cannot)?;
    file.file.flush().with_context(cannot)?;
    if file.left_out > 0 {
        tracing::warn!(
            "{} samples are not trained on: their labels have invisible characters; relabel or \
             delete them",
            file.left_out
        );
    }
    Ok(SamplesFile { path, samples: (counted + others) as i64 })
}

struct Writer<'a> {
    file: BufWriter<File>,
    store: &'a Store,
    /// Samples whose labels the trainer would refuse: older versions took them.
    left_out: usize,
}

impl Writer<'_> {
    /// Writes at most this number of the samples that match, the newest ones; returns how many.
    async fn write(
        &mut self,
        filter: &Filter,
        most: usize,
        has_label: impl Fn(&str) -> bool,
    ) -> Result<usize> {
        let mut before: Option<String> = None;
        let mut written = 0;
        loop {
            let chunk = self.store.find_within(filter, before.as_deref(), STROKES).await?;
            let Some(last) = chunk.last() else { return Ok(written) };
            before = Some(last.id.clone());
            for sample in &chunk {
                if written == most {
                    return Ok(written);
                }
                written += usize::from(self.write_one(sample, &has_label)?);
            }
        }
    }

    fn write_one(&mut self, sample: &Sample, has_label: &impl Fn(&str) -> bool) -> Result<bool> {
        let label = sample.content.label.as_deref().unwrap_or_default();
        if labels::check(label).is_err() {
            self.left_out += 1;
            return Ok(false);
        }
        if has_label(label) {
            self.file.write_all(&SampleRecord::line(sample))?;
            return Ok(true);
        }
        Ok(false)
    }
}
