//! How many samples are kept, in all, from one client and from one source, and which one gives way
//! to a new one.
//!
//! Only what a visitor sent and nobody confirmed gives way, the oldest first, and of several clients
//! that of the one who has most, of samples or of bytes, whichever is full: so a client that fills a
//! quota loses its own samples.

use std::collections::HashMap;

use sqlx::{Any, Row, Transaction};

use super::sender::Sender;
use crate::store::StoreError;

const MIB: u64 = 1 << 20;

/// How many samples a server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// In all.
    pub total: u64,
    /// From one source.
    pub per_source: u64,
    /// From the address or IPv6 network of a visitor.
    pub per_client: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes of those from one visitor's address or IPv6 network.
    pub bytes_per_client: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            total: 100_000,
            per_source: 10_000,
            per_client: 1000,
            bytes: 2048 * MIB,
            bytes_per_client: 32 * MIB,
        }
    }
}

/// Number and bytes of some samples.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    samples: u64,
    bytes: u64,
}

/// How much room is left for the samples of one sender: counted as it is needed, then kept while
/// samples are added.
pub(super) struct Room<'a> {
    quota: Quota,
    sender: &'a Sender,
    all: Used,
    of_client: Used,
    of_source: HashMap<String, u64>,
}

/// What is full: which samples could give way, and what to tell the sender if none does.
struct Full<'a> {
    client: Option<&'a str>,
    source: Option<&'a str>,
    /// Whether the bytes are full, not the number of samples.
    by_bytes: bool,
    error: StoreError,
}

/// A sample that can give way.
struct Oldest {
    id: String,
    client: String,
    source: String,
    bytes: u64,
}

impl<'a> Room<'a> {
    /// Counts what is there.
    pub(super) async fn count(
        transaction: &mut Transaction<'static, Any>,
        quota: Quota,
        sender: &'a Sender,
    ) -> Result<Self, StoreError> {
        let all = "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM samples \
                   WHERE deleted IS NULL";
        let all = used(&sqlx::query(all).fetch_one(&mut **transaction).await?)?;
        let of_client = match sender.trusted {
            true => Used::default(),
            false => {
                let of_client = "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
                                 FROM samples WHERE deleted IS NULL AND trusted = 0 \
                                 AND client = $1";
                let of_client = sqlx::query(of_client).bind(sender.network.clone());
                used(&of_client.fetch_one(&mut **transaction).await?)?
            }
        };
        Ok(Self { quota, sender, all, of_client, of_source: HashMap::new() })
    }

    /// Takes room for one more. Samples that give way to it are gone for good, if the transaction is
    /// committed.
    ///
    /// # Errors
    /// [`StoreError::Quota`] if a quota is full and nothing gives way.
    pub(super) async fn take(
        &mut self,
        transaction: &mut Transaction<'static, Any>,
        source: &str,
        bytes: u64,
    ) -> Result<(), StoreError> {
        if !self.of_source.contains_key(source) {
            let sql = "SELECT COUNT(*) FROM samples WHERE source = $1 AND deleted IS NULL";
            let row =
                sqlx::query(sql).bind(source.to_owned()).fetch_one(&mut **transaction).await?;
            self.of_source.insert(source.to_owned(), row.try_get::<i64, _>(0)?.unsigned_abs());
        }
        while let Some(full) = self.full(source, bytes) {
            let oldest = oldest_unconfirmed(transaction, &full).await?;
            let Some(oldest) = oldest else { return Err(full.error) };
            for sql in ["DELETE FROM samples WHERE id = $1", "DELETE FROM edits WHERE sample = $1"]
            {
                sqlx::query(sql).bind(oldest.id.clone()).execute(&mut **transaction).await?;
            }
            self.give_back(&oldest);
        }
        for used in [&mut self.all, &mut self.of_client] {
            used.samples += 1;
            used.bytes += bytes;
        }
        *self.of_source.entry(source.to_owned()).or_default() += 1;
        Ok(())
    }

