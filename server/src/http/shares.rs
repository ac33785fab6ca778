//! How much of something each client has, so that none has all of it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// The counts of all clients that have anything; cheap to clone.
#[derive(Clone, Default)]
pub struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// What one client has, until it is dropped.
pub struct Share {
    shares: Shares,
    client: IpAddr,
    amount: usize,
}

impl Shares {
    /// One for a client that has fewer than `most`.
    pub fn one(&self, client: IpAddr, most: usize) -> Option<Share> {
        let mut share = Share { shares: self.clone(), client, amount: 0 };
        share.grow(1, most).then_some(share)
    }

    /// A share of nothing yet.
    pub fn none(&self, client: IpAddr) -> Share {
        Share { shares: self.clone(), client, amount: 0 }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A count is changed in one step: it holds after a panic elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Adds to it, unless its client would have more than `most` in all its shares.
    pub fn grow(&mut self, more: usize, most: usize) -> bool {
        let mut counts = self.shares.counts();
        let all = counts.get(&self.client).copied().unwrap_or(0) + more;
        if all > most {
            return false;
        }
        counts.insert(self.client, all);
        self.amount += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut counts = self.shares.counts();
        let left = counts.get(&self.client).map_or(0, |count| count.saturating_sub(self.amount));
        match left {
            0 => drop(counts.remove(&self.client)),
            _ => drop(counts.insert(self.client, left)),
        }
    }
}

/// A limited number of places, of which one client has a few; cheap to clone.
#[derive(Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    clients: Shares,
    of_one: usize,
}

/// One place, until it is dropped.
pub struct Place(#[allow(dead_code)] (OwnedSemaphorePermit, Share));

impl Places {
    /// This many places in all, and for each client.
    pub fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), clients: Shares::default(), of_one }
    }

    /// A place for a client, without waiting.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if no place is left, or none for this client.
    pub fn take(&self, client: IpAddr) -> Result<Place, ApiError> {
        let place = Arc::clone(&self.all).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let share = self.clients.one(client, self.of_one).ok_or(ApiError::Busy)?;
        Ok(Place((place, share)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_client_has_its_share_and_no_more_until_it_gives_back() {
        let (shares, client) = (Shares::default(), IpAddr::from(Ipv4Addr::LOCALHOST));
        let mut first = shares.one(client, 2).unwrap();
        let second = shares.one(client, 2).unwrap();
        assert!(shares.one(client, 2).is_none());
        assert!(!first.grow(1, 2));
        assert!(shares.one(Ipv4Addr::new(10, 0, 0, 1).into(), 2).is_some(), "another client");
        drop(second);
        assert!(first.grow(1, 2));
        drop(first);
        assert!(shares.counts().is_empty(), "clients without anything are forgotten");
    }
}
