//! What a person sees before a GPU's first answer: nobody should look at a silent terminal
//! while kernels are compiled and tuned.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use glyphic_runtime::device::ComputeDevice;

use crate::progress::{duration, say};

/// Time between two plain lines.
pub const LINE_EVERY: Duration = Duration::from_secs(10);

/// Says how long the wait has been, until it is dropped.
pub struct Waiting {
    /// Its drop ends the thread.
    going_on: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Speaks `every` so often, until it is dropped; not a word after that.
    pub fn begin(every: Duration, mut speak: impl FnMut(String) + Send + 'static) -> Self {
        let (sender, ended) = channel::<()>();
        let begun = Instant::now();
        let wait = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let waited = duration(begun.elapsed().as_secs_f64());
                speak(format!("compiling and tuning the GPU's kernels: {waited} so far"));
            }
        };
        // Without a thread nobody is told; the run goes on.
        let thread = thread::Builder::new().name("waiting".to_owned()).spawn(wait).ok();
        Self { going_on: Some(sender), thread }
    }

    /// Speaks on standard error, if this is a GPU.
    pub fn on(device: &ComputeDevice) -> Option<Self> {
        device.adapter.is_some().then(|| Self::begin(LINE_EVERY, |line| say(&line)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.going_on = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_until_it_is_dropped() {
        let (sender, said) = channel();
        let waiting = Waiting::begin(Duration::from_millis(2), move |line| {
            let _ = sender.send(line);
        });
        for line in said.iter().take(2) {
            assert!(line.starts_with("compiling and tuning the GPU's kernels: "), "{line}");
        }
        drop(waiting);
        // The thread has gone, and what it would have spoken with: nothing more can come.
        while said.try_recv().is_ok() {}
        assert_eq!(said.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}
