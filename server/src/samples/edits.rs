//! Changes to samples in the database: relabelling, confirming and deleting them, undoing that, and
//! removing them for good.
//!
//! Before a change, what it replaces is noted in `edits`, under the id of its batch.

use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::{
    sample::Filter,
    store::{bind_filter, matches_filter, matching, next_labelling},
};
use crate::store::{Store, StoreError, id_after, now};

impl Store {
    /// Gives a sample a label, or confirms the one it has.
    pub async fn relabel(&self, id: &str, label: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let labelling = next_labelling(&mut transaction).await?;
        let batch = next_batch(&mut transaction).await?;
        note_edit(&mut transaction, &batch, id, "relabel").await?;
        sqlx::query(
            "UPDATE samples SET confirmed = 1, label = $1, \
             labelled = CASE WHEN label = $1 AND trusted + confirmed > 0 THEN labelled ELSE $2 END \
             WHERE id = $3",
        )
        .bind(label.to_owned())
        .bind(labelling)
        .bind(id.to_owned())
        .execute(&mut **transaction)
        .await?;
        align_roles(&mut transaction, &batch).await?;
        self.commit(transaction).await?;
        Ok(())
    }

    /// Confirms the labels of those samples that match, have one, were sent by visitors and are not
    /// confirmed yet; returns how many. They count from now on.
    pub async fn confirm(&self, filter: &Filter) -> Result<u64, StoreError> {
        let filter =
            Filter { labelled: Some(1), unconfirmed: Some(1), deleted: 0, ..filter.clone() };
        let mut transaction = self.begin().await?;
        let batch = next_batch(&mut transaction).await?;
        let labelling = next_labelling(&mut transaction).await?;
        let count = note_edits(&mut transaction, &batch, &filter, "confirm").await?;
        sqlx::query(
            "UPDATE samples SET confirmed = 1, labelled = $1 \
             WHERE id IN (SELECT sample FROM edits WHERE batch = $2)",
        )
        .bind(labelling)
        .bind(batch.clone())
        .execute(&mut **transaction)
        .await?;
        align_roles(&mut transaction, &batch).await?;
        self.commit(transaction).await?;
        Ok(count)
    }

    /// Deletes the samples that match; returns how many. They can be brought
    /// back by [`undo`](Self::undo) until they are purged.
    pub async fn delete(&self, filter: &Filter) -> Result<u64, StoreError> {
        let filter = Filter { deleted: 0, ..filter.clone() };
        let mut transaction = self.begin().await?;
        let batch = next_batch(&mut transaction).await?;
        let count = note_edits(&mut transaction, &batch, &filter, "delete").await?;
        delete_batch(&mut transaction, batch).await?;
        self.commit(transaction).await?;
        Ok(count)
    }

    /// Deletes one sample.
    pub async fn delete_one(&self, id: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let batch = next_batch(&mut transaction).await?;
        note_edit(&mut transaction, &batch, id, "delete").await?;
        delete_batch(&mut transaction, batch).await?;
        self.commit(transaction).await?;
        Ok(())
    }

    /// Removes the samples that match for good; returns how many.
    pub async fn erase(&self, filter: &Filter) -> Result<u64, StoreError> {
        let sql = matching!(filter, "DELETE FROM samples WHERE ", "");
        let mut transaction = self.begin().await?;
        let erased = bind_filter!(sqlx::query(sql), filter).execute(&mut **transaction).await?;
        forget_edits(&mut transaction).await?;
        self.commit(transaction).await?;
        self.overwrite_log().await;
        Ok(erased.rows_affected())
    }

    /// Removes one sample for good, also one that was deleted before; if `visitor` is given, only if
    /// it is that visitor's.
    pub async fn erase_one(&self, id: &str, visitor: Option<&str>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let erased = sqlx::query(
            "DELETE FROM samples \
             WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR visitor = $2)",
        )
        .bind(id.to_owned())
        .bind(visitor.map(str::to_owned))
        .execute(&mut **transaction)
        .await?;
        if erased.rows_affected() == 0 {
            return Err(StoreError::NoSuchSample(id.to_owned()));
        }
        forget_edits(&mut transaction).await?;
        self.commit(transaction).await?;
        self.overwrite_log().await;
        Ok(())
    }

