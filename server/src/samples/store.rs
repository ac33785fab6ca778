//! Samples in the database: adding and finding them.

use std::collections::HashMap;

use glyphic_model::{Glyph, checkpoint::sha256};
use glyphic_runtime::held_back::{HeldBack, Kind};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::{
    quota::{Quota, Room},
    sample::{Added, Count, Filter, Form, NewSample, OfSource, Sample},
    sender::Sender,
};
use crate::store::{Store, StoreError, new_id, now};

/// Most samples that are read at once to be exported.
const MOST_AT_ONCE: i64 = 200;

/// How many samples that count are held back from training.
pub const HELD_BACK: &str = "SELECT COUNT(*) FROM samples WHERE held_back = 1 AND label IS NOT NULL \
                             AND deleted IS NULL AND trusted + confirmed > 0";

/// The input of a sample if it is strokes: images may be large.
macro_rules! strokes {
    () => {
        "CASE WHEN form = 'strokes' THEN raw END"
    };
}

/// The columns of a [`Sample`], with its strokes or with another `$input`.
macro_rules! columns {
    () => {
        columns!(strokes!())
    };
    ($input:expr) => {
        concat!(
            "id, created, source, label, verdict, prediction, confidence, checkpoint, \
             preprocessing, form, ",
            $input,
            " AS raw, glyph, held_back, confirmed, deleted, trusted"
        )
    };
}

/// The condition for a [`Filter`], whose fields are `$1` to `$13`; `$whose` is the part about the
/// visitor.
macro_rules! matches_filter {
    ($whose:literal) => {
        concat!(
            "(CAST($1 AS TEXT) IS NULL OR label = $1) \
             AND (CAST($2 AS TEXT) IS NULL OR prediction = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR verdict = $3) \
             AND (CAST($4 AS TEXT) IS NULL OR checkpoint = $4) \
             AND (CAST($5 AS TEXT) IS NULL OR source = $5) \
             AND (CAST($6 AS BIGINT) IS NULL OR created >= $6) \
             AND (CAST($7 AS BIGINT) IS NULL OR created < $7) \
             AND (CAST($8 AS BIGINT) IS NULL \
                  OR CASE WHEN label <> prediction THEN 1 ELSE 0 END = $8) \
             AND (CAST($9 AS BIGINT) IS NULL OR CASE WHEN label IS NULL THEN 0 ELSE 1 END = $9) \
             AND (CAST($10 AS BIGINT) IS NULL OR held_back = $10) \
             AND CASE WHEN deleted IS NULL THEN 0 ELSE 1 END = $11 AND ",
            $whose,
            " AND (CAST($13 AS BIGINT) IS NULL \
              OR CASE WHEN trusted = 0 AND confirmed = 0 THEN 1 ELSE 0 END = $13)"
        )
    };
}
pub(super) use matches_filter;

/// A statement about the samples that match a [`Filter`]. For those of a visitor it is one that an
/// index serves: who has sent little costs little, however much is there.
macro_rules! matching {
    ($filter:expr, $before:expr, $after:expr) => {
        match $filter.visitor {
            Some(_) => concat!($before, matches_filter!("visitor = $12"), $after),
            None => concat!($before, matches_filter!("CAST($12 AS TEXT) IS NULL"), $after),
        }
    };
}
pub(super) use matching;

/// A statement about the samples of one visitor, or about all that meet a condition.
macro_rules! of_visitor {
    ($visitor:expr, $before:expr, $otherwise:literal, $after:expr) => {
        match $visitor {
            Some(_) => concat!($before, "visitor = $1", $after),
            None => concat!($before, "CAST($1 AS TEXT) IS NULL AND ", $otherwise, $after),
        }
    };
}

pub(super) use of_visitor;

/// The newest labelling that the checkpoint `$checkpoint` was trained on; 0 if it was trained on no
/// samples.
macro_rules! learned_until {
    ($checkpoint:literal) => {
        concat!(
            "COALESCE((SELECT MAX(labelled_until) FROM jobs WHERE candidate = ",
            $checkpoint,
            " AND recipe = 'samples'), 0)"
        )
    };
}
pub(super) use learned_until;

/// These columns of a page of the samples that match, newest first: those before
/// the id `$14`, at most `$15`.
macro_rules! page {
    ($filter:expr, $columns:expr) => {
        matching!(
            $filter,
            concat!("SELECT ", $columns, " FROM samples WHERE "),
            " AND (CAST($14 AS TEXT) IS NULL OR id < $14) ORDER BY id DESC LIMIT $15"
        )
    };
}

