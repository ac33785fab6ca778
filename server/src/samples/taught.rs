//! Which samples a network's memory holds: see [`TaughtMemory`](crate::taught::TaughtMemory).

use glyphic_model::Glyph;
use sqlx::{Row, any::AnyRow};

use super::store::{glyph, learned_until, of_visitor};
use crate::store::{Store, StoreError};

/// So many of the newest samples may be remembered: to choose among all of 100,000 takes half a second.
const CONSIDERED: i64 = 5000;

/// A sample that a checkpoint was trained on, or that its memory holds.
pub struct LearnedSample {
    /// What it shows.
    pub label: String,
    /// The picture.
    pub glyph: Glyph,
    /// Whether the network was trained on it.
    pub trained: bool,
}

impl Store {
    /// A text that changes whenever a labelled sample comes, goes or changes, or when it is known that
    /// `checkpoint` was trained on some.
    pub async fn taught_state(&self, checkpoint: &str) -> Result<String, StoreError> {
        // Every change of a sample makes a new labelling, an edit, or another number of samples. All of
        // it is in indexes: it is asked for twice a second.
        let sql = concat!(
            "SELECT CAST(COALESCE((SELECT MAX(labelled) FROM samples), 0) AS BIGINT), \
             (SELECT COUNT(*) FROM samples), (SELECT COUNT(*) FROM edits), CAST(",
            learned_until!("$1"),
            " AS BIGINT)"
        );
        let row = sqlx::query(sql).bind(checkpoint.to_owned()).fetch_one(&self.pool).await?;
        let numbers: Vec<i64> = (0..4).map(|i| row.try_get(i)).collect::<Result<_, _>>()?;
        Ok(format!("{numbers:?}"))
    }

    /// The ids and labels of the samples that count and that this checkpoint was not trained on: at
    /// most `of_label` of a label and `in_all` of all, of the newest 5,000. Those that were
    /// misread when they came are kept first, then the newest; each label has one before another has
    /// two. Without `images`, those that were drawn alone.
    pub async fn taught(
        &self,
        checkpoint: &str,
        images: bool,
        of_label: i64,
        in_all: i64,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let sql = concat!(
            "SELECT id, label FROM (SELECT id, label, labelled, ROW_NUMBER() OVER \
             (PARTITION BY label ORDER BY CASE WHEN label <> prediction THEN 0 ELSE 1 END, \
             labelled DESC, id DESC) AS place FROM (SELECT id, label, labelled, prediction \
             FROM samples WHERE label IS NOT NULL AND deleted IS NULL AND trusted + confirmed > 0 \
             AND (CAST($4 AS BIGINT) = 1 OR form <> 'image') AND labelled > ",
            learned_until!("$1"),
            " ORDER BY labelled DESC LIMIT $5) AS newest) AS ranked \
             WHERE place <= $2 ORDER BY place, labelled DESC, id LIMIT $3"
        );
        let query = sqlx::query(sql).bind(checkpoint.to_owned()).bind(of_label).bind(in_all);
        let query = query.bind(i64::from(images)).bind(CONSIDERED);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// The newest samples that this checkpoint was fine-tuned on or that its memory may hold; if
    /// `visitor` is given, those of that visitor. Their inputs stay in the database. Those that have been
    /// relabelled or deleted since are missing: how they were labelled then is not kept.
    pub async fn learned(
        &self,
        checkpoint: &str,
        visitor: Option<&str>,
        limit: i64,
    ) -> Result<Vec<LearnedSample>, StoreError> {
        let sql = of_visitor!(
            visitor,
            concat!(
                "SELECT label, glyph, CASE WHEN labelled <= ",
                learned_until!("$2"),
                " THEN 1 ELSE 0 END AS trained, held_back, trusted + confirmed FROM samples \
                 WHERE label IS NOT NULL AND deleted IS NULL AND "
            ),
            "trusted + confirmed > 0",
            " ORDER BY id DESC LIMIT $3"
        );
        let query = sqlx::query(sql).bind(visitor.map(str::to_owned)).bind(checkpoint.to_owned());
        let rows = query.bind(limit).fetch_all(&self.pool).await?;
        let learned = |row: &AnyRow| -> Result<Option<LearnedSample>, StoreError> {
            let trained = row.try_get::<i64, _>(2)? != 0;
            let is_held_back = row.try_get::<i64, _>(3)? != 0;
            let counts = row.try_get::<i64, _>(4)? > 0;
            // The network was measured on it and did not learn it, or it waits to be confirmed.
            if (trained && is_held_back) || (!trained && !counts) {
                return Ok(None);
            }
            let glyph = glyph(&row.try_get::<Vec<u8>, _>(1)?)?;
            Ok(Some(LearnedSample { label: row.try_get(0)?, glyph, trained }))
        };
        rows.iter().filter_map(|row| learned(row).transpose()).collect()
    }
}