    /// Undoes the last deletion, confirmation or relabelling; returns which of them it was and for how many
    /// samples.
    pub async fn undo(&self) -> Result<(String, u64), StoreError> {
        let mut transaction = self.begin().await?;
        let last = "SELECT batch, what, COUNT(*) FROM edits \
                    WHERE batch = (SELECT MAX(batch) FROM edits) GROUP BY batch, what";
        let last = sqlx::query(last).fetch_optional(&mut **transaction).await?;
        let last = last.ok_or(StoreError::NothingToUndo)?;
        let (batch, what): (String, String) = (last.try_get(0)?, last.try_get(1)?);
        let count: i64 = last.try_get(2)?;
        let before = |column: &str| {
            format!("(SELECT e.{column} FROM edits e WHERE e.batch = $1 AND e.sample = samples.id)")
        };
        let sql = format!(
            "UPDATE samples SET labelled = $2, label = {}, confirmed = {}, deleted = {} \
             WHERE id IN (SELECT sample FROM edits WHERE batch = $1)",
            before("label"),
            before("confirmed"),
            before("deleted"),
        );
        let labelling = next_labelling(&mut transaction).await?;
        sqlx::query(AssertSqlSafe(sql))
            .bind(batch.clone())
            .bind(labelling)
            .execute(&mut **transaction)
            .await?;
        sqlx::query("DELETE FROM edits WHERE batch = $1")
            .bind(batch)
            .execute(&mut **transaction)
            .await?;
        self.commit(transaction).await?;
        Ok((what, count as u64))
    }

    /// Removes for good the samples that were deleted before `deleted_before` or came before
    /// `created_before`; returns how many.
    pub async fn purge(&self, deleted_before: i64, created_before: i64) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let purged = sqlx::query("DELETE FROM samples WHERE deleted < $1 OR created < $2")
            .bind(deleted_before)
            .bind(created_before)
            .execute(&mut **transaction)
            .await?;
        forget_edits(&mut transaction).await?;
        self.commit(transaction).await?;
        self.overwrite_log().await;
        Ok(purged.rows_affected())
    }
}

/// Removes what was noted of samples that are gone.
async fn forget_edits(transaction: &mut Transaction<'static, Any>) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM edits WHERE sample NOT IN (SELECT id FROM samples)")
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Stores the states of the samples that match before an edit; returns how many they are.
async fn note_edits(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
    filter: &Filter,
    what: &str,
) -> Result<u64, StoreError> {
    let note = matching!(
        filter,
        "INSERT INTO edits (batch, sample, what, label, confirmed, deleted) \
         SELECT CAST($14 AS TEXT), id, CAST($15 AS TEXT), label, confirmed, deleted \
         FROM samples WHERE ",
        ""
    );
    let noted = bind_filter!(sqlx::query(note), filter).bind(batch.to_owned());
    Ok(noted.bind(what.to_owned()).execute(&mut **transaction).await?.rows_affected())
}

/// The id of a change that is made now. It comes after those of all earlier changes, so that the last
/// one is the last, whatever the clocks of the servers say.
async fn next_batch(transaction: &mut Transaction<'static, Any>) -> Result<String, StoreError> {
    let last = sqlx::query("SELECT COALESCE(MAX(batch), '') FROM edits");
    let last: String = last.fetch_one(&mut **transaction).await?.try_get(0)?;
    Ok(id_after(&last))
}

/// Deletes the samples whose state was stored for an edit.
async fn delete_batch(
    transaction: &mut Transaction<'static, Any>,
    batch: String,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE samples SET deleted = $1 WHERE id IN (SELECT sample FROM edits WHERE batch = $2)",
    )
    .bind(now())
    .bind(batch)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Holds those of a batch, which count from now on, back or not as the same pictures that counted
/// before: one must not be trained on in one sample and evaluated in another.
async fn align_roles(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE samples SET held_back = COALESCE((SELECT twin.held_back FROM samples twin \
               WHERE twin.glyph_hash = samples.glyph_hash AND twin.deleted IS NULL \
               AND twin.trusted + twin.confirmed > 0 \
               ORDER BY CASE WHEN twin.id IN (SELECT sample FROM edits WHERE batch = $1) \
               THEN 1 ELSE 0 END, twin.id LIMIT 1), held_back) \
               WHERE id IN (SELECT sample FROM edits WHERE batch = $1)";
    sqlx::query(sql).bind(batch.to_owned()).execute(&mut **transaction).await?;
    Ok(())
}

/// Stores a sample's state before an edit.
async fn note_edit(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
    id: &str,
    what: &str,
) -> Result<(), StoreError> {
    let noted = sqlx::query(
        "INSERT INTO edits (batch, sample, what, label, confirmed, deleted) \
         SELECT $1, id, $2, label, confirmed, deleted FROM samples \
         WHERE id = $3 AND deleted IS NULL",
    )
    .bind(batch.to_owned())
    .bind(what.to_owned())
    .bind(id.to_owned())
    .execute(&mut **transaction)
    .await?;
    match noted.rows_affected() {
        0 => Err(StoreError::NoSuchSample(id.to_owned())),
        _ => Ok(()),
    }
}