/// Binds the values of a [`Filter`] to `$1` to `$13`.
macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind($filter.label.clone())
            .bind($filter.prediction.clone())
            .bind($filter.verdict.clone())
            .bind($filter.model.clone())
            .bind($filter.source.clone())
            .bind($filter.since)
            .bind($filter.until)
            .bind($filter.disagreement)
            .bind($filter.labelled)
            .bind($filter.held_back)
            .bind($filter.deleted)
            .bind($filter.visitor.clone())
            .bind($filter.unconfirmed)
    };
}
pub(super) use bind_filter;

impl Store {
    /// Keeps samples, all or none. A picture that the sender knows to be there already with the same
    /// label is not kept twice. When this returns they are on disk.
    ///
    /// # Errors
    /// [`StoreError::Quota`] if there is no room and nothing gives way.
    pub async fn add(
        &self,
        samples: Vec<NewSample>,
        sender: &Sender,
        quota: Quota,
    ) -> Result<Vec<Added>, StoreError> {
        let mut transaction = self.begin().await?;
        let mut room = Room::count(&mut transaction, quota, sender).await?;
        let mut held_back = HeldBack::default();
        let labelling = next_labelling(&mut transaction).await?;
        let mut added = Vec::with_capacity(samples.len());
        for sample in samples {
            let one =
                add_one(&mut transaction, sample, sender, labelling, &mut room, &mut held_back);
            added.push(one.await?);
        }
        self.commit(transaction).await?;
        Ok(added)
    }

