//! Memory for the bodies of requests and answers: bounded for all together, and for each client.
//!
//! A request's body takes room as its bytes arrive, so that one which is announced and never sent
//! takes none. An answer holds its room until the client has taken it.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes},
    http::Response,
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::ApiError,
    shares::{Share, Shares},
};

/// Room is taken in steps of this many bytes.
const STEP: usize = 64 << 10;
/// The part of all room that one client may take.
const PART_OF_ONE: usize = 4;
/// Longest piece in which an answer is sent: what hyper has taken is no longer counted.
const PIECE: usize = 32 << 10;
/// An answer up to this length takes no room: a connection's own buffers are as large.
const SMALL: u64 = STEP as u64;

/// Room for bodies; cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    steps: Arc<Semaphore>,
    clients: Shares,
}

/// Room that is taken, until it is dropped.
pub struct Room {
    rooms: Rooms,
    taken: Option<OwnedSemaphorePermit>,
    share: Share,
    steps: usize,
}

impl Rooms {
    /// Room for `bytes` in all. One client may take a quarter of it, and always one body of the
    /// `longest` length.
    pub fn new(bytes: usize, longest: usize) -> Self {
        let longest = longest.div_ceil(STEP) + 1;
        let steps = bytes.div_ceil(STEP).max(longest);
        let of_one = (steps / PART_OF_ONE).max(longest);
        Self { steps: Arc::new(Semaphore::new(steps)), clients: Shares::new(steps, of_one) }
    }

    /// No room yet, for a body of this client.
    pub fn none(&self, client: IpAddr) -> Room {
        let share = self.clients.none(client);
        Room { rooms: self.clone(), taken: None, share, steps: 0 }
    }
}

impl Room {
    /// Takes what a body of this length needs.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if there is no room left, or none for this client.
    pub fn hold(&mut self, bytes: usize) -> Result<(), ApiError> {
        let more = bytes.div_ceil(STEP).saturating_sub(self.steps);
        if more == 0 {
            return Ok(());
        }
        let permits = u32::try_from(more).map_err(|_| ApiError::Busy)?;
        let steps = Arc::clone(&self.rooms.steps);
        let permit = steps.try_acquire_many_owned(permits).map_err(|_| ApiError::Busy)?;
        if !self.share.grow(more) {
            return Err(ApiError::Busy);
        }
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            none => *none = Some(permit),
        }
        self.steps += more;
        Ok(())
    }
}

/// The answer, holding room until it is taken. Answers that are made as they are sent, and small
/// ones, hold none; one that is longer than a client's room holds all of that.
///
/// # Errors
/// [`ApiError::Busy`] if there is no room for it.
pub fn hold_answer(
    rooms: &Rooms,
    client: IpAddr,
    answer: Response<Body>,
) -> Result<Response<Body>, ApiError> {
    let length = answer.body().size_hint().exact().filter(|&length| length > SMALL);
    let Some(length) = length else { return Ok(answer) };
    let mut room = rooms.none(client);
    let most = rooms.clients.of_one() * STEP;
    room.hold(usize::try_from(length).map_or(most, |length| length.min(most)))?;
    Ok(answer.map(|body| Body::new(HeldBody { body, rest: Bytes::new(), _room: room })))
}

/// An answer's body that is sent in pieces and holds its room until the last one is taken.
struct HeldBody {
    body: Body,
    rest: Bytes,
    _room: Room,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.body.size_hint().exact() {
            Some(length) => SizeHint::with_exact(length + rest),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_answer_that_is_longer_than_all_room_of_a_client_waits_for_nothing_but_that() {
        let rooms = Rooms::new(16 * STEP, STEP);
        let client = IpAddr::from(Ipv4Addr::LOCALHOST);
        let answer = || Response::new(Body::from(vec![0; 40 * STEP]));
        let held = hold_answer(&rooms, client, answer()).unwrap();
        assert_eq!(held.body().size_hint().exact(), Some(40 * STEP as u64));
        assert!(hold_answer(&rooms, client, answer()).is_err(), "one at a time");
        drop(held);
        assert!(hold_answer(&rooms, client, answer()).is_ok());
    }

    #[test]
    fn room_is_taken_in_all_and_by_each_client_and_comes_back() {
        let rooms = Rooms::new(16 * STEP, STEP);
        let client = |last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
        let mut first = rooms.none(client(1));
        first.hold(1).unwrap();
        first.hold(4 * STEP).unwrap();
        assert!(first.hold(5 * STEP).is_err(), "over a quarter");
        let mut others: Vec<Room> = (2..=4).map(|last| rooms.none(client(last))).collect();
        others.iter_mut().for_each(|other| other.hold(4 * STEP).unwrap());
        let mut late = rooms.none(client(5));
        assert!(late.hold(1).is_err(), "all of it is taken");
        drop(first);
        late.hold(4 * STEP).unwrap();
    }
}
