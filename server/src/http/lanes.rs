//! Who computes when: nothing waits behind work that takes much longer than itself, and one client
//! does not keep all others from any kind of work.

use std::{net::IpAddr, sync::Arc, thread, time::Duration};

use glyphic_runtime::decode::DecodeError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::ApiError,
    shares::{Place, Places},
};
use crate::samples::Effort;

/// Tiny computations that may wait for a thread, in all and of one client.
const TINY_WAITING: (usize, usize) = (64, 16);
/// The same for light ones. With the longest of them, the last one waits for a second.
const LIGHT_WAITING: (usize, usize) = (64, 16);
/// The same for heavy ones. Each holds its picture's file.
const HEAVY_WAITING: (usize, usize) = (32, 8);
/// The same for files of samples. Each is in memory as it was sent.
const FILES_WAITING: (usize, usize) = (1, 1);
/// Longest wait for a thread: what is turned away learns it before its request's time is over.
const PATIENCE: Duration = Duration::from_secs(20);

/// The threads for computations: a lane for each [`Effort`], and one for files.
#[derive(Clone)]
pub struct Lanes {
    /// One symbol's strokes, pictures as small as a glyph: a millisecond at most.
    tiny: Lane,
    /// Some digits' strokes, small pictures of one symbol: 20 ms at most.
    light: Lane,
    /// Photographs, pictures of numbers and other large inputs: up to a second each.
    pub heavy: Lane,
    /// Files of samples: some seconds each.
    pub files: Lane,
}

/// Threads for computations of one kind, with a limited number of computations that wait.
#[derive(Clone)]
pub struct Lane {
    threads: Arc<Semaphore>,
    waiting: Places,
    patience: Duration,
}

/// A place of a lane whose turn it is, with its thread, until it is dropped.
pub struct Turn(#[allow(dead_code)] (OwnedSemaphorePermit, Place));

impl Default for Lanes {
    /// As many threads as cores for tiny and for light work, and half as many for heavy work: half
    /// of the cores stay free for the others. Of files of samples, which only the token's holder
    /// sends, one is read at a time, and one of a client.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            tiny: Lane::new(cores, TINY_WAITING, PATIENCE),
            light: Lane::new(cores, LIGHT_WAITING, PATIENCE),
            heavy: Lane::new((cores / 2).max(1), HEAVY_WAITING, PATIENCE),
            files: Lane::new(1, FILES_WAITING, PATIENCE),
        }
    }
}

impl Lanes {
    /// The lane for work of this effort.
    pub fn lane(&self, effort: Effort) -> &Lane {
        match effort {
            Effort::Tiny => &self.tiny,
            Effort::Light => &self.light,
            Effort::Heavy => &self.heavy,
        }
    }
}

impl Lane {
    fn new(threads: usize, (waiting, of_one): (usize, usize), patience: Duration) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            waiting: Places::new(threads + waiting, of_one),
            patience,
        }
    }

    /// Waits for a thread of this lane, behind those that wait already.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if too many wait, in all or of this client, or if it takes too long.
    pub async fn turn(&self, client: IpAddr) -> Result<Turn, ApiError> {
        let waiting = self.waiting.take(client)?;
        let thread = Arc::clone(&self.threads).acquire_owned();
        let thread =
            tokio::time::timeout(self.patience, thread).await.map_err(|_| ApiError::Busy)?;
        let thread = thread.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        Ok(Turn((thread, waiting)))
    }

    /// Computes on a thread of this lane, after those that wait already.
    ///
    /// # Errors
    /// Those of [`turn`](Self::turn), and the computation's own.
    pub async fn compute<T: Send + 'static>(
        &self,
        client: IpAddr,
        compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.turn(client).await?.compute(compute).await
    }
}

impl Turn {
    /// Computes on the thread.
    ///
    /// # Errors
    /// The computation's own.
    pub async fn compute<T: Send + 'static>(
        self,
        compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let task = tokio::task::spawn_blocking(move || {
            let computed = compute();
            // Held until here, even if the client has disconnected.
            drop(self);
            computed
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "decoding panicked");
            ApiError::Image(DecodeError::Damaged("its decoder failed".to_owned()))
        })?
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_is_turned_away_before_the_request_ends() {
        let lane = Lane::new(1, (2, 2), Duration::from_millis(50));
        let client = IpAddr::from(Ipv4Addr::LOCALHOST);
        let first = lane.turn(client).await.unwrap();
        assert!(matches!(lane.turn(client).await, Err(ApiError::Busy)));
        drop(first);
        assert_eq!(lane.compute(client, || Ok(7)).await.unwrap(), 7);
    }
}