    /// The samples that match without their inputs, newest first, those before `before` (an id).
    pub async fn find(
        &self,
        filter: &Filter,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Sample>, StoreError> {
        self.page(page!(filter, columns!("CASE WHEN 1 = 0 THEN raw END")), filter, before, limit)
            .await
    }

    async fn page(
        &self,
        sql: &'static str,
        filter: &Filter,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Sample>, StoreError> {
        let query = bind_filter!(sqlx::query(sql), filter).bind(before.map(str::to_owned));
        let rows = query.bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| sample(row).map_err(StoreError::from)).collect()
    }

    /// The samples that match, newest first, those before `before` (an id): at least one, and no
    /// more than `bytes` of strokes. Their images are left out.
    pub async fn find_within(
        &self,
        filter: &Filter,
        before: Option<&str>,
        bytes: i64,
    ) -> Result<Vec<Sample>, StoreError> {
        let sql = page!(filter, concat!("COALESCE(LENGTH(", strokes!(), "), 0)"));
        let lengths = bind_filter!(sqlx::query(sql), filter);
        let lengths = lengths.bind(before.map(str::to_owned)).bind(MOST_AT_ONCE);
        let lengths = lengths.fetch_all(&self.pool).await?;
        let mut taken = 0;
        let fits = |row: &&AnyRow| {
            taken += row.try_get::<i64, _>(0).unwrap_or(bytes);
            taken <= bytes
        };
        let count = lengths.iter().take_while(fits).count().max(1);
        self.page(page!(filter, columns!()), filter, before, count as i64).await
    }

    /// A part of a sample's image: the bytes from `at` on, at most `length`.
    pub async fn image_part(
        &self,
        id: &str,
        at: usize,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        // SQLite has the whole image in memory for each part of it: one at a time.
        let _alone = self.image.lock().await;
        let sql = "SELECT SUBSTR(raw, CAST($2 AS INTEGER), CAST($3 AS INTEGER)) FROM samples \
                   WHERE id = $1 AND form = 'image'";
        let query = sqlx::query(sql).bind(id.to_owned()).bind(at as i64 + 1).bind(length as i64);
        let row = query.fetch_optional(&self.pool).await?;
        Ok(row.ok_or_else(|| StoreError::NoSuchSample(id.to_owned()))?.try_get(0)?)
    }

    /// A text that changes with every change of the samples.
    pub async fn samples_state(&self) -> Result<String, StoreError> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(MAX(labelled), 0) AS BIGINT), \
                   CAST(COALESCE(SUM(confirmed), 0) AS BIGINT), COUNT(deleted), \
                   (SELECT COUNT(*) FROM edits) FROM samples";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        let numbers: Vec<i64> = (0..5).map(|i| row.try_get(i)).collect::<Result<_, _>>()?;
        Ok(format!("{numbers:?}"))
    }

    /// How many samples match.
    pub async fn count(&self, filter: &Filter) -> Result<i64, StoreError> {
        let sql = matching!(filter, "SELECT COUNT(*) FROM samples WHERE ", "");
        let row = bind_filter!(sqlx::query(sql), filter).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// How many samples that count are held back from training, to measure what is learned.
    pub async fn held_back(&self) -> Result<i64, StoreError> {
        let row = sqlx::query(HELD_BACK).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// How many labels the samples that match have.
    pub async fn count_labels(&self, filter: &Filter) -> Result<i64, StoreError> {
        let sql = matching!(filter, "SELECT COUNT(DISTINCT label) FROM samples WHERE ", "");
        let row = bind_filter!(sqlx::query(sql), filter).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// One sample.
    pub async fn sample(&self, id: &str) -> Result<Sample, StoreError> {
        self.sample_of(id, None).await
    }

    /// One sample; if `visitor` is given, only if it is that visitor's.
    pub async fn sample_of(&self, id: &str, visitor: Option<&str>) -> Result<Sample, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM samples WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR visitor = $2)"
        );
        let query = sqlx::query(sql).bind(id.to_owned()).bind(visitor.map(str::to_owned));
        let row = query.fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| StoreError::NoSuchSample(id.to_owned()))?;
        Ok(sample(&row)?)
    }

    /// Those of these samples that are there and not deleted, in the order of the ids.
    pub async fn samples(&self, ids: &[String]) -> Result<Vec<Sample>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|i| format!("${i}")).collect();
        let sql = format!(
            concat!("SELECT ", columns!(), " FROM samples WHERE deleted IS NULL AND id IN ({})"),
            places.join(", ")
        );
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = ids.iter().fold(query, |query, id| query.bind(id.clone()));
        let rows = query.fetch_all(&self.pool).await?;
        let found = rows.iter().map(sample).collect::<Result<Vec<_>, _>>()?;
        let mut found: HashMap<String, Sample> =
            found.into_iter().map(|sample| (sample.id.clone(), sample)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Samples that a person should look at: those without a label, then those of which the network was
    /// not sure, that nobody has confirmed, and that `checkpoint` was not trained on: what it learned
    /// it knows.
    pub async fn unsure(&self, checkpoint: &str, limit: i64) -> Result<Vec<Sample>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM samples WHERE deleted IS NULL AND confirmed = 0 \
             AND (label IS NULL OR confidence < 0.9 AND labelled > ",
            learned_until!("$2"),
            ") \
             ORDER BY CASE WHEN label IS NULL THEN 0 ELSE 1 END, confidence, id LIMIT $1"
        );
        let query = sqlx::query(sql).bind(limit).bind(checkpoint.to_owned());
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| sample(row).map_err(StoreError::from)).collect()
    }

    /// The glyphs of those of these samples that are there, with their ids.
    pub async fn glyphs(&self, ids: &[String]) -> Result<Vec<(String, Glyph)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|i| format!("${i}")).collect();
        let sql = format!("SELECT id, glyph FROM samples WHERE id IN ({})", places.join(", "));
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = ids.iter().fold(query, |query, id| query.bind(id.clone()));
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, glyph(&row.try_get::<Vec<u8>, _>(1)?)?)))
            .collect()
    }

    /// Whether there is a sample of exactly this picture.
    pub async fn has_glyph(&self, glyph: &Glyph) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM samples WHERE glyph_hash = $1 AND deleted IS NULL";
        let row = sqlx::query(sql).bind(hash(glyph)).fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Samples by source, label and the checkpoint that read them when they came. If `visitor` is given,
    /// those of that visitor.
    pub async fn by_source(&self, visitor: Option<&str>) -> Result<Vec<OfSource>, StoreError> {
        let sql = of_visitor!(
            visitor,
            "SELECT source, label, checkpoint, COUNT(*), \
             CAST(SUM(CASE WHEN label <> prediction THEN 1 ELSE 0 END) AS BIGINT) \
             FROM samples WHERE deleted IS NULL AND ",
            "1 = 1",
            " GROUP BY source, label, checkpoint"
        );
        let query = sqlx::query(sql).bind(visitor.map(str::to_owned));
        let rows = query.fetch_all(&self.pool).await?;
        let of_source = |row: &AnyRow| {
            Ok(OfSource {
                source: row.try_get(0)?,
                label: row.try_get(1)?,
                checkpoint: row.try_get(2)?,
                samples: row.try_get(3)?,
                disagree: row.try_get::<Option<i64>, _>(4)?.unwrap_or_default(),
            })
        };
        rows.iter().map(of_source).collect()
    }

    /// Samples by label: those that count, or the `unconfirmed` ones of visitors. If `visitor` is
    /// given, those of that visitor, in any case.
    pub async fn by_label(
        &self,
        unconfirmed: bool,
        visitor: Option<&str>,
    ) -> Result<Vec<Count>, StoreError> {
        let sql = of_visitor!(
            visitor,
            "SELECT label, COUNT(*), \
             CAST(SUM(CASE WHEN label <> prediction THEN 1 ELSE 0 END) AS BIGINT) \
             FROM samples WHERE deleted IS NULL AND label IS NOT NULL \
             AND CAST($2 AS BIGINT) IS NOT NULL AND ",
            "CASE WHEN trusted + confirmed > 0 THEN 0 ELSE 1 END = $2",
            " GROUP BY label ORDER BY label"
        );
        let query = sqlx::query(sql).bind(visitor.map(str::to_owned));
        counts(&query.bind(i64::from(unconfirmed)).fetch_all(&self.pool).await?)
    }

    /// Samples that got their present label after the labelling `time` and count: those of the
    /// token's holder, and those that were confirmed. If `visitor` is given, all those of that
    /// visitor. Deleted ones are not among them.
    pub async fn labelled_since(
        &self,
        time: i64,
        visitor: Option<&str>,
    ) -> Result<i64, StoreError> {
        let sql = of_visitor!(
            visitor,
            "SELECT COUNT(*) FROM samples \
             WHERE labelled > $2 AND label IS NOT NULL AND deleted IS NULL AND ",
            "trusted + confirmed > 0",
            ""
        );
        let query = sqlx::query(sql).bind(visitor.map(str::to_owned)).bind(time);
        let row = query.fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Forgets from which networks samples came before this time, in milliseconds since 1970.
    pub async fn forget_networks(&self, before: i64) -> Result<(), StoreError> {
        let sql = "UPDATE samples SET client = '' WHERE client <> '' AND created < $1";
        sqlx::query(sql).bind(before).execute(&self.pool).await?;
        Ok(())
    }
}

