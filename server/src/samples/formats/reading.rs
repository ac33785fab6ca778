//! What reading a file of samples may cost, and for how long somebody waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use glyphic_model::preprocess::Pictures;

use crate::samples::incoming::FormatError;

/// Most samples that one file may hold.
pub(super) const MAX_SAMPLES: usize = 20_000;

/// The bounds of reading one file, how its pictures are read, and whether somebody still waits for it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What the pictures of the serving checkpoint are.
    pub(super) pictures: Pictures,
    megapixels: u32,
    abandoned: Arc<AtomicBool>,
}

/// Held by the request that waits for a file to be read: when it is dropped, the reading ends before the
/// next picture.
#[derive(Debug)]
pub struct Reader(Arc<AtomicBool>);

/// The pixels of the pictures in a file, counted before the first of them is decoded.
pub(super) struct Pixels<'a> {
    reading: &'a Reading,
    counted: u64,
    pictures: usize,
}

impl Reading {
    /// Of a file for a checkpoint of these pictures, which may have this many megapixels in all.
    pub fn new(pictures: Pictures, megapixels: u32) -> (Self, Reader) {
        let abandoned = Arc::<AtomicBool>::default();
        (Self { pictures, megapixels, abandoned: Arc::clone(&abandoned) }, Reader(abandoned))
    }

    /// Whether it is to go on.
    ///
    /// # Errors
    /// [`FormatError::Abandoned`] if nobody waits any more.
    pub(super) fn go_on(&self) -> Result<(), FormatError> {
        match self.abandoned.load(Ordering::Relaxed) {
            true => Err(FormatError::Abandoned),
            false => Ok(()),
        }
    }

    /// Refuses a file of more samples than one may hold.
    ///
    /// # Errors
    /// It holds `samples`, which is too many.
    pub(super) fn check_samples(samples: usize) -> Result<(), FormatError> {
        match samples <= MAX_SAMPLES {
            true => Ok(()),
            false => Err(FormatError::damaged(format!(
                "it has {samples} samples, over the limit of {MAX_SAMPLES}: split the file"
            ))),
        }
    }

    /// No pixels yet.
    pub(super) fn pixels(&self) -> Pixels<'_> {
        Pixels { reading: self, counted: 0, pictures: 0 }
    }
}

impl Pixels<'_> {
    /// Counts those of another picture.
    ///
    /// # Errors
    /// There are more than the file's pictures may have, or nobody waits any more.
    pub(super) fn add(&mut self, pixels: u64) -> Result<(), FormatError> {
        self.reading.go_on()?;
        self.counted += pixels;
        self.pictures += 1;
        let most = self.reading.megapixels;
        if self.counted <= u64::from(most) * 1_000_000 {
            return Ok(());
        }
        Err(FormatError::damaged(format!(
            "its first {} pictures have {} megapixels, over {most} for a whole file: split it, \
             scale them down, or raise --import-megapixels",
            self.pictures,
            self.counted / 1_000_000
        )))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_counted_up_to_the_bound_and_only_while_somebody_waits() {
        let (reading, reader) = Reading::new(Pictures::Ink, 2);
        let mut pixels = reading.pixels();
        pixels.add(1_500_000).unwrap();
        pixels.add(500_000).unwrap();
        let message = pixels.add(1).unwrap_err().to_string();
        assert!(message.contains("first 3 pictures") && message.contains("over 2"), "{message}");
        drop(reader);
        assert!(matches!(reading.pixels().add(1), Err(FormatError::Abandoned)));
    }
}
