//! How much of something each client has, so that none has all of it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::ApiError,
    networks::{Network, networks},
};

/// What the networks of all clients have that have anything, and what one may have; cheap to clone.
#[derive(Clone)]
pub struct Shares {
    counts: Arc<Mutex<HashMap<Network, usize>>>,
    of_one: usize,
    /// The most that any network may have: no number of addresses in one gets everything.
    of_network: usize,
}

/// What one client has, until it is dropped.
pub struct Share {
    shares: Shares,
    client: IpAddr,
    amount: usize,
}

impl Shares {
    /// Of `all` that there is, one client may have `of_one`, and a network of several as much for
    /// each that it counts as, but not more than three quarters of all.
    pub fn new(all: usize, of_one: usize) -> Self {
        let of_network = (all - all / 4).max(of_one);
        Self { counts: Arc::default(), of_one, of_network }
    }

    /// One for a client, if it may have one more.
    pub fn one(&self, client: IpAddr) -> Option<Share> {
        let mut share = self.none(client);
        share.grow(1).then_some(share)
    }

    /// The most that one client may have.
    pub fn of_one(&self) -> usize {
        self.of_one
    }

    /// A share of nothing yet.
    pub fn none(&self, client: IpAddr) -> Share {
        Share { shares: self.clone(), client, amount: 0 }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // A count is changed in one step: it holds after a panic elsewhere.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Adds to it, unless a network that its client is in would have too much in all its shares.
    pub fn grow(&mut self, more: usize) -> bool {
        let Shares { of_one, of_network, .. } = self.shares;
        let mut counts = self.shares.counts();
        let has_room = networks(self.client).all(|(network, times)| {
            let most = of_one.saturating_mul(times as usize).min(of_network);
            counts.get(&network).copied().unwrap_or(0).saturating_add(more) <= most
        });
        if has_room {
            for (network, _) in networks(self.client) {
                *counts.entry(network).or_default() += more;
            }
            self.amount += more;
        }
        has_room
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut counts = self.shares.counts();
        for (network, _) in networks(self.client) {
            let left = counts.get(&network).map_or(0, |count| count.saturating_sub(self.amount));
            match left {
                0 => drop(counts.remove(&network)),
                _ => drop(counts.insert(network, left)),
            }
        }
    }
}

/// A limited number of places, of which one client has a few; cheap to clone.
#[derive(Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    clients: Shares,
}

/// One place, until it is dropped.
pub struct Place(#[allow(dead_code)] (OwnedSemaphorePermit, Share));

impl Places {
    /// This many places in all, and for each client.
    pub fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), clients: Shares::new(all, of_one) }
    }

    /// A place for a client, without waiting.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if no place is left, or none for this client.
    pub fn take(&self, client: IpAddr) -> Result<Place, ApiError> {
        let place = Arc::clone(&self.all).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let share = self.clients.one(client).ok_or(ApiError::Busy)?;
        Ok(Place((place, share)))
    }
}

/// Something that visitors have and, apart from it, the token's holder: however many visitors there
/// are, the holder gets what is its own.
#[derive(Clone)]
pub struct Reserved<T> {
    of_visitors: T,
    of_holder: T,
}

impl<T> Reserved<T> {
    /// As much for the holder as for all visitors.
    pub fn new(make: impl Fn() -> T) -> Self {
        Self { of_visitors: make(), of_holder: make() }
    }

    /// What a request takes from: the `holder`'s, or a visitor's.
    pub fn of(&self, holder: bool) -> &T {
        if holder { &self.of_holder } else { &self.of_visitors }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_client_has_its_share_and_no_more_until_it_gives_back() {
        let (shares, client) = (Shares::new(100, 2), IpAddr::from(Ipv4Addr::LOCALHOST));
        let mut first = shares.one(client).unwrap();
        let second = shares.one(client).unwrap();
        assert!(shares.one(client).is_none());
        assert!(!first.grow(1));
        assert!(shares.one(Ipv4Addr::new(10, 0, 0, 1).into()).is_some(), "another client");
        drop(second);
        assert!(first.grow(1));
        drop(first);
        assert!(shares.counts().is_empty(), "clients without anything are forgotten");
    }

    #[test]
    fn many_addresses_of_one_network_are_not_many_clients() {
        let shares = Shares::new(20, 4);
        let address = |network: u16| format!("2001:db8:7:{network:x}::1").parse().unwrap();
        let of = |networks: &mut dyn Iterator<Item = u16>| -> Vec<Share> {
            networks.filter_map(|network| shares.one(address(network))).collect()
        };
        // Of a /64, of a /56, of a /48.
        let narrow = of(&mut std::iter::repeat_n(0x100, 20));
        assert_eq!(narrow.len(), 4);
        let of_the_56 = of(&mut (0x101..0x1ff));
        assert_eq!(of_the_56.len(), 4, "twice the share in all");
        let of_the_48 = of(&mut (0x200..0xff00));
        assert_eq!(of_the_48.len(), 7, "three quarters of everything, not four times the share");
        assert!(shares.one("2001:db8:8::1".parse().unwrap()).is_some(), "another network");
        drop((narrow, of_the_56, of_the_48));
        assert!(shares.counts().is_empty());
    }
}
