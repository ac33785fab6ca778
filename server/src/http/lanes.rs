//! Who computes when: light work does not wait behind heavy work, and one client does not keep all
//! others from the heavy work.

use std::{net::IpAddr, sync::Arc, thread};

use glyphic_runtime::decode::DecodeError;
use tokio::sync::Semaphore;

use super::{error::ApiError, shares::Places};

/// Light computations that may wait for a thread.
const LIGHT_WAITING: usize = 256;
/// Heavy computations that may wait for a thread. Each holds its picture's file.
const HEAVY_WAITING: usize = 32;
/// Heavy computations of one client that wait or run.
const HEAVY_OF_ONE: usize = 8;

/// Files of samples that may wait for a thread. Each is in memory as it was sent.
const FILES_WAITING: usize = 1;

/// The threads for computations: one lane for light and one for heavy ones, and one for files.
#[derive(Clone)]
pub struct Lanes {
    /// Strokes and small pictures: a millisecond or two each.
    pub light: Lane,
    /// Photographs and other large inputs: up to a second each.
    pub heavy: Lane,
    /// Files of samples: some seconds each.
    pub files: Lane,
}

/// Threads for computations of one kind, with a limited number of computations that wait.
#[derive(Clone)]
pub struct Lane {
    threads: Arc<Semaphore>,
    waiting: Places,
}

impl Default for Lanes {
    /// As many threads as cores for light work, and half as many for heavy work: half of the cores
    /// stay free for light work. Of files of samples, which only the token's holder sends, one is read
    /// at a time, and one of a client.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            light: Lane::new(cores, LIGHT_WAITING, LIGHT_WAITING),
            heavy: Lane::new((cores / 2).max(1), HEAVY_WAITING, HEAVY_OF_ONE),
            files: Lane::new(1, FILES_WAITING, 1),
        }
    }
}

impl Lane {
    fn new(threads: usize, waiting: usize, of_one: usize) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            waiting: Places::new(threads + waiting, of_one),
        }
    }

    /// Computes on a thread of this lane, after those that wait already.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if too many wait, in all or of this client; else the computation's own.
    pub async fn compute<T: Send + 'static>(
        &self,
        client: IpAddr,
        compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let waiting = self.waiting.take(client)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        let task = tokio::task::spawn_blocking(move || {
            let computed = compute();
            // Held until here, even if the client has disconnected.
            drop((thread, waiting));
            computed
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "decoding panicked");
            ApiError::Image(DecodeError::Damaged("its decoder failed".to_owned()))
        })?
    }
}
