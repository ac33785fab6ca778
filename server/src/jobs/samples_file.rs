//! The file of samples that a job trains on, and which samples are in it.
//!
//! Those that count are all in it: the ones of the token's holder, and those that were confirmed. Of
//! what visitors sent and nobody confirmed, it has no label that the network does not have already,
//! nothing that would measure the result, and no more than there are samples that count. The trainer
//! gives them less weight.
//!
//! A sample has the glyph that the checkpoint of its time read. If the pictures of that one are of
//! another kind than those of the checkpoint to be trained, the glyph is made of the picture anew.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use glyphic_model::{checkpoint::Manifest, labels, preprocess::Pictures};
use glyphic_runtime::{decode::decode, registry::Registry};

use crate::{
    samples::{Filter, Form, Sample, SampleRecord},
    store::Store,
};

/// Bytes of strokes that are read from the database at once.
const STROKES: i64 = 1 << 20;
/// Longer than any image that is kept, in bytes.
const WHOLE_IMAGE: usize = i32::MAX as usize;

/// A file of samples for the trainer, which needs no image files.
pub(super) struct SamplesFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many samples are in it.
    pub samples: i64,
}

/// Writes the samples for a job that trains the checkpoint `parent` into its folder.
///
/// # Errors
/// No sample counts, the database fails, or the file cannot be written.
pub(super) async fn write(
    store: &Store,
    registry: &Registry,
    parent: &Manifest,
    folder: &Path,
) -> Result<SamplesFile> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("samples.jsonl");
    let cannot = || format!("cannot write {}", path.display());
    let mut file = Writer {
        file: BufWriter::new(File::create(&path).with_context(cannot)?),
        store,
        registry,
        wanted: parent.pictures,
        read_as: BTreeMap::new(),
        left_out: 0,
        blank: 0,
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
    let is_known = |label: &str| parent.labels.iter().any(|known| known == label);
    let others = file.write(&unconfirmed, counted, is_known).await.with_context(cannot)?;
    file.file.flush().with_context(cannot)?;
    if file.left_out > 0 {
        tracing::warn!(
            "{} samples are not trained on: their labels have invisible characters; relabel or \
             delete them",
            file.left_out
        );
    }
    if file.blank > 0 {
        tracing::warn!(
            "{} samples are not trained on: in their pictures, read as '{}', there is nothing",
            file.blank,
            parent.pictures.name()
        );
    }
    Ok(SamplesFile { path, samples: (counted + others) as i64 })
}

struct Writer<'a> {
    file: BufWriter<File>,
    store: &'a Store,
    registry: &'a Registry,
    /// What the pictures of the checkpoint to be trained are.
    wanted: Pictures,
    /// What the pictures of each checkpoint are that read a sample.
    read_as: BTreeMap<String, Pictures>,
    /// Samples whose labels the trainer would refuse: older versions took them.
    left_out: usize,
    /// Samples in whose pictures the checkpoint to be trained sees nothing.
    blank: usize,
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
            for sample in chunk {
                if written == most {
                    return Ok(written);
                }
                written += usize::from(self.write_one(sample, &has_label).await?);
            }
        }
    }

    async fn write_one(
        &mut self,
        sample: Sample,
        has_label: &impl Fn(&str) -> bool,
    ) -> Result<bool> {
        let label = sample.content.label.as_deref().unwrap_or_default();
        if labels::check(label).is_err() {
            self.left_out += 1;
            return Ok(false);
        }
        if !has_label(label) {
            return Ok(false);
        }
        let Some(sample) = self.as_wanted(sample).await? else {
            self.blank += 1;
            return Ok(false);
        };
        self.file.write_all(&SampleRecord::line(&sample))?;
        Ok(true)
    }

    /// The sample with the glyph that the checkpoint to be trained reads. `None` if it sees nothing.
    async fn as_wanted(&mut self, mut sample: Sample) -> Result<Option<Sample>> {
        let (content, wanted) = (&sample.content, self.wanted);
        if content.form != Form::Image || self.pictures_of(&content.checkpoint).await? == wanted {
            return Ok(Some(sample));
        }
        let image = self.store.image_part(&sample.id, 0, WHOLE_IMAGE).await?;
        let made = move || decode(&image).ok().and_then(|picture| wanted.glyph(&picture));
        let Some(glyph) = tokio::task::spawn_blocking(made).await? else { return Ok(None) };
        sample.content.glyph = glyph;
        Ok(Some(sample))
    }

    /// What the pictures of a checkpoint are. Of one that is no longer there, those of the one to be
    /// trained are assumed.
    async fn pictures_of(&mut self, checkpoint: &str) -> Result<Pictures> {
        if let Some(&known) = self.read_as.get(checkpoint) {
            return Ok(known);
        }
        let (registry, id) = (self.registry.clone(), checkpoint.to_owned());
        let manifest = tokio::task::spawn_blocking(move || registry.manifest(&id)).await?;
        let pictures = manifest.map_or(self.wanted, |manifest| manifest.pictures);
        self.read_as.insert(checkpoint.to_owned(), pictures);
        Ok(pictures)
    }
}
