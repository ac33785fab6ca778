//! Whether the server that runs a job has stopped. Heartbeats are times by that server's own clock,
//! which may be ahead of this one's or behind it, so they are never compared with this clock: a server
//! has stopped if its heartbeat does not change while this server looks.

use std::time::{Duration, Instant};

/// A job whose heartbeat does not change for this time is taken over by another server.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest time between two looks that counts as silence: if this server did not look for longer, it
/// was busy, or stood still, and the other one with it.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// A heartbeat of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The job.
    pub job: String,
    /// The server that runs it.
    pub owner: Option<String>,
    /// Its time by that server's clock, in milliseconds since 1970.
    pub time: Option<i64>,
}

/// What a server has seen of the running job of another one.
#[derive(Debug, Default)]
pub struct Watch(Option<Seen>);

#[derive(Debug)]
struct Seen {
    heartbeat: Heartbeat,
    looked: Instant,
    silent: Duration,
}

impl Watch {
    /// Whether the server with this heartbeat, which is read `now`, has stopped.
    pub fn has_stopped(&mut self, heartbeat: Heartbeat, now: Instant) -> bool {
        let before = self.0.take().filter(|seen| seen.heartbeat == heartbeat);
        let silent = before.map_or(Duration::ZERO, |seen| {
            seen.silent + now.saturating_duration_since(seen.looked).min(LONGEST_GAP)
        });
        self.0 = Some(Seen { heartbeat, looked: now, silent });
        silent >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(time: i64) -> Heartbeat {
        Heartbeat { job: "a".to_owned(), owner: Some("other".to_owned()), time: Some(time) }
    }

    #[test]
    fn a_server_has_stopped_when_its_heartbeat_does_not_change_whatever_it_says() {
        let (mut watch, begun) = (Watch::default(), Instant::now());
        // An hour behind or ahead, and even backwards: it goes on.
        for second in 0..60 {
            let time = [-3_600_000, 3_600_000][second as usize / 30] - (second as i64 / 4);
            assert!(!watch.has_stopped(beat(time), begun + Duration::from_secs(second)));
        }
        let stopped: Vec<u64> = (60..90)
            .filter(|&second| watch.has_stopped(beat(7), begun + Duration::from_secs(second)))
            .collect();
        assert_eq!(stopped.first(), Some(&75));
    }

    #[test]
    fn time_in_which_this_server_did_not_look_is_not_the_others_silence() {
        let (mut watch, begun) = (Watch::default(), Instant::now());
        assert!(!watch.has_stopped(beat(1), begun));
        assert!(!watch.has_stopped(beat(1), begun + Duration::from_secs(3600)));
        assert!(!watch.has_stopped(beat(1), begun + Duration::from_secs(3601)));
    }
}
