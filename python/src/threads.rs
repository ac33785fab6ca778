//! The threads that compute. Python's processes fork, and a fork has none of its parent's threads: a pool
//! of them would be waited for without end, so each process makes its own.

use std::{
    num::NonZeroUsize,
    process,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::raised;
use pyo3::PyResult;

/// The threads of all networks for which no number was asked for.
static SHARED: LazyLock<Arc<Threads>> = LazyLock::new(|| Arc::new(Threads::new(None)));

/// A pool of threads in whichever process it is used.
pub struct Threads {
    /// As many as there are cores if it is `None`.
    count: Option<NonZeroUsize>,
    /// The process and its pool.
    pool: Mutex<Option<(u32, Arc<ThreadPool>)>>,
}

impl Threads {
    /// So many threads, or those that are shared.
    pub fn of(count: Option<NonZeroUsize>) -> Arc<Self> {
        match count {
            None => Arc::clone(&SHARED),
            count => Arc::new(Self::new(count)),
        }
    }

    fn new(count: Option<NonZeroUsize>) -> Self {
        Self { count, pool: Mutex::default() }
    }

    /// Computes on these threads.
    pub fn run<T: Send>(&self, compute: impl FnOnce() -> PyResult<T> + Send) -> PyResult<T> {
        self.pool()?.install(compute)
    }

    fn pool(&self) -> PyResult<Arc<ThreadPool>> {
        let mut held = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((of, pool)) if *of == process::id() => return Ok(Arc::clone(pool)),
            _ => {}
        }
        let count = self.count.map_or(0, NonZeroUsize::get);
        let pool = Arc::new(ThreadPoolBuilder::new().num_threads(count).build().map_err(raised)?);
        // The parent's pool is not dropped: its threads are not here to be ended.
        std::mem::forget(held.replace((process::id(), Arc::clone(&pool))));
        Ok(pool)
    }
}