    /// The first quota that has no room for this sample.
    fn full<'b>(&'b self, source: &'b str, bytes: u64) -> Option<Full<'b>> {
        let Quota { total, per_source, per_client, bytes: all_bytes, bytes_per_client } =
            self.quota;
        let samples = |count: u64| format!("{count} samples");
        let mib = |bytes: u64| format!("{} MiB of samples", bytes / MIB);
        let error = |who: &str, of: String, flag: &'static str| StoreError::Quota {
            who: who.to_owned(),
            of,
            flag,
        };
        // Whose network is not known is not one client.
        if !self.sender.trusted && !self.sender.network.is_empty() {
            let of_client = |of: String, flag: &'static str| Full {
                client: Some(&self.sender.network),
                source: None,
                by_bytes: false,
                error: error("your address or network has sent", of, flag),
            };
            if self.of_client.samples >= per_client {
                return Some(of_client(samples(per_client), "--samples-per-client"));
            }
            if self.of_client.bytes.saturating_add(bytes) > bytes_per_client {
                return Some(of_client(mib(bytes_per_client), "--samples-mib-per-client"));
            }
        }
        if self.of_source.get(source).is_some_and(|&count| count >= per_source) {
            let error =
                error(&format!("'{source}' has sent"), samples(per_source), "--samples-per-source");
            return Some(Full { client: None, source: Some(source), by_bytes: false, error });
        }
        let of_all = |of: String, by_bytes, flag| Full {
            client: None,
            source: None,
            by_bytes,
            error: error("the server has", of, flag),
        };
        if self.all.samples >= total {
            return Some(of_all(samples(total), false, "--samples"));
        }
        let full = self.all.bytes.saturating_add(bytes) > all_bytes;
        full.then(|| of_all(mib(all_bytes), true, "--samples-mib"))
    }

    fn give_back(&mut self, gone: &Oldest) {
        let of_client = gone.client == self.sender.network && !self.sender.trusted;
        for used in [Some(&mut self.all), of_client.then_some(&mut self.of_client)] {
            let Some(used) = used else { continue };
            used.samples = used.samples.saturating_sub(1);
            used.bytes = used.bytes.saturating_sub(gone.bytes);
        }
        if let Some(count) = self.of_source.get_mut(&gone.source) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The clients who have samples that can give way, the one who has most first.
macro_rules! clients_by {
    ($most:literal) => {
        concat!(
            "SELECT client FROM samples \
             WHERE deleted IS NULL AND trusted = 0 AND confirmed = 0 \
             AND (CAST($1 AS TEXT) IS NULL OR source = $1) \
             GROUP BY client ORDER BY ",
            $most,
            " DESC, MIN(id) LIMIT 1"
        )
    };
}

/// The oldest sample that can give way, of the client who has most that can of what is full; of the
/// client and the source that it is about, if it is about one.
async fn oldest_unconfirmed(
    transaction: &mut Transaction<'static, Any>,
    full: &Full<'_>,
) -> Result<Option<Oldest>, StoreError> {
    let Full { client, source, by_bytes, .. } = *full;
    let client = match client {
        Some(client) => client.to_owned(),
        None => {
            let sql = match by_bytes {
                true => clients_by!("SUM(bytes)"),
                false => clients_by!("COUNT(*)"),
            };
            let query = sqlx::query(sql).bind(source.map(str::to_owned));
            match query.fetch_optional(&mut **transaction).await? {
                Some(row) => row.try_get(0)?,
                None => return Ok(None),
            }
        }
    };
    let sql = "SELECT id, source, bytes FROM samples \
               WHERE deleted IS NULL AND trusted = 0 AND confirmed = 0 AND client = $1 \
               AND (CAST($2 AS TEXT) IS NULL OR source = $2) ORDER BY id LIMIT 1";
    let query = sqlx::query(sql).bind(client.clone()).bind(source.map(str::to_owned));
    let Some(row) = query.fetch_optional(&mut **transaction).await? else { return Ok(None) };
    let bytes = row.try_get::<i64, _>(2)?.unsigned_abs();
    Ok(Some(Oldest { id: row.try_get(0)?, client, source: row.try_get(1)?, bytes }))
}

fn used(row: &sqlx::any::AnyRow) -> Result<Used, sqlx::Error> {
    let number = |i: usize| row.try_get::<i64, _>(i).map(i64::unsigned_abs);
    Ok(Used { samples: number(0)?, bytes: number(1)? })
}