fn counts(rows: &[AnyRow]) -> Result<Vec<Count>, StoreError> {
    let count = |row: &AnyRow| {
        Ok(Count { name: row.try_get(0)?, samples: row.try_get(1)?, disagree: row.try_get(2)? })
    };
    rows.iter().map(count).collect()
}

async fn add_one(
    transaction: &mut Transaction<'static, Any>,
    sample: NewSample,
    sender: &Sender,
    labelling: i64,
    room: &mut Room<'_>,
    held_back: &mut HeldBack,
) -> Result<Added, StoreError> {
    let hash = hash(&sample.glyph);
    let twins = "SELECT id, label, held_back, visitor, trusted, confirmed FROM samples \
                 WHERE glyph_hash = $1 AND deleted IS NULL ORDER BY id";
    let twins = sqlx::query(twins).bind(hash.clone()).fetch_all(&mut **transaction).await?;
    let mut contradicts = None;
    let mut role = sample.held_back;
    for twin in &twins {
        let (id, label): (String, Option<String>) = (twin.try_get(0)?, twin.try_get(1)?);
        let held_back = twin.try_get::<i64, _>(2)? != 0;
        let of_visitor: Option<String> = twin.try_get(3)?;
        // What one of them sent does not stand for what another one teaches: it is the other's to
        // delete.
        let is_trusted = twin.try_get::<i64, _>(4)? != 0;
        let is_own = is_trusted == sender.trusted && (is_trusted || of_visitor == sender.visitor);
        // A picture must not be trained on under one label and evaluated under another. What a
        // visitor sent does not decide that for others, who would learn from it what that was: when
        // it is confirmed, it is held back as theirs is.
        let counts = is_trusted || twin.try_get::<i64, _>(5)? != 0;
        if is_own || (sender.trusted && counts) {
            role = Some(held_back);
        }
        if is_own && label == sample.label {
            return Ok(Added { id, duplicate: true, contradicts: None, held_back });
        }
        // A visitor learns nothing of what others sent.
        if (is_own || sender.trusted) && label != sample.label {
            contradicts = Some(id);
        }
    }
    let bytes = (sample.raw.len() + sample.glyph.pixels().len()) as u64;
    room.take(transaction, &sample.source, bytes).await?;
    let held_back = is_held_back(transaction, &sample, sender, role, held_back).await?;
    let id = new_id();
    let labelled = sample.label.as_ref().map(|_| labelling);
    let insert = "INSERT INTO samples (id, created, source, label, verdict, prediction, confidence, \
         checkpoint, preprocessing, form, raw, glyph, held_back, confirmed, deleted, trusted, \
         glyph_hash, labelled, visitor, client, bytes) VALUES \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, NULL, $14, $15, $16, $17, $18, \
         $19)";
    sqlx::query(insert)
        .bind(id.clone())
        .bind(now())
        .bind(sample.source)
        .bind(sample.label)
        .bind(sample.verdict)
        .bind(sample.prediction)
        .bind(sample.confidence)
        .bind(sample.checkpoint)
        .bind(i64::from(sample.preprocessing))
        .bind(sample.form.name().to_owned())
        .bind(sample.raw)
        .bind(sample.glyph.pixels().to_vec())
        .bind(i64::from(held_back))
        .bind(i64::from(sender.trusted))
        .bind(hash)
        .bind(labelled)
        .bind(sender.visitor.clone())
        .bind(sender.network.clone())
        .bind(bytes as i64)
        .execute(&mut **transaction)
        .await?;
    Ok(Added { id, duplicate: false, contradicts, held_back })
}

