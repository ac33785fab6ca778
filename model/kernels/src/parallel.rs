//! Batches split between threads.

use rayon::{iter::ParallelIterator, slice::ParallelSlice};

/// Batches of at least this many pictures are split between threads. For smaller ones, waking a
/// thread costs as much as reading a few pictures, and on a busy server all cores are in use
/// anyway.
const PARALLEL_FROM: usize = 32;
/// The most pictures that one thread takes at a time.
const CHUNK: usize = 32;

/// The results for a batch of pictures in their order, as `compute` gives them for a part of the
/// batch: large batches are split between rayon's threads.
pub fn in_parallel<P: Sync, R: Send>(
    pictures: &[P],
    compute: impl Fn(&[P]) -> Vec<R> + Sync,
) -> Vec<R> {
    if pictures.len() < PARALLEL_FROM {
        return compute(pictures);
    }
    // At most an equal share for each thread, so that none of them idles.
    let share = pictures.len().div_ceil(rayon::current_num_threads());
    pictures.par_chunks(share.min(CHUNK)).map(&compute).flatten_iter().collect()
}
