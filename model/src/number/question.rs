//! Asking a network about an input: which glyphs it reads, and what follows from its predictions.

use crate::{glyph::Glyph, prediction::Prediction, verdict::Thresholds};

/// An input that a network is asked about. It may turn out that it has to be turned first, or that another
/// part of it is the sheet of paper, and it is asked about once more.
pub trait Question: Sized {
    /// What is answered in the end.
    type Answer;

    /// The glyphs for the network to read.
    fn glyphs(&self) -> Vec<Glyph>;

    /// What follows from one prediction for each of [`glyphs`](Self::glyphs), in their order.
    fn step(self, predictions: Vec<Prediction>, reader: Reader) -> Step<Self>;

    /// Asks a network: `classify` gives a prediction for each glyph, in their order.
    ///
    /// # Errors
    /// Those of `classify`.
    fn read<E>(
        mut self,
        reader: Reader,
        mut classify: impl FnMut(&[Glyph]) -> Result<Vec<Prediction>, E>,
    ) -> Result<Self::Answer, E> {
        loop {
            let predictions = classify(&self.glyphs())?;
            match self.step(predictions, reader) {
                Step::Answer(answer) => return Ok(answer),
                Step::Again(next) => self = next(),
            }
        }
    }
}

/// What a question must know of the network that is asked.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Its labels, in the order of the probabilities.
    pub labels: &'a [String],
    /// What its verdicts are decided by.
    pub thresholds: Thresholds,
}

/// What follows from a network's predictions.
pub enum Step<Q: Question> {
    /// The answer.
    Answer(Q::Answer),
    /// The input is not upright, or nothing is written there: the question about the turned one or about
    /// another part, which takes some time to make.
    Again(Box<dyn FnOnce() -> Q + Send>),
}