/// The time of a labelling that is made now: later than every earlier one, even if another
/// server's clock is ahead, so that labellings are in the order in which they were kept.
pub(super) async fn next_labelling(
    transaction: &mut Transaction<'static, Any>,
) -> Result<i64, StoreError> {
    let last = "SELECT COALESCE(MAX(labelled), 0) FROM samples";
    let last: i64 = sqlx::query(last).fetch_one(&mut **transaction).await?.try_get(0)?;
    Ok(now().max(last + 1))
}

/// Whether this sample is held back: as `stated`, if that is given. One without a label is not,
/// because it is of no kind yet.
async fn is_held_back(
    transaction: &mut Transaction<'static, Any>,
    sample: &NewSample,
    sender: &Sender,
    stated: Option<bool>,
    held_back: &mut HeldBack,
) -> Result<bool, StoreError> {
    let Some(label) = sample.label.clone() else { return Ok(stated.unwrap_or(false)) };
    let kind = Kind { label, prediction: sample.prediction.clone() };
    if !held_back.has_counted(&kind) {
        // Visitors do not choose which of the others' samples are held back.
        let alike = "SELECT COUNT(*) FROM samples \
                     WHERE label = $1 AND prediction = $2 AND trusted = $3";
        let row = sqlx::query(alike)
            .bind(kind.label.clone())
            .bind(kind.prediction.clone())
            .bind(i64::from(sender.trusted))
            .fetch_one(&mut **transaction)
            .await?;
        let before: i64 = row.try_get(0)?;
        held_back.continue_from(kind.clone(), before.unsigned_abs());
    }
    Ok(held_back.count(kind, stated))
}

fn hash(glyph: &Glyph) -> String {
    sha256(glyph.pixels())
}

fn damaged(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a sample's {what} is damaged").into())
}

pub(super) fn glyph(pixels: &[u8]) -> Result<Glyph, sqlx::Error> {
    Glyph::try_from(pixels).map_err(|_| damaged("glyph"))
}

fn sample(row: &AnyRow) -> Result<Sample, sqlx::Error> {
    let form: String = row.try_get("form")?;
    let forms = [Form::Strokes, Form::Image, Form::Pixels];
    Ok(Sample {
        id: row.try_get("id")?,
        created: row.try_get("created")?,
        held_back: row.try_get::<i64, _>("held_back")? != 0,
        trusted: row.try_get::<i64, _>("trusted")? != 0,
        confirmed: row.try_get::<i64, _>("confirmed")? != 0,
        deleted: row.try_get("deleted")?,
        content: NewSample {
            source: row.try_get("source")?,
            label: row.try_get("label")?,
            prediction: row.try_get("prediction")?,
            confidence: row.try_get("confidence")?,
            verdict: row.try_get("verdict")?,
            checkpoint: row.try_get("checkpoint")?,
            preprocessing: u32::try_from(row.try_get::<i64, _>("preprocessing")?)
                .map_err(|_| damaged("preprocessing"))?,
            form: forms.into_iter().find(|f| f.name() == form).ok_or_else(|| damaged("form"))?,
            raw: row.try_get::<Option<Vec<u8>>, _>("raw")?.unwrap_or_default(),
            glyph: glyph(&row.try_get::<Vec<u8>, _>("glyph")?)?,
            held_back: None,
        },
    })
}
