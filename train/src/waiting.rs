//! What a person sees before a GPU's first answer: kernels are compiled and tuned for seconds
//! or minutes, and the terminal should not be silent meanwhile.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use glyphic_runtime::device::ComputeDevice;

use crate::console::{duration, say};

/// Time between two plain lines.
pub const LINE_EVERY: Duration = Duration::from_secs(10);

/// Reports how long the wait has been, until it is dropped.
pub struct Waiting {
    /// Dropping it ends the thread.
    going_on: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Calls `report` with a line at this interval until it is dropped, and never after that.
    pub fn begin(interval: Duration, mut report: impl FnMut(String) + Send + 'static) -> Self {
        let (sender, ended) = channel::<()>();
        let begun = Instant::now();
        let wait = move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let waited = duration(begun.elapsed().as_secs_f64());
                report(format!("compiling and tuning the GPU's kernels: {waited} so far"));
            }
        };
        // Without a thread there are no reports, but the run goes on.
        let thread = thread::Builder::new().name("waiting".to_owned()).spawn(wait).ok();
        Self { going_on: Some(sender), thread }
    }

    /// Reports on standard error, if this is a GPU.
    pub fn on(device: &ComputeDevice) -> Option<Self> {
        device.adapter.is_some().then(|| Self::begin(LINE_EVERY, |line| say(&line)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.going_on = None;
        // Joined, so that no report is printed among the caller's own lines.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reports_until_it_is_dropped() {
        let (sender, reports) = channel();
        let waiting = Waiting::begin(Duration::from_millis(2), move |line| {
            let _ = sender.send(line);
        });
        for line in reports.iter().take(2) {
            assert!(line.starts_with("compiling and tuning the GPU's kernels: "), "{line}");
        }
        drop(waiting);
        // The thread and its sender are gone: nothing more can come.
        while reports.try_recv().is_ok() {}
        assert_eq!(reports.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}
